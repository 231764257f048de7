import json
from datetime import UTC, datetime

import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.domino.connection import DominoAnswerUnusable, DominoUnavailable, open_session
from autowatch.domino.loader import read_back_checks
from autowatch.records.keys import DOMINO_CHECKS_KEY
from tests.support.domino_stack import BUCKET, RUN, make_stack
from tests.support.scripted_domino import Answer, FakeDomino

NOW = datetime(2026, 11, 23, 20, 0, 9, tzinfo=UTC)
CHECK = {"checkedOn": 1795435200, "variablesDrifted": ["euribor3m"], "numberOfPredictions": 4000}


@pytest.fixture
def stack():
    server = FakeDomino()
    with mock_aws(), open_session(1) as session:
        yield make_stack(session, server)
    server.close()


def read(stack, model_id):
    read_back_checks(Bucket(stack.s3, BUCKET), stack.registry.connection, RUN, model_id, NOW)
    return json.loads(stack.s3.get_object(Bucket=BUCKET, Key=DOMINO_CHECKS_KEY)["Body"].read())


def test_dominos_checks_are_kept_newest_first(stack):
    for number in range(3):
        stack.domino.add_model(f"other {number}")
    older = {**CHECK, "checkedOn": CHECK["checkedOn"] - 86_400, "variablesDrifted": []}
    model_id = stack.domino.add_model("m", dataDriftChecks=[older, CHECK])
    assert read(stack, model_id) == {
        "read": "2026-11-23T20:00:09Z",
        "run": RUN,
        "model_id": model_id,
        "ingestion_status": "created",
        "checks": [
            {"checked": "2026-11-23T12:00:00Z", "drifted_columns": ["euribor3m"], "predictions": 4000},
            {"checked": "2026-11-22T12:00:00Z", "drifted_columns": [], "predictions": 4000},
        ],
    }


@pytest.mark.parametrize(
    "checked_on",
    [1795435200, 1795435200.0, 1795435200000, "2026-11-23T12:00:00Z", "2026-11-23T13:00:00+01:00"],
)
def test_times_are_read_in_several_forms(stack, checked_on):
    model_id = stack.domino.add_model("m", dataDriftChecks=[{**CHECK, "checkedOn": checked_on}])
    assert read(stack, model_id)["checks"][0]["checked"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize("members", [{}, {"dataDriftChecks": None}, {"dataDriftChecks": []}])
def test_a_model_without_checks_has_none(stack, members):
    assert read(stack, stack.domino.add_model("m", **members))["checks"] == []


def test_only_names_are_kept_of_variables_and_are_cut(stack):
    drifted = ["x" * 5000, {"name": "job", "divergence": 0.9}]
    model_id = stack.domino.add_model("m", dataDriftChecks=[{**CHECK, "variablesDrifted": drifted}])
    assert read(stack, model_id)["checks"][0]["drifted_columns"] == ["x" * 200, "job"]


def test_an_answer_of_any_length_is_kept_short(stack):
    checks = [{**CHECK, "variablesDrifted": ["a"] * 5000}] * 50
    document = read(stack, stack.domino.add_model("m", dataDriftChecks=checks))
    assert len(document["checks"]) == 7
    assert len(document["checks"][0]["drifted_columns"]) == 1000


@pytest.mark.parametrize(
    "checks",
    [
        {},
        "none",
        [1],
        [{}],
        [{**CHECK, "checkedOn": "yesterday"}],
        [{**CHECK, "checkedOn": 1e300}],
        [{**CHECK, "checkedOn": True}],
        [{**CHECK, "variablesDrifted": "euribor3m"}],
        [{**CHECK, "variablesDrifted": [7]}],
    ],
)
def test_a_malformed_check_raises_a_named_error(stack, checks):
    with pytest.raises(DominoAnswerUnusable):
        read(stack, stack.domino.add_model("m", dataDriftChecks=checks))


@pytest.mark.parametrize("predictions", [None, "4000", -1, 0.5, True])
def test_an_invalid_number_of_predictions_is_left_out(stack, predictions):
    model_id = stack.domino.add_model("m", dataDriftChecks=[{**CHECK, "numberOfPredictions": predictions}])
    assert read(stack, model_id)["checks"][0]["predictions"] is None


def test_a_model_that_domino_does_not_list_is_named(stack):
    stack.domino.add_model("m")
    with pytest.raises(DominoAnswerUnusable, match=f"nobody of run {RUN}"):
        read(stack, "nobody")


def test_a_domino_that_is_down_leaves_earlier_checks(stack):
    model_id = stack.domino.add_model("m", dataDriftChecks=[CHECK])
    before = read(stack, model_id)
    stack.server.respond = lambda _: Answer(500)
    with pytest.raises(DominoUnavailable):
        read(stack, model_id)
    assert json.loads(stack.s3.get_object(Bucket=BUCKET, Key=DOMINO_CHECKS_KEY)["Body"].read()) == before
