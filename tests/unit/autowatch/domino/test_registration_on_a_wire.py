from concurrent.futures import ThreadPoolExecutor

import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.domino import registration as domino_registration
from autowatch.domino.connection import DominoRefused, DominoUnavailable, open_session
from autowatch.domino.files import Dataset
from autowatch.domino.models import TrainingDataGone, read_model_record
from autowatch.domino.registration import V0Register, V2Register
from autowatch.records.keys import train_key
from tests.support.domino_stack import BUCKET, EARLIER_RUN, RUN, make_stack
from tests.support.scripted_domino import Answer, FakeDomino


@pytest.fixture
def stack():
    server = FakeDomino()
    with mock_aws(), open_session(8) as session:
        yield make_stack(session, server)
    server.close()


def predictions(name, run=RUN):
    return Dataset("predictions", f"predictions/date=2026-11-23/{name}.csv", run, "v1")


def labels(name, run=RUN):
    return Dataset("labels", f"monitoring/labels/date=2026-11-23/run={run}/{name}.csv", run)


def sent(stack):
    """The variables that went with each registered file, in the order of the requests."""
    return [
        [variable["name"] for variable in item.document.get("variables", [])]
        for item in stack.server.requests
        if "register-dataset" in item.path
    ]


def known(stack):
    """What Domino has, by model: kind and path."""
    return {
        model["name"]: [(kind, path) for kind, _, path in stack.domino.datasets.get(model["id"], [])]
        for model in stack.domino.models
    }


def test_variables_are_sent_only_with_the_first_file_of_a_kind(stack):
    files = [predictions("a"), predictions("b"), labels("a"), labels("b")]
    for half in (files[0::2], files[1::2]):
        # A loader of another day knows nothing but what is in the bucket.
        register = V2Register(stack.registry)
        assert [register(file).outcome for file in half] == ["registered", "registered"]
    assert sent(stack) == [["id", "prediction_date"], ["y_actual"], [], []]
    (variable,) = next(
        item.document["variables"] for item in stack.server.requests if item.path.endswith("/ground_truth")
    )
    assert variable == {
        "name": "y_actual",
        "valueType": "categorical",
        "variableType": "ground_truth",
        "forPredictionOutput": "y",
    }
    assert read_model_record(Bucket(stack.s3, BUCKET), RUN).configured == ("predictions", "labels")


def test_files_go_to_the_model_of_the_run_that_scored_them(stack):
    register = V2Register(stack.registry)
    register(predictions("a"))
    register(predictions("b", EARLIER_RUN))
    register(labels("b", EARLIER_RUN))
    assert known(stack) == {
        f"autowatch-{RUN}": [("prediction", "predictions/date=2026-11-23/a.csv")],
        f"autowatch-{EARLIER_RUN}": [
            ("prediction", "predictions/date=2026-11-23/b.csv"),
            ("ground_truth", f"monitoring/labels/date=2026-11-23/run={EARLIER_RUN}/b.csv"),
        ],
    }


def test_a_file_registered_twice_exists_once(stack):
    for expected in ("registered", "already registered"):
        assert V2Register(stack.registry)(predictions("a")).outcome == expected
    assert len(known(stack)[f"autowatch-{RUN}"]) == 1


@pytest.mark.parametrize("first", ["a", "b"])
def test_a_crash_between_call_and_record_does_no_harm(stack, monkeypatch, first):
    def die(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(domino_registration, "note_configured", die)
        with pytest.raises(RuntimeError):
            V2Register(stack.registry)(predictions("a"))
    register = V2Register(stack.registry)
    outcomes = {
        name: register(predictions(name)).outcome for name in sorted("ab", key=lambda name: name != first)
    }
    assert outcomes == {"a": "already registered", "b": "registered"}
    assert sorted(path for _, path in known(stack)[f"autowatch-{RUN}"]) == [
        predictions(name).key for name in "ab"
    ]
    assert read_model_record(Bucket(stack.s3, BUCKET), RUN).configured == ("predictions",)


def test_a_lost_response_is_recovered(stack):
    answered = stack.server.respond
    lost = []

    def lose_the_first(request):
        answer = answered(request)
        if "register-dataset" in request.path and not lost:
            lost.append(request)
            return Answer(0, hang_up=True)
        return answer

    stack.server.respond = lose_the_first
    assert V2Register(stack.registry)(predictions("a")).outcome == "already registered"
    assert len(known(stack)[f"autowatch-{RUN}"]) == 1


def test_the_first_file_is_sent_alone_and_the_others_in_parallel(stack):
    register = V2Register(stack.registry)
    files = [predictions(f"{number:02}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = [item.outcome for item in pool.map(register, files)]
    assert outcomes == ["registered"] * 40
    assert sent(stack) == [["id", "prediction_date"]] + [[]] * 39
    assert len(stack.domino.models) == 1
    assert stack.calls("PUT", "model") == 1


def test_a_first_file_that_fails_leaves_the_variables_to_the_next(stack):
    answered = stack.server.respond

    def refuse_a(request):
        if b"a.csv" in request.body:
            return Answer(400, b'"no such file"')
        return answered(request)

    stack.server.respond = refuse_a
    register = V2Register(stack.registry)
    with pytest.raises(DominoRefused, match="no such file"):
        register(predictions("a"))
    assert register(predictions("b")).outcome == "registered"
    assert sent(stack)[-1] == ["id", "prediction_date"]


def test_a_refused_model_is_requested_once(stack):
    stack.domino.refuse_models = Answer(400, b'"too many variables"')
    register = V2Register(stack.registry)
    for number in range(3):
        with pytest.raises(DominoRefused, match="too many variables"):
            register(predictions(f"{number}"))
    assert stack.calls("PUT", "model") == 1
    stack.domino.refuse_models = None
    assert register(predictions("a", EARLIER_RUN)).outcome == "registered"


def test_a_domino_that_is_down_before_the_registration_is_called_once(stack):
    """Each file of a day would wait for the tries of the one before it."""
    stack.server.respond = lambda _: Answer(503)
    register, asked = V2Register(stack.registry), []
    for number in range(3):
        with pytest.raises(DominoUnavailable):
            register(predictions(f"{number}"))
        asked.append(len(stack.server.requests))
    assert asked == [stack.registry.connection.attempts] * 3


def test_a_model_without_training_data_is_looked_up_once(stack):
    """A day's ten thousand files must not ask for all of Domino's models each, one after the other."""
    stack.s3.delete_object(Bucket=BUCKET, Key=train_key(RUN))
    register = V2Register(stack.registry)
    asked = []
    for number in range(3):
        with pytest.raises(TrainingDataGone):
            register(predictions(f"{number}"))
        asked.append(stack.calls("GET", "models"))
    assert len(set(asked)) == 1


def test_labels_without_predictions_are_refused_and_retried(stack):
    register = V2Register(stack.registry)
    with pytest.raises(DominoRefused, match="No prediction data"):
        register(labels("a"))
    register(predictions("a"))
    assert register(labels("a")).outcome == "registered"


def test_on_v0_both_kinds_go_to_the_one_model(stack):
    stack.server.respond = lambda _: Answer(200)
    register = V0Register(stack.registry.connection, "model-1", BUCKET, "us-east-1")
    assert register(predictions("a b")).model_id == "model-1"
    register(labels("a"))
    assert [item.path.rpartition("/")[2] for item in stack.server.requests] == [
        "add_predictions",
        "add_ground_truths",
    ]
    assert stack.server.requests[0].document == {
        "dataLocation": "https://bank.s3.us-east-1.amazonaws.com/predictions/date%3D2026-11-23/a%20b.csv"
    }
