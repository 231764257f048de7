import pytest

from autowatch.domino import v0 as domino_v0
from autowatch.domino.connection import (
    DominoAnswerUnusable,
    DominoConnection,
    DominoRefused,
    DominoToken,
    open_session,
)
from autowatch.domino.v0 import data_location, register_dataset
from tests.support.scripted_domino import Answer, FakeDomino


@pytest.fixture
def server():
    server = FakeDomino()
    yield server
    server.close()


def register(server, model_id="model-1", kind="predictions"):
    with open_session(1) as session:
        connection = DominoConnection(session, server.url, DominoToken(lambda: "token"), domino_v0.WIRE)
        return register_dataset(connection, model_id, kind, "https://b.s3.r.amazonaws.com/k")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", "registered"),
        (201, b"{}", "registered"),
        (200, b"accepted", "registered"),
        (202, b'["queued"]', "registered"),
        (500, b'"Dataset already registered with the model."', "already registered"),
        (400, b'{"message": "Dataset already registered with the model."}', "already registered"),
        (409, b"", "already registered"),
        (409, b"anything", "already registered"),
        (200, b'["Dataset already registered with the model."]', "already registered"),
    ],
)
def test_the_outcome_is_read_from_the_reply(server, status, body, outcome):
    server.answers = [Answer(status, body)]
    assert register(server) == outcome


def test_other_refusals_are_refusals(server):
    server.answers = [Answer(400, b'["No prediction data registered with the model"]')]
    with pytest.raises(DominoRefused, match="No prediction data"):
        register(server)


def test_a_model_id_cannot_leave_its_place_in_the_path(server):
    server.answers = [Answer(200)]
    register(server, "../a b?c")
    assert [item.path for item in server.requests] == ["/api/v0/models/..%2Fa%20b%3Fc/add_predictions"]


def test_labels_are_ground_truths(server):
    server.answers = [Answer(200)]
    register(server, kind="labels")
    assert [item.path for item in server.requests] == ["/api/v0/models/model-1/add_ground_truths"]


@pytest.mark.parametrize("body", [b"\xff\xfe\x00garbage", b"{not json", b"<xml>sign in</xml>"])
def test_a_2xx_with_an_error_page_is_not_a_success(server, body):
    server.answers = [Answer(200, body)]
    with pytest.raises(DominoAnswerUnusable, match="the request counts as failed"):
        register(server)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("predictions/date=2026-11-23/a-0.csv", "predictions/date%3D2026-11-23/a-0.csv"),
        ("predictions/a b+c/ü%20.csv", "predictions/a%20b%2Bc/%C3%BC%2520.csv"),
        ("predictions/?#&\n.csv", "predictions/%3F%23%26%0A.csv"),
    ],
)
def test_keys_are_percent_encoded(key, path):
    assert data_location("bucket-1", "eu-central-1", key) == (
        f"https://bucket-1.s3.eu-central-1.amazonaws.com/{path}"
    )
