"""Releasing and undoing, against a SageMaker whose states the test sets, and a real (local) S3."""

from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.champion import Champion, NoChampion, read_champion, write_champion
from autowatch.records.decision import GateDecision, write_decision
from autowatch.records.keys import LATEST_KEY
from autowatch.records.problem import Problem
from autowatch.records.run import Run, RunEnded, begin_ending
from autowatch.records.smoke import SmokeTest, write_smoke_test
from autowatch.scoring.answer import Predictions
from autowatch.training.release.promote import (
    ReleaseWithdrawn,
    RolledBack,
    SmokeTestFailed,
    begin_release,
    promote,
    remove_challenger,
    undo_run,
)
from autowatch.training.serving.endpoints import EndpointBusy
from autowatch.training.serving.model_record import ArtefactChanged, keep_model_record
from tests.support.sagemaker_double import SageMaker

BUCKET, ENDPOINT, ARTEFACT = "bank", "e", "models/new/autopilot/model.tar.gz"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = Champion(
    "old", ENDPOINT, "e-old", "e-old", "models/old/contract.json", "models/old/baseline.json", "t", {}
)

RUN = Run(
    "new",
    "arn:execution",
    "running",
    "manual",
    ObjectVersion("training/x.csv", None, "e", 5),
    "2026-11-23T11:00:00Z",
)


class Answers:
    """An endpoint with set answers."""

    name = ENDPOINT

    def __init__(self, *columns, problem="binary"):
        self.predictions = Predictions(columns or (("no", "yes"), ("0.1", "0.9")))
        self.problem = Problem(problem)

    def predict_when_started(self, payload, rows):
        assert (payload, rows) == ("30,müller\n40,x\n".encode(), 2)
        return self.predictions


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        write_smoke_test(
            Bucket(s3, BUCKET), "new", SmokeTest("30,müller\n40,x\n", ["no", "yes"], ["0.1", "0.9"])
        )
        write_decision(Bucket(s3, BUCKET), "new", GateDecision("new", True, "good", 0.6, 100, {"auc": 0.8}))
        Bucket(s3, BUCKET).write_json(LATEST_KEY, RUN)
        s3.put_object(Bucket=BUCKET, Key=ARTEFACT, Body=b"model")
        keep_model_record(Bucket(s3, BUCKET), "new", [{"ModelDataUrl": f"s3://{BUCKET}/{ARTEFACT}"}])
        yield s3


@pytest.fixture
def sagemaker():
    """The challenger is staged, and so are its model and config; the champion's are there too."""
    sagemaker = SageMaker()
    for name in ("e-old", "e-new"):
        sagemaker.models[name] = sagemaker.configs[name] = {}
    sagemaker.put_endpoint("e-candidate", "e-new")
    return sagemaker


def release(s3, sagemaker, answers=None, config="e-new"):
    return promote(Bucket(s3, BUCKET), sagemaker, "new", config, ENDPOINT, answers or Answers(), NOW)


def test_the_first_model_is_put_in_force(s3, sagemaker):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    champion = release(s3, sagemaker)
    assert read_champion(Bucket(s3, BUCKET)) == champion
    assert (champion.run, champion.endpoint_config, champion.metrics) == ("new", "e-new", {"auc": 0.8})
    assert champion.released == "2026-11-23T12:00:00Z"


def test_the_next_model_replaces_it_idempotently(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), replace(OLD, releasing="e-new", releases=1), None)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    first = release(s3, sagemaker)
    again = promote(Bucket(s3, BUCKET), sagemaker, "new", "e-new", ENDPOINT, Answers(), NOW.replace(hour=13))
    assert first == again == read_champion(Bucket(s3, BUCKET))
    assert (first.previous_run, first.previous_config) == ("old", OLD.endpoint_config)


def test_the_champion_served_by_other_settings_keeps_its_predecessor(s3, sagemaker):
    champion = replace(OLD, run="new", endpoint_config="e-new", previous_run="old", releasing="e-later")
    write_champion(Bucket(s3, BUCKET), champion, None)
    sagemaker.put_endpoint(ENDPOINT, "e-later")
    champion = release(s3, sagemaker, config="e-later")
    assert read_champion(Bucket(s3, BUCKET)) == champion
    assert (champion.run, champion.endpoint_config, champion.model_name) == ("new", "e-later", "e-new")
    assert (champion.previous_run, champion.previous_config) == ("old", "e-new")


