import json

import pytest

from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import (
    DominoAnswerUnusable,
    DominoConnection,
    DominoCredentialsRefused,
    DominoRefused,
    DominoToken,
    DominoUnavailable,
    open_session,
)
from autowatch.domino.v2 import (
    VariablesConfigured,
    dataset_details,
    list_models,
    register_dataset,
    register_model,
)
from tests.support.scripted_domino import Answer, FakeDomino

DETAILS = dataset_details("a-0123", "predictions/date=2026-11-23/a b.csv", "bank bucket")
VARIABLES = [{"name": "id", "valueType": "string", "variableType": "row_identifier"}]
MODEL = "6140bb60113cb0792a1b9777"


@pytest.fixture
def server():
    server = FakeDomino()
    yield server
    server.close()


@pytest.fixture
def connection(server):
    with open_session(1) as session:
        yield DominoConnection(
            session,
            server.v2_url,
            DominoToken(lambda: "token"),
            domino_v2.WIRE,
            reply_timeout_seconds=1.0,
            sleep=lambda _: None,
        )


def as_json(status, document):
    return Answer(status, json.dumps(document).encode())


class TestDatasets:
    def test_the_request_follows_the_wire(self, server, connection):
        server.answers = [Answer(200)]
        assert register_dataset(connection, MODEL, "predictions", DETAILS, VARIABLES) == "registered"
        (request,) = server.requests
        assert (request.method, request.path) == (
            "PUT",
            f"/model-monitor/v2/api/model/{MODEL}/register-dataset/prediction",
        )
        assert request.headers["X-Domino-Api-Key"] == "token"
        assert "Authorization" not in request.headers
        assert request.document == {
            "variables": VARIABLES,
            "datasetDetails": {
                "name": "a-0123",
                "datasetType": "file",
                "datasetConfig": {"path": "predictions/date=2026-11-23/a b.csv", "fileFormat": "csv"},
                "datasourceName": "bank bucket",
                "datasourceType": "s3",
            },
        }

    def test_later_files_have_no_variables_and_labels_another_path(self, server, connection):
        server.answers = [Answer(201)]
        register_dataset(connection, "../x", "labels", DETAILS, [])
        (request,) = server.requests
        assert request.path == "/model-monitor/v2/api/model/..%2Fx/register-dataset/ground_truth"
        assert "variables" not in request.document

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (Answer(200), "registered"),
            (Answer(201, b"\n"), "registered"),
            (Answer(200, b"{}"), "registered"),
            (Answer(200, b'["Dataset already registered with the model."]'), "already registered"),
            (Answer(400, b'"Dataset already registered with the model."'), "already registered"),
            (Answer(500, b'{"message": "Dataset already registered with the model."}'), "already registered"),
            (Answer(409), "already registered"),
            (Answer(409, b"anything"), "already registered"),
        ],
    )
    def test_the_outcome_is_read_from_the_reply(self, server, connection, answer, outcome):
        server.answers = [answer]
        assert register_dataset(connection, MODEL, "predictions", DETAILS, []) == outcome
        assert len(server.requests) == 1

    @pytest.mark.parametrize("status", [200, 400, 409])
    @pytest.mark.parametrize(
        "text",
        [
            "Variable(s) with name ['id'] is/are already configured",
            "There can be only 1 row_identifier variable",
        ],
    )
    def test_configured_variables_are_not_mistaken_for_a_registered_file(
        self, server, connection, status, text
    ):
        server.answers = [as_json(status, [text])]
        with pytest.raises(VariablesConfigured):
            register_dataset(connection, MODEL, "predictions", DETAILS, VARIABLES)
        with pytest.raises(DominoRefused, match="No variables were sent"):
            register_dataset(connection, MODEL, "predictions", DETAILS, [])

    @pytest.mark.parametrize(
        ("answer", "failure"),
        [
            (as_json(400, "No prediction data registered with the model"), DominoRefused),
            (as_json(404, {"message": "Model not found"}), DominoRefused),
            (Answer(401), DominoCredentialsRefused),
            (Answer(403), DominoCredentialsRefused),
            (Answer(429), DominoUnavailable),
            (Answer(500), DominoUnavailable),
            (Answer(200, b"\xff\xfe garbage {"), DominoAnswerUnusable),
            (Answer(200, b'["Something went wrong"]'), DominoAnswerUnusable),
            (Answer(200, b"<!DOCTYPE html><html>Sign in</html>"), DominoRefused),
            (Answer(302, headers={"Location": "https://elsewhere.example/login"}), DominoRefused),
            (Answer(200, b" " * 100, trickle_seconds=0.05), DominoAnswerUnusable),
        ],
    )
    def test_any_other_response_is_a_failure(self, server, connection, answer, failure):
        server.answers = [answer]
        with pytest.raises(failure) as caught:
            register_dataset(connection, MODEL, "predictions", DETAILS, [])
        assert type(caught.value) is failure

    def test_a_deleted_model_is_reported_with_the_remedy(self, server, connection):
        server.answers = [Answer(404)]
        with pytest.raises(DominoRefused, match="monitoring/domino/models/"):
            register_dataset(connection, MODEL, "predictions", DETAILS, [])


