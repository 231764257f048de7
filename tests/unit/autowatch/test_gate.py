"""The gate, with a real (local) S3 and an endpoint that answers as it is told."""

import json
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from autowatch.answer import Predictions
from autowatch.contract import Contract, Feature
from autowatch.endpoint import RowsRefused
from autowatch.gate import HoldoutRejected, judge_challenger
from autowatch.gate_decision import read_decision, read_smoke_test
from autowatch.objects import ObjectVersion, write_json
from autowatch.profile import Baseline, baseline_column
from autowatch.runs import baseline_key, holdout_key
from autowatch.scoring import ScoringLimits

BUCKET, RUN = "bank", "r"
CONTRACT = Contract(
    RUN,
    "y",
    ("no", "yes"),
    "yes",
    (Feature("age", "numeric"), Feature("job", "categorical")),
    (),
    500,
    1,
    ObjectVersion("k", None, "e", 1),
)


class Endpoint:
    """Gives each age as a probability in per cent, and counts on being asked in the contract's order."""

    name = "candidate"

    def __init__(self, upside_down=False, refuses=None):
        self.upside_down, self.refuses = upside_down, refuses
        self.seconds_left = lambda: 100.0

    def predict(self, payload, rows):
        lines = payload.decode().splitlines()
        assert len(lines) == rows
        ages = [int(line.split(",")[0]) for line in lines]
        if self.refuses in ages:
            raise RowsRefused("refused", f"a row with {self.refuses}")
        shares = [(100 - age if self.upside_down else age) / 100 for age in ages]
        return Predictions(
            ["yes" if share >= 0.5 else "no" for share in shares], [f"{share:.2f}" for share in shares]
        )


@pytest.fixture(autouse=True)
def dataclass_endpoint(monkeypatch):
    """`score_table` makes a stoppable copy of the endpoint; a double has nothing to stop."""
    monkeypatch.setattr("autowatch.scoring.replace", lambda endpoint, **_: endpoint)


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        lines = ["age,job,y", *(f"{n % 100},j{n % 3},{'yes' if n % 100 >= 60 else 'no'}" for n in range(500))]
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join(lines).encode())
        columns = (baseline_column("age", "feature", "numeric", {"1": 400, "99": 100}),)
        write_json(s3, BUCKET, baseline_key(RUN), Baseline(RUN, 500, columns).to_json())
        yield s3


def judge(s3, endpoint, minimum_auc=0.6, limits=None):
    limits = limits or ScoringLimits(max_batch_rows=64, concurrency=2)
    return judge_challenger(s3, BUCKET, CONTRACT, endpoint, limits, minimum_auc)


def test_a_good_challenger_passes_and_the_decision_is_kept(s3):
    decision = judge(s3, Endpoint())
    assert decision.passed
    assert decision.rows == 500
    assert decision.metrics["auc"] == 1
    assert decision.metrics["recall"] == 1
    assert "not below the floor of 0.6" in decision.reason
    assert read_decision(s3, BUCKET, RUN) == decision


def test_a_challenger_below_the_floor_is_rejected_with_the_figures(s3):
    decision = judge(s3, Endpoint(upside_down=True))
    assert not decision.passed
    assert decision.reason == "AUC 0.0000 on 500 hold-out rows is below the floor of 0.6."
    assert read_decision(s3, BUCKET, RUN) == decision


def test_the_floor_itself_is_good_enough(s3):
    assert judge(s3, Endpoint(), minimum_auc=1.0).passed


def test_the_baseline_gets_the_predictions_column_and_only_once(s3):
    for _ in range(2):
        judge(s3, Endpoint())
        document = json.loads(s3.get_object(Bucket=BUCKET, Key=baseline_key(RUN))["Body"].read())
        baseline = Baseline.from_json(document)
        assert [(column.bins.name, column.bins.kind) for column in baseline.columns] == [
            ("age", "feature"),
            ("y_probability", "prediction"),
        ]
        assert sum(baseline.columns[-1].counts) == 500


def test_the_smoke_test_repeats_what_was_sent_and_answered(s3):
    judge(s3, Endpoint())
    smoke_test = read_smoke_test(s3, BUCKET, RUN)
    answers = Endpoint().predict(smoke_test.payload.encode(), 20)
    assert (list(answers.labels), list(answers.probabilities)) == (
        smoke_test.labels,
        smoke_test.probabilities,
    )


def test_a_row_that_the_challenger_refuses_stops_the_run_without_quoting_it(s3):
    with pytest.raises(HoldoutRejected, match="line 79") as caught:
        judge(s3, Endpoint(refuses=77), limits=ScoringLimits(max_batch_rows=200, concurrency=1))
    assert "77" not in str(caught.value)


def test_how_the_hold_out_is_cut_does_not_matter(s3):
    whole = judge(s3, Endpoint(), limits=ScoringLimits(max_batch_rows=1000, concurrency=1))
    assert judge(s3, Endpoint(), limits=ScoringLimits(max_batch_rows=7, concurrency=4)) == whole


def test_another_positive_label_turns_the_figures_round(s3):
    other = replace(CONTRACT, positive_label="no")
    limits = ScoringLimits(max_batch_rows=64, concurrency=2)
    assert judge_challenger(s3, BUCKET, other, Endpoint(), limits, 0.6).metrics["auc"] == 0
