"""Files on which a hold-out flattered, from Prepare through a model of scikit-learn to the gate's decision."""

import csv
import io
import random

import boto3
import pytest
from moto import mock_aws
from sklearn.ensemble import RandomForestClassifier

from autowatch.aws.objects import Bucket
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import read_contract
from autowatch.records.keys import baseline_key, contract_key, holdout_key, train_key
from autowatch.scoring.requests import ScoringLimits
from autowatch.training.data.files import find_training_files
from autowatch.training.data.prepare import Preparation, prepare_training_data
from autowatch.training.data.report import read_warnings
from autowatch.training.gate.checks import GateRules
from autowatch.training.gate.judge import Endpoints, judge_challenger
from tests.support.runtime_double import Runtime

BUCKET, KEY, CANDIDATE, ENDPOINT = "bank", "training/x.csv", "e-candidate", "e"
PLAIN = Preparation("y", "yes", (), 20)


@pytest.fixture
def bucket():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        yield Bucket(s3, BUCKET)


def rows_with(signal, number, seed=1):
    """Six columns of noise; the label follows the first ones as far as `signal` says, and 20 % are positive."""
    chance = random.Random(seed)
    rows = []
    for _ in range(number):
        values = [chance.gauss(0, 1) for _ in range(6)]
        label = (
            "yes"
            if signal * sum(values[:3]) + chance.gauss(0, 1) > 0.85 * (1 + 3 * signal**2) ** 0.5
            else "no"
        )
        rows.append([*(f"{value:.3f}" for value in values), label])
    return rows


class Stack:
    """A bucket in which models are trained, judged and put in force."""

    def __init__(self, bucket):
        self.bucket, self._models = bucket, {}

    def train(self, run, rows, preparation=PLAIN, extra=()):
        """Prepares a run, trains a forest on its train.csv, and judges it by the gate."""
        header = [*extra, *(f"x{n}" for n in range(6)), "y"]
        text = "\n".join(map(",".join, [header, *rows])) + "\n"
        self.bucket.put(KEY, text.encode(), "text/csv")
        files = find_training_files(self.bucket, KEY)
        prepare_training_data(self.bucket, run, files, preparation, self._champion())
        features, labels = self._read(train_key(run))
        forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=1).fit(features, labels)
        features, _ = self._read(holdout_key(run))
        answers = {
            tuple(row): float(chance)
            for row, (_, chance) in zip(features, forest.predict_proba(features), strict=True)
        }
        self._models[run] = forest
        runtime = Runtime(
            **{CANDIDATE: lambda row: answers[tuple(map(float, row))], **self._champions_answers(features)}
        )
        endpoints = Endpoints(runtime, CANDIDATE, ENDPOINT, lambda: 100.0)
        return judge_challenger(self.bucket, run, endpoints, ScoringLimits(), GateRules(0.6))

    def crown(self, run):
        champion = Champion(run, ENDPOINT, "c", "m", contract_key(run), baseline_key(run), "t", {})
        write_champion(self.bucket, champion, None)

    def warnings(self, run):
        return read_warnings(self.bucket, run)

    def _champion(self):
        return read_contract(self.bucket, contract_key("old")) if "old" in self._models else None

    def _champions_answers(self, features):
        if "old" not in self._models:
            return {}
        chances = self._models["old"].predict_proba(features)
        known = {tuple(row): float(chance) for row, (_, chance) in zip(features, chances, strict=True)}
        return {ENDPOINT: lambda row: known[tuple(map(float, row))]}

    def _read(self, key):
        _, *rows = csv.reader(io.StringIO(self.bucket.read(key)[0].decode()))
        return [[float(text) for text in row[:-1]] for row in rows], [row[-1] for row in rows]


def oversampled():
    """Noise, the positive rows nine times, all of it shuffled."""
    rows = [row for row in rows_with(0, 1_000) for _ in range(9 if row[-1] == "yes" else 1)]
    random.Random(2).shuffle(rows)
    return rows


@pytest.mark.parametrize(
    "rows", [oversampled(), rows_with(0, 1_000) * 2], ids=["positives nine times", "twice"]
)
def test_noise_with_copies_is_not_released(bucket, rows):
    decision = Stack(bucket).train("r", rows)
    assert not decision.passed
    assert decision.metrics["auc"] < 0.6


def test_noise_with_near_copies_gives_a_warning_and_is_rejected_without_the_identifiers(
    bucket,
):
    rows = [[str(100_000 + number), *row] for number, row in enumerate(oversampled())]
    stack = Stack(bucket)
    flattered = stack.train("r", rows, extra=["id_of_row"])
    assert flattered.metrics["auc"] > 0.9
    copies = len(rows) - 1_000
    warning = stack.warnings("r")[0]
    assert (
        f"{copies:,} of {len(rows):,} rows are copies of an earlier row: they differ from it only in 'id_of_row'"
        in warning
    )
    assert bucket.read_json("models/r/data.json")["near_copies"] == {
        "rows": copies,
        "columns": ["id_of_row"],
        "is_exact": True,
    }
    dropped = Preparation("y", "yes", ("id_of_row",), 20)
    fair = stack.train("s", rows, dropped, extra=["id_of_row"])
    assert not fair.passed
    assert bucket.read_json("models/s/data.json")["near_copies"] is None


def test_a_champion_is_not_flattered_by_rows_that_it_was_trained_on(bucket):
    """A file of 1,000 rows, then the same with 300 more: the challenger is the same kind of model with more rows."""
    stack = Stack(bucket)
    whole = rows_with(0.5, 1_300)
    stack.train("old", whole[:1_000])
    stack.crown("old")
    decision = stack.train("new", whole)
    holdout = decision.challenger.rows
    assert (decision.unseen_rows, decision.comparison.rows) == (holdout, holdout)
    assert f"on all {holdout} hold-out rows, none of which it was trained on" in decision.reason
    assert decision.passed
    assert abs(decision.comparison.difference) < 0.08

    half = Preparation("y", "yes", (), 50)
    fair = stack.train("half", whole, half)
    assert fair.passed
    assert fair.comparison.rows == fair.unseen_rows < 0.6 * fair.challenger.rows
    contract = bucket.read_json(contract_key("old"))
    bucket.write_json(contract_key("old"), {**contract, "holdout": None})
    unfair = stack.train("unknown", whole, half)
    assert unfair.comparison.rows == unfair.challenger.rows
    assert unfair.comparison.champion > fair.comparison.champion + 0.1
    assert not unfair.passed
    assert (
        "which it may have been trained on (its contract is from a version that did not record"
        in unfair.reason
    )