class TestModels:
    def test_a_registered_model_has_an_id(self, server, connection):
        server.answers = [as_json(200, {"id": MODEL, "ingestionStatus": "created"})]
        assert register_model(connection, {"variables": []}) == MODEL
        (request,) = server.requests
        assert (request.method, request.path) == ("PUT", "/model-monitor/v2/api/model")

    @pytest.mark.parametrize("answer", [Answer(409), as_json(400, "A model of this name already exists")])
    def test_a_taken_name_has_no_id(self, server, connection, answer):
        server.answers = [answer]
        assert register_model(connection, {}) is None

    @pytest.mark.parametrize("answer", [Answer(500), Answer(0, hang_up=True)])
    def test_the_registration_is_requested_once(self, server, connection, answer):
        server.answers = [answer]
        with pytest.raises(DominoUnavailable):
            register_model(connection, {})
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "document", [[], {}, {"id": 7}, {"id": ""}, {"id": "../x"}, {"id": "x" * 200}, "x", None]
    )
    def test_a_response_without_an_id_is_an_error(self, server, connection, document):
        server.answers = [as_json(200, document)]
        with pytest.raises(DominoAnswerUnusable):
            register_model(connection, {})

    def pages(self, *sizes):
        numbers = iter(range(sum(sizes)))
        names = [[f"m{next(numbers)}" for _ in range(size)] for size in sizes]
        return [
            as_json(200, {"modelDashboardItems": [{"id": name, "name": name} for name in page]})
            for page in names
        ]

    @pytest.mark.parametrize("sizes", [(0,), (1, 0), (50, 0), (50, 50, 3, 0)])
    def test_all_pages_are_listed(self, server, connection, sizes):
        server.answers = self.pages(*sizes)
        assert len(list(list_models(connection))) == sum(sizes)
        assert [request.path.split("?")[1] for request in server.requests] == [
            f"pageNumber={number}&pageSize=50&numberOfLastChecksToFetch=1" for number in range(len(sizes))
        ]

    def test_the_listing_of_a_server_that_ignores_page_numbers_ends(self, server, connection):
        server.answers = self.pages(3)
        assert len(list(list_models(connection))) == 3
        assert len(server.requests) == 2

    def test_endless_pages_are_abandoned(self, server, connection, monkeypatch):
        monkeypatch.setattr(domino_v2, "_MOST_PAGES", 4)
        server.answers = self.pages(1, 1, 1, 1, 1)
        with pytest.raises(DominoAnswerUnusable, match="did not end"):
            list(list_models(connection))

    def test_a_bare_list_is_accepted(self, server, connection):
        server.answers = [as_json(200, [{"id": "a", "name": "b"}]), as_json(200, [])]
        assert [model.name for model in list_models(connection)] == ["b"]

    def test_a_foreign_model_without_a_name_hides_no_other(self, server, connection):
        nameless = [{"id": "x", "name": None}, {"id": None}]
        server.answers = [as_json(200, [*nameless, {"id": "a", "name": "b"}]), as_json(200, [])]
        assert [model.name for model in list_models(connection)] == ["b"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"{}",
            b'"x"',
            b"[" * 100_000,
            b'{"modelDashboardItems": {}}',
            b'{"modelDashboardItems": [1]}',
            b'[{"id": "a"}]',
            b'[{"name": "a"}]',
            b"\xff\xfe",
        ],
    )
    def test_a_malformed_list_of_models_raises_a_named_error(self, server, connection, body):
        server.answers = [Answer(200, body)]
        with pytest.raises(DominoAnswerUnusable):
            list(list_models(connection))

    def test_an_endless_answer_is_not_read_to_its_end(self, server, connection, monkeypatch):
        monkeypatch.setattr(domino_v2, "_PAGE_BYTES", 10_000)
        server.answers = [Answer(200, b"[" + b'{"id": "a", "name": "b"}, ' * 100_000)]
        with pytest.raises(DominoAnswerUnusable, match="not complete after"):
            list(list_models(connection))
