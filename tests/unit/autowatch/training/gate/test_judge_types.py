"""The gate on hold-outs of several labels and of numbers, with a local S3 and endpoints that the test chooses."""

import csv
import io
from dataclasses import replace

import boto3
import numpy as np
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import Contract, Feature
from autowatch.records.decision import read_decision
from autowatch.records.holdout import UnseenRows, write_unseen_rows
from autowatch.records.keys import baseline_key, contract_key, holdout_key
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.profile import Baseline, baseline_column
from autowatch.training.gate.checks import GateRules
from autowatch.training.gate.judge import Endpoints, judge_challenger

BUCKET, RUN, CANDIDATE, ENDPOINT, ROWS = "bank", "new", "e-candidate", "e", 300
LABELS = ("a", "b", "c")
CLASSES = Contract(
    RUN,
    "y",
    LABELS,
    "",
    (Feature("x", "numeric"), Feature("noise", "numeric")),
    (),
    5 * ROWS,
    1,
    ObjectVersion("k", None, "e", 1),
    problem_type="multiclass",
)
NUMBERS = replace(CLASSES, labels=(), problem_type="regression")
CHAMPION = Champion("old", ENDPOINT, "e-old", "e-old", contract_key("old"), baseline_key("old"), "t", {})


class Runtime:
    """A stand-in for `sagemaker-runtime`: behind each endpoint a function from a row to the fields of the answer."""

    def __init__(self, **models):
        self.models = models

    def invoke_endpoint(self, EndpointName, ContentType, Accept, Body):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in csv.reader(io.StringIO(Body.decode(), newline="")):
            writer.writerow(self.models[EndpointName](*map(float, row)))
        return {"Body": io.BytesIO(text.getvalue().encode())}


def classes_by(weight):
    """A model that weighs the column that tells the label by so much, and answers in an order of its own."""

    def predict(x, noise):
        distances = np.array([abs(weight * x + (1 - weight) * noise - place) for place in range(3)])
        shares = np.exp(-3 * distances) / np.exp(-3 * distances).sum()
        order = [2, 0, 1]
        return [
            LABELS[shares.argmax()],
            shares.max(),
            [float(shares[place]) for place in order],
            [LABELS[place] for place in order],
        ]

    return predict


def numbers_by(weight):
    return lambda x, noise: [weight * x + (1 - weight) * noise]


@pytest.fixture(params=["labels", "numbers"])
def world(request):
    """The bucket with a hold-out, the challenger's contract, a good model and a poor one."""
    random = np.random.default_rng(7)
    contract, model = (CLASSES, classes_by) if request.param == "labels" else (NUMBERS, numbers_by)
    places = np.arange(ROWS) % 3
    truth = [LABELS[place] for place in places] if contract.labels else places + random.normal(0, 0.3, ROWS)
    x, noise = places + random.normal(0, 0.3, ROWS), random.normal(1, 1, ROWS)
    lines = [f"{one:.4f},{other:.4f},{true}" for one, other, true in zip(x, noise, truth, strict=True)]
    with mock_aws():
        bucket = Bucket(boto3.client("s3"), BUCKET)
        bucket.client.create_bucket(Bucket=BUCKET)
        bucket.client.put_object(
            Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join(["x,noise,y", *lines]).encode()
        )
        bucket.write_json(contract_key(RUN), contract)
        column = baseline_column("x", "feature", "numeric", {"0.1": 400, "0.9": 100})
        bucket.write_json(baseline_key(RUN), Baseline(RUN, 500, (column,)))
        yield bucket, contract, model(1.0), model(0.6)


def judge(bucket, challenger, champion):
    runtime = Runtime(**{CANDIDATE: challenger, ENDPOINT: champion})
    endpoints = Endpoints(runtime, CANDIDATE, ENDPOINT, lambda: 100.0)
    limits = ScoringLimits(max_batch_rows=64, concurrency=2)
    return judge_challenger(bucket, RUN, endpoints, limits, GateRules(0.6))


def crown(bucket, contract):
    bucket.write_json(CHAMPION.contract_key, replace(contract, run="old"))
    write_champion(bucket, CHAMPION, None)


def test_a_first_model_passes_and_its_decision_is_kept(world):
    bucket, contract, good, poor = world
    decision = judge(bucket, good, poor)
    assert decision.passed
    assert decision.problem_type == contract.problem_type
    assert "AUC" in decision.reason if contract.labels else "AUC" not in decision.reason
    assert read_decision(bucket, RUN) == decision


def test_a_poorer_model_is_rejected_and_a_better_one_is_not(world):
    bucket, contract, good, poor = world
    crown(bucket, contract)
    worse = judge(bucket, poor, good)
    assert not worse.passed
    assert [check.passed for check in worse.checks if check.name == "champion"] == [False]
    assert read_decision(bucket, RUN) == worse
    better = judge(bucket, good, poor)
    assert better.passed
    assert better.comparison.rows == ROWS


def test_enough_rows_must_be_unknown_to_the_champion(world):
    bucket, contract, good, poor = world
    crown(bucket, contract)
    write_unseen_rows(bucket, RUN, UnseenRows("old", ((1, 9),)))
    few = judge(bucket, good, poor)
    assert few.comparison is None
    needed = "10 of each of two labels are needed" if contract.labels else "run old; 10 are needed"
    assert needed in few.champion_skipped
    write_unseen_rows(bucket, RUN, UnseenRows("old", ((1, 30),)))
    assert judge(bucket, good, poor).comparison.rows == 30


def test_a_champion_of_another_type_is_not_compared(world):
    bucket, contract, good, poor = world
    crown(bucket, NUMBERS if contract.labels else CLASSES)
    decision = judge(bucket, good, poor)
    assert decision.passed
    ours, theirs = ("several labels", "numbers") if contract.labels else ("numbers", "several labels")
    assert f"the champion, run old, predicts {theirs}, the challenger {ours}." in decision.reason


@pytest.mark.parametrize("world", ["labels"], indirect=True)
def test_a_champion_with_other_labels_is_not_compared_and_long_lists_are_cut(world):
    bucket, contract, good, poor = world
    crown(bucket, replace(contract, labels=tuple(f"l{place:02}" for place in range(40))))
    assert "has the labels 'l00', 'l01'" in judge(bucket, good, poor).reason
    assert "and 30 more, the challenger 'a', 'b', 'c'" in judge(bucket, good, poor).reason
