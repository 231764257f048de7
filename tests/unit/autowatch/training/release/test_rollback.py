import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import Contract, Feature
from autowatch.records.decision import GateDecision, write_decision
from autowatch.records.keys import baseline_key, contract_key, model_record_key
from autowatch.records.run import read_latest
from autowatch.records.smoke import SmokeTest, write_smoke_test
from autowatch.training.release.rollback import (
    ArtefactsGone,
    InvalidPromotion,
    NeverPassed,
    begin_promotion,
    promoted_run,
)
from autowatch.training.serving.model_record import ArtefactChanged, keep_model_record

BUCKET, EARLIER, RUN = "bank", "20261122-071500-d822", "20261123-071500-0000"
TRAINING = ObjectVersion("training/x.csv", "v", "e", 5)
ARTEFACT = f"models/{EARLIER}/autopilot/model.tar.gz"


@pytest.fixture
def aws():
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        contract = Contract(
            EARLIER, "y", ("no", "yes"), "yes", (Feature("age", "numeric"),), (), 600, 1, TRAINING
        )
        Bucket(s3, BUCKET).write_json(contract_key(EARLIER), contract)
        Bucket(s3, BUCKET).write_json(baseline_key(EARLIER), {})
        write_smoke_test(Bucket(s3, BUCKET), EARLIER, SmokeTest("1\n", ["no"], ["0.1"]))
        decide(s3, passed=True)
        containers = [{"Image": "i", "ModelDataUrl": f"s3://{BUCKET}/{ARTEFACT}", "Environment": {}}]
        s3.put_object(Bucket=BUCKET, Key=ARTEFACT, Body=b"model")
        keep_model_record(Bucket(s3, BUCKET), EARLIER, containers)
        yield session


def decide(s3, passed):
    write_decision(
        Bucket(s3, BUCKET), EARLIER, GateDecision(EARLIER, passed, "AUC 0.5.", 0.6, 100, {"auc": 0.5})
    )


def begin(aws):
    return begin_promotion(
        Bucket(aws.client("s3"), BUCKET),
        aws.client("stepfunctions"),
        EARLIER,
        run=RUN,
        execution="arn:execution",
        started="2026-11-23T07:15:00Z",
    )


def test_a_promotion_is_a_separate_run(aws):
    begun = begin(aws)
    assert begun == read_latest(Bucket(aws.client("s3"), BUCKET))
    assert (begun.run, begun.trigger, begun.promotes, begun.model_run) == (RUN, "promote", EARLIER, EARLIER)
    assert begun.training == TRAINING


def test_a_run_that_was_rejected_is_not_released(aws):
    decide(aws.client("s3"), passed=False)
    with pytest.raises(NeverPassed, match=r"did not pass its gate: AUC 0\.5"):
        begin(aws)


def test_a_run_that_never_reached_the_gate_is_not_released(aws):
    aws.client("s3").delete_object(Bucket=BUCKET, Key=f"models/{EARLIER}/gate.json")
    with pytest.raises(NeverPassed, match="does not exist or never reached its gate"):
        begin(aws)


@pytest.mark.parametrize(
    "key",
    [
        ARTEFACT,
        model_record_key(EARLIER),
        contract_key(EARLIER),
        baseline_key(EARLIER),
        f"models/{EARLIER}/smoke.json",
    ],
)
def test_a_run_without_its_artefacts_is_not_released(aws, key):
    # What begins alike is another object.
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{key}.old", Body=b"")
    aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ArtefactsGone, match=key):
        begin(aws)


def test_a_run_whose_artefact_was_exchanged_is_not_released(aws):
    aws.client("s3").put_object(Bucket=BUCKET, Key=ARTEFACT, Body=b"another")
    with pytest.raises(ArtefactChanged, match=rf"{ARTEFACT} is not what the gate of run {EARLIER} judged"):
        begin(aws)
    with pytest.raises(ObjectMissing):
        read_latest(Bucket(aws.client("s3"), BUCKET))


def test_the_champion_may_be_deployed_again(aws):
    write_champion(
        Bucket(aws.client("s3"), BUCKET), Champion(EARLIER, "e", "c", "m", "k", "b", "t", {}), None
    )
    assert begin(aws).promotes == EARLIER


def test_the_input_names_the_run_and_nothing_else():
    assert promoted_run({"promote": EARLIER}) == EARLIER


@pytest.mark.parametrize(
    "document",
    [
        {"promote": EARLIER, "training_key": "training/x.csv"},
        {"promote": "../champion"},
        {"promote": ""},
        {"promote": None},
        {"promote": [EARLIER]},
        {"promote": EARLIER + "\n"},
        {"promote": EARLIER, "by": 5},
        {"promote": EARLIER, "reason": "x" * 1001},
        {"by": "arn"},
    ],
)
def test_any_other_input_is_refused(document):
    with pytest.raises(InvalidPromotion, match="Release an earlier model with the input"):
        promoted_run(document)