def test_the_config_of_the_old_endpoint_is_not_deleted(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), replace(OLD, endpoint_name="former", releasing="e-new"), None)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    assert release(s3, sagemaker).previous_config is None


def test_old_endpoints_are_remembered_until_used_again(s3, sagemaker):
    current = replace(OLD, endpoint_name="left", releasing="e-new", left_endpoints=("first", ENDPOINT))
    write_champion(Bucket(s3, BUCKET), current, None)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    assert release(s3, sagemaker).left_endpoints == ("first", "left")
    assert read_champion(Bucket(s3, BUCKET)).left_endpoints == ("first", "left")


def test_a_release_is_announced_before_the_endpoint_changes_and_once(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    del sagemaker.endpoints["e-candidate"]
    for _ in range(2):
        begin_release(Bucket(s3, BUCKET), sagemaker, ENDPOINT, "e-new", {}, {})
    assert read_champion(Bucket(s3, BUCKET)) == replace(OLD, releasing="e-new", releases=1)
    sagemaker.settle(ENDPOINT)
    champion = release(s3, sagemaker)
    assert (champion.run, champion.releasing, champion.releases) == ("new", None, 1)


def test_a_model_whose_artefact_was_exchanged_after_the_gate_is_not_released(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    s3.put_object(Bucket=BUCKET, Key=ARTEFACT, Body=b"another model")
    with pytest.raises(ArtefactChanged, match="is not what the gate of run new judged"):
        begin_release(Bucket(s3, BUCKET), sagemaker, ENDPOINT, "e-new", {}, {})
    assert read_champion(Bucket(s3, BUCKET)) == OLD
    assert sagemaker.endpoints[ENDPOINT]["EndpointConfigName"] == "e-old"
    assert "e-candidate" in sagemaker.endpoints


def test_a_promotion_compares_the_artefacts_of_the_earlier_run(s3, sagemaker):
    sagemaker.configs["e-later"] = {}
    promotion = replace(RUN, run="later", trigger="promote", promotes="new")
    Bucket(s3, BUCKET).write_json(LATEST_KEY, promotion)
    s3.put_object(Bucket=BUCKET, Key=ARTEFACT, Body=b"another model")
    with pytest.raises(ArtefactChanged, match="the gate of run new"):
        begin_release(Bucket(s3, BUCKET), sagemaker, ENDPOINT, "e-later", {}, {})


def test_a_rolled_back_release_cannot_continue(s3, sagemaker):
    """A state whose execution was stopped runs to its end all the same."""
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    del sagemaker.endpoints["e-candidate"]
    begin_release(Bucket(s3, BUCKET), sagemaker, ENDPOINT, "e-new", {}, {})
    undo_until_done(s3, sagemaker)
    assert read_champion(Bucket(s3, BUCKET)) == replace(OLD, releases=1)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    with pytest.raises(ReleaseWithdrawn, match="run old is in force"):
        release(s3, sagemaker)


def test_a_stopped_run_neither_changes_the_endpoint_nor_takes_effect(s3, sagemaker):
    """Its function is still running after the execution was stopped."""
    write_champion(Bucket(s3, BUCKET), replace(OLD, releasing="e-new"), None)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    begin_ending(Bucket(s3, BUCKET), RUN)
    with pytest.raises(RunEnded):
        begin_release(Bucket(s3, BUCKET), sagemaker, ENDPOINT, "e-new", {}, {})
    with pytest.raises(RunEnded):
        release(s3, sagemaker)
    assert read_champion(Bucket(s3, BUCKET)).run == "old"


def test_another_runs_candidate_is_kept(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    sagemaker.put_endpoint("e-candidate", "e-newer")
    undo_until_done(s3, sagemaker)
    assert sagemaker.endpoints["e-candidate"]["EndpointConfigName"] == "e-newer"


def test_a_silent_rollback_is_detected_by_the_config(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old", reason="The alarm endpoint-5xx was raised.")
    with pytest.raises(RolledBack, match="serves e-old instead of e-new: The alarm endpoint-5xx was raised"):
        release(s3, sagemaker)
    assert read_champion(Bucket(s3, BUCKET)) == OLD


def test_a_missing_endpoint_fails_the_release(s3, sagemaker):
    with pytest.raises(RolledBack, match="serves nothing instead of e-new"):
        release(s3, sagemaker)


@pytest.mark.parametrize(
    "answers",
    [Answers(("no", "yes"), ("0.1", "0.89")), Answers(("yes", "yes"), ("0.1", "0.9"))],
    ids=["number", "label"],
)
def test_answers_that_differ_from_the_candidates_stop_the_release(s3, sagemaker, answers):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    with pytest.raises(SmokeTestFailed, match="2 hold-out rows"):
        release(s3, sagemaker, answers)
    with pytest.raises(NoChampion):
        read_champion(Bucket(s3, BUCKET))


def test_answers_may_differ_in_the_last_digits_of_a_float(s3, sagemaker):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    assert release(s3, sagemaker, Answers(("no", "yes"), ("0.10003", "0.89993"))).run == "new"


def test_a_label_may_differ_if_both_are_equally_likely(s3, sagemaker):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    smoke_test = SmokeTest("30,müller\n40,x\n", ["no", "yes"], ["0.1", "0.50002"])
    write_smoke_test(Bucket(s3, BUCKET), "new", smoke_test)
    assert release(s3, sagemaker, Answers(("no", "no"), ("0.1", "0.49998"))).run == "new"


@pytest.mark.parametrize(
    ("problem", "kept", "answered"),
    [
        ("multiclass", ["0.1", "0.5"], (["no", "maybe"], ["0.1", "0.49996"])),
        ("regression", [], (["120000.4", "-3"],)),
    ],
)
def test_the_last_digits_may_also_differ_for_other_problem_types(s3, sagemaker, problem, kept, answered):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    labels = ["no", "yes"] if kept else ["120000.1", "-3"]
    write_smoke_test(Bucket(s3, BUCKET), "new", SmokeTest("30,müller\n40,x\n", labels, kept))
    assert release(s3, sagemaker, Answers(*answered, problem=problem)).run == "new"


@pytest.mark.parametrize(
    ("problem", "kept", "answered"),
    [
        ("multiclass", ["0.1", "0.8"], (["no", "maybe"], ["0.1", "0.8"])),
        ("regression", [], (["120000.1", "40"],)),
    ],
)
def test_different_answers_of_other_problem_types_stop_the_release(s3, sagemaker, problem, kept, answered):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    labels = ["no", "yes"] if kept else ["120000.1", "-3"]
    write_smoke_test(Bucket(s3, BUCKET), "new", SmokeTest("30,müller\n40,x\n", labels, kept))
    with pytest.raises(SmokeTestFailed):
        release(s3, sagemaker, Answers(*answered, problem=problem))


def left(sagemaker):
    return set(sagemaker.endpoints), set(sagemaker.models), set(sagemaker.configs)


def undo(s3, sagemaker, run=RUN):
    return undo_run(Bucket(s3, BUCKET), sagemaker, run, ENDPOINT, {})


def undo_until_done(s3, sagemaker, run=RUN):
    """Calls repeatedly as the state machine does, and completes all changes in between."""
    for _ in range(5):
        try:
            return undo(s3, sagemaker, run)
        except EndpointBusy:
            for name in list(sagemaker.endpoints):
                sagemaker.settle(name)
    pytest.fail("the clean-up does not come to an end")
    return None


def settle(sagemaker):
    for name, endpoint in list(sagemaker.endpoints.items()):
        if endpoint["EndpointStatus"] == "Deleting":
            sagemaker.settle(name)


@pytest.mark.parametrize("status", ["InService", "Creating", "Failed"])
def test_a_run_that_failed_at_the_candidate_leaves_only_the_champion(s3, sagemaker, status):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    sagemaker.put_endpoint("e-candidate", "e-new", status)
    cleaned = undo_until_done(s3, sagemaker)
    settle(sagemaker)
    assert (cleaned.champion, cleaned.released) == (OLD, False)
    assert left(sagemaker) == ({ENDPOINT}, {"e-old"}, {"e-old"})
    assert "UpdateEndpoint" not in sagemaker.calls


@pytest.mark.parametrize("on_its_way", [True, False])
def test_a_run_that_failed_after_the_switch_is_switched_back(s3, sagemaker, on_its_way):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old" if on_its_way else "e-new", "InService")
    if on_its_way:
        sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="e-new")
    undo_until_done(s3, sagemaker)
    settle(sagemaker)
    assert sagemaker.endpoints[ENDPOINT] == {"EndpointStatus": "InService", "EndpointConfigName": "e-old"}
    assert left(sagemaker) == ({ENDPOINT}, {"e-old"}, {"e-old"})


def test_a_run_that_failed_at_a_new_endpoint_deletes_it_and_keeps_the_champions(s3, sagemaker):
    champion = replace(OLD, endpoint_name="left", endpoint_config="left-old", releasing="e-new", releases=1)
    write_champion(Bucket(s3, BUCKET), champion, None)
    sagemaker.put_endpoint("left", "left-old")
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    left = undo_run(Bucket(s3, BUCKET), sagemaker, RUN, ENDPOINT, {})
    assert (left.champion, left.released) == (champion, False)
    assert read_champion(Bucket(s3, BUCKET)) == replace(champion, releasing=None)
    sagemaker.settle(ENDPOINT)
    assert {name: state["EndpointStatus"] for name, state in sagemaker.endpoints.items()} == {
        "left": "InService",
        "e-candidate": "Deleting",
    }


def test_a_promotion_that_failed_is_switched_back_and_the_earlier_model_stays(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    del sagemaker.endpoints["e-candidate"]
    sagemaker.configs["e-later"] = {}
    sagemaker.put_endpoint(ENDPOINT, "e-later")
    undo_until_done(s3, sagemaker, replace(RUN, run="later", trigger="promote", promotes="new"))
    settle(sagemaker)
    assert sagemaker.endpoints[ENDPOINT]["EndpointConfigName"] == "e-old"
    assert left(sagemaker) == ({ENDPOINT}, {"e-old", "e-new"}, {"e-old", "e-new"})


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_only_a_person_can_repair_does_not_block_the_clean_up(s3, sagemaker, status):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-old", status)
    assert undo(s3, sagemaker).champion == OLD


def test_an_endpoint_that_failed_with_the_challenger_is_restored_with_the_champion(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker.put_endpoint(ENDPOINT, "e-new", "Failed")
    undo_until_done(s3, sagemaker)
    assert sagemaker.endpoints[ENDPOINT] == {"EndpointStatus": "InService", "EndpointConfigName": "e-old"}


def test_a_first_run_that_failed_after_the_switch_leaves_nothing(s3, sagemaker):
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    cleaned = undo_until_done(s3, sagemaker)
    settle(sagemaker)
    assert cleaned.champion is None
    assert left(sagemaker) == (set(), {"e-old"}, {"e-old"})


def test_a_run_that_failed_early_deletes_nothing(s3):
    write_champion(Bucket(s3, BUCKET), OLD, None)
    sagemaker = SageMaker()
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    undo(s3, sagemaker)
    assert set(sagemaker.endpoints) == {ENDPOINT}


def test_a_very_first_run_that_failed_early_finds_nothing_to_undo(s3):
    assert undo(s3, SageMaker()).champion is None


def test_a_run_that_failed_after_its_release_stays_released(s3, sagemaker):
    write_champion(Bucket(s3, BUCKET), replace(OLD, run="new", endpoint_config="e-new"), None)
    sagemaker.put_endpoint(ENDPOINT, "e-new")
    cleaned = undo_until_done(s3, sagemaker)
    settle(sagemaker)
    assert cleaned.released
    assert left(sagemaker) == ({ENDPOINT}, {"e-old", "e-new"}, {"e-old", "e-new"})


def test_a_running_job_is_stopped(s3):
    sagemaker = SageMaker()
    sagemaker.put_job("autowatch-new", "InProgress", "TrainingModels")
    undo(s3, sagemaker)
    assert sagemaker.jobs["autowatch-new"]["AutoMLJobStatus"] == "Stopping"


@pytest.mark.parametrize(("keep", "models"), [(True, {"e-old", "e-new"}), (False, {"e-old"})])
def test_a_challengers_model_is_kept_only_if_released(sagemaker, keep, models):
    remove_challenger(sagemaker, ENDPOINT, "new", keep_model=keep)
    settle(sagemaker)
    assert set(sagemaker.models) == set(sagemaker.configs) == models
    assert "e-candidate" not in sagemaker.endpoints
