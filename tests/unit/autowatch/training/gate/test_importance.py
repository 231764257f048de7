"""What a challenger uses: Autopilot's analysis, or shuffled columns; with a real (local) S3 and the test's models."""

import csv
import io
import json
import math
from dataclasses import replace

import boto3
import numpy as np
import pytest
from moto import mock_aws
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.evaluation.threshold import deal_to_folds
from autowatch.records.contract import Contract, Feature, read_contract
from autowatch.records.importance import ModelImportance
from autowatch.records.keys import contract_key, holdout_key, importance_key, leaderboard_key
from autowatch.scoring.requests import ScoringLimits
from autowatch.training.autopilot import Leaderboard
from autowatch.training.gate import importance
from autowatch.training.gate.importance import explain_challenger
from autowatch.training.gate.judge import Endpoints
from tests.support.runtime_double import Runtime
from tests.support.stub_runtime import client_error, model_error

BUCKET, RUN, CANDIDATE, ROWS = "bank", "new", "e-candidate", 1000
NAMES = ("strong", "weak", "idle", "job")
CONTRACT = Contract(
    RUN,
    "y",
    ("no", "yes"),
    "yes",
    tuple(Feature(name, "categorical" if name == "job" else "numeric") for name in NAMES),
    (),
    5 * ROWS,
    1,
    ObjectVersion("k", None, "e", 1),
)
JOB = f"s3://{BUCKET}/models/{RUN}/autopilot/job"
ANALYSIS = f"models/{RUN}/autopilot/job/documentation/explainability/output/best/analysis.json"
# As the SageMaker Developer Guide and the Redshift guide show it for Autopilot.
SHAP = {
    "explanations": {
        "kernel_shap": {
            "label0": {
                "expected_value": 0.117,
                "global_shap_values": {"strong": 0.06, "weak": 0.03, "idle": 0, "job": 0.01},
            }
        }
    },
    "version": "1.0",
}


def probability(strong, weak):
    return 1 / (1 + math.exp(-(2 * strong + weak)))


def model(row):
    return probability(float(row[0]), float(row[1]))


@pytest.fixture
def s3():
    """A hold-out of a rule that the model knows: two columns matter, and two do not."""
    random = np.random.default_rng(5)
    numbers = random.normal(0, 1, (ROWS, 3)).round(3)
    yes = random.random(ROWS) < [probability(*row[:2]) for row in numbers]
    rows = [
        f'{a},{b},{c},"j,{n % 3}",{"yes" if true else "no"}'
        for n, ((a, b, c), true) in enumerate(zip(numbers, yes, strict=True))
    ]
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([",".join((*NAMES, "y")), *rows]))
        Bucket(s3, BUCKET).write_json(contract_key(RUN), CONTRACT)
        yield s3


def point_to(s3, place, body=None, key=ANALYSIS):
    board = Leaderboard("job", "AUC", "best", (), {"Explainability": place} if place else {})
    Bucket(s3, BUCKET).write_json(leaderboard_key(RUN), board)
    if body is not None:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body if isinstance(body, bytes) else json.dumps(body))


def explain(s3, runtime=None, limits=None, seconds_left=1000.0):
    bucket, runtime = Bucket(s3, BUCKET), runtime or Runtime(**{CANDIDATE: model})
    endpoints = Endpoints(runtime, CANDIDATE, "e", lambda: seconds_left)
    explain_challenger(bucket, RUN, endpoints, limits or ScoringLimits(max_batch_rows=700, concurrency=2))
    return bucket.read_as(importance_key(RUN), ModelImportance)


def names(found):
    return [column.name for column in found.columns]


def test_autopilots_explanation_is_used_without_requests_to_the_endpoint(s3):
    point_to(s3, f"{JOB}/documentation/explainability/output/best", SHAP)
    runtime = Runtime(**{CANDIDATE: model})
    found = explain(s3, runtime)
    assert (found.method, found.note, found.rows) == ("autopilot", "", None)
    assert [(column.name, column.share) for column in found.columns] == [
        ("strong", 0.6),
        ("weak", 0.3),
        ("job", 0.1),
        ("idle", 0.0),
    ]
    assert runtime.requests == {CANDIDATE: 0}


def test_the_shares_are_added_to_the_contract(s3):
    point_to(s3, f"{JOB}/documentation/explainability/output/best", SHAP)
    explain(s3)
    shares = {"strong": 0.6, "weak": 0.3, "idle": 0.0, "job": 0.1}
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)) == replace(CONTRACT, importance=shares)


def test_the_values_of_several_labels_are_added_up(s3):
    other = {"global_shap_values": {"strong": 0.02, "idle": 0.08}}
    analysis = {"explanations": {"kernel_shap": {**SHAP["explanations"]["kernel_shap"], "label1": other}}}
    point_to(s3, f"{JOB}/documentation/explainability/output/best/", analysis)
    assert [(column.name, column.value) for column in explain(s3).columns] == [
        ("idle", 0.08),
        ("strong", 0.08),
        ("weak", 0.03),
        ("job", 0.01),
    ]


def kernel_shap(**values):
    return {"explanations": {"kernel_shap": {"label0": {"global_shap_values": values}}}}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (kernel_shap(strong=1.0, duration=0.5), "names columns that the model was not given"),
        (kernel_shap(**{"<script>": 1.0}), "names columns that the model was not given"),
        (kernel_shap(strong=0.0), "are all zero"),
        (kernel_shap(strong=1e308, weak=1e308), "their sum is infinite"),
        (kernel_shap(strong="much"), "has an unknown form"),
        ({"explanations": {"ivr": {}}}, "has an unknown form"),
        (
            b'{"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"strong": 1e999}}}}}',
            "an unknown form",
        ),
        (
            b'{"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"strong": NaN}}}}}',
            "an unknown form",
        ),
        (b"[" * 100_000, "has an unknown form"),
        (b"\xff\xfe", "has an unknown form"),
        (b" " * (8 * 1024 * 1024 + 1), "more than the 8,388,608 allowed"),
    ],
)
def test_an_unfit_explanation_is_reported_and_the_columns_are_shuffled(s3, body, why):
    point_to(s3, f"{JOB}/documentation/explainability/output/best", body)
    found = explain(s3)
    assert found.method == "permutation"
    assert why in found.note
    assert "<script>" not in found.note


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (None, "Autopilot did not explain its best candidate."),
        (f"{JOB}/elsewhere", "There is no analysis.json under"),
        (f"s3://other/models/{RUN}/autopilot/job", "outside the folder of the run's job"),
        (f"s3://{BUCKET}/models/old/autopilot/job", "outside the folder of the run's job"),
    ],
)
def test_a_missing_explanation_is_reported(s3, place, why):
    point_to(s3, place, SHAP)
    found = explain(s3)
    assert found.method == "permutation"
    assert why in found.note


def test_the_analysis_of_a_candidate_with_a_similar_name_is_not_used(s3):
    point_to(s3, f"{JOB}/output/model-1", SHAP, f"models/{RUN}/autopilot/job/output/model-10/analysis.json")
    assert explain(s3).method == "permutation"


def test_without_a_leaderboard_the_columns_are_shuffled(s3):
    found = explain(s3)
    assert found.method == "permutation"
    assert "The leaderboard cannot be read" in found.note


def test_shuffling_finds_the_columns_that_the_model_uses(s3):
    found = explain(s3)
    assert names(found) == ["strong", "weak", "idle", "job"]
    strong, weak, idle, job = found.columns
    assert 0.05 < weak.value < strong.value
    # Columns that the model ignores cannot change its answers.
    assert (idle.value, idle.share, idle.lower, idle.upper) == (0, 0, 0, 0)
    assert job.value == 0
    assert strong.lower < strong.value < strong.upper
    assert strong.lower > weak.upper
    assert sum(column.share for column in found.columns) == pytest.approx(1, abs=1e-3)
    assert (found.measure, found.rows) == ("auc", ROWS)
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)).importance["strong"] == strong.share


class Oracle:
    """The same model for scikit-learn."""

    classes_ = np.array([False, True])
    _estimator_type = "classifier"

    def fit(self, *_):
        return self

    def predict_proba(self, x):
        yes = np.array([probability(*row[:2]) for row in x])
        return np.column_stack([1 - yes, yes])


def rows_of(s3):
    lines = s3.get_object(Bucket=BUCKET, Key=holdout_key(RUN))["Body"].read().decode().split("\n")[1:]
    cells = [line.split(",") for line in lines]
    return np.array([row[:3] for row in cells], float), np.array([row[-1] == "yes" for row in cells])


def test_the_values_equal_scikit_learns(s3):
    x, positive = rows_of(s3)

    def auc(estimator, x, y):
        return roc_auc_score(y, estimator.predict_proba(x)[:, 1])

    oracle = permutation_importance(Oracle(), x, positive, scoring=auc, n_repeats=30, random_state=0)
    found = {column.name: column for column in explain(s3).columns}
    for place, name in enumerate(NAMES[:3]):
        spread = oracle.importances_std[place]
        assert found[name].value == pytest.approx(oracle.importances_mean[place], abs=4 * spread + 1e-12)
        assert found[name].lower <= oracle.importances_mean[place] <= found[name].upper


def test_the_same_holdout_always_gives_the_same_answer(s3):
    assert explain(s3) == explain(s3, limits=ScoringLimits(max_batch_rows=200, concurrency=1))


def test_a_sample_of_a_long_holdout_is_shuffled(s3, monkeypatch):
    monkeypatch.setattr(importance, "_MOST_ROWS", 400)
    runtime = Runtime(**{CANDIDATE: model})
    found = explain(s3, runtime)
    assert found.rows == 400
    assert runtime.rows == {CANDIDATE: (len(NAMES) + 1) * 400}
    assert names(found)[:2] == ["strong", "weak"]


def test_the_sample_of_a_long_holdout_has_all_rows_of_a_rare_label(s3, monkeypatch):
    monkeypatch.setattr(importance, "_MOST_ROWS", 100)
    random = np.random.default_rng(8)
    yes = np.arange(4_000) % 200 == 0
    lines = [
        f"{3 * a + b:.3f},0,0,j,{'yes' if a else 'no'}"
        for a, b in zip(yes, random.normal(0, 1, 4_000), strict=True)
    ]
    s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([",".join((*NAMES, "y")), *lines]))
    found = explain(s3)
    # All 20 that are positive, and 50 others.
    assert found.rows == 70
    assert found.columns[0].name == "strong"
    assert found.columns[0].lower > 0


def test_at_most_a_hundred_requests_are_made(s3):
    # Their rows run out before their bytes, or the other way round; both nearly at once.
    for most_bytes, rows in ((10_000, 48 * 30 // 5), (400, 146), (900, 48 * 30 // 5)):
        runtime = Runtime(**{CANDIDATE: model})
        found = explain(s3, runtime, ScoringLimits(max_batch_rows=30, max_batch_bytes=most_bytes))
        assert found.rows == pytest.approx(rows, abs=5)
        assert runtime.rows[CANDIDATE] == 5 * found.rows
        assert 40 < runtime.requests[CANDIDATE] <= 100


def test_too_many_columns_for_the_requests_are_reported(s3):
    found = explain(s3, limits=ScoringLimits(max_batch_rows=10))
    assert (found.method, found.columns) == (None, ())
    assert "The model has 4 columns: shuffling each of them would take too many requests." in found.note
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)) == CONTRACT


def test_with_few_rows_of_a_label_there_is_no_interval(s3):
    lines = [f"{n / 10},0,0,j,{'yes' if n > 45 else 'no'}" for n in range(50)]
    s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([",".join((*NAMES, "y")), *lines]))
    found = explain(s3)
    assert names(found)[0] == "strong"
    assert (found.columns[0].share, found.columns[0].lower, found.columns[0].upper) == (1, None, None)


def test_with_one_label_there_is_no_importance(s3):
    lines = ["1,0,0,j,no"] * 50
    s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([",".join((*NAMES, "y")), *lines]))
    assert "each label needs two of the drawn rows" in explain(s3).note


def test_a_model_that_uses_no_single_column_is_reported(s3):
    assert "has no measurable effect on the model" in explain(s3, Runtime(**{CANDIDATE: lambda _: 0.5})).note


class Failing:
    def __init__(self, error):
        self.error = error

    def invoke_endpoint(self, **_):
        raise self.error


@pytest.mark.parametrize(
    ("runtime", "seconds_left", "why"),
    [
        (
            Failing(client_error("AccessDeniedException", 403)),
            1000,
            "InvokeEndpoint was refused: AccessDenied",
        ),
        (Failing(client_error("ThrottlingException", 429)), 134, "has as many requests as it can handle"),
        (
            Failing(model_error(400, "secret cell")),
            1000,
            "The model refused 5,000 rows with a shuffled column.",
        ),
        (Runtime(**{CANDIDATE: model}), 131, "The time ran out"),
        (Runtime(), 1000, "There is no endpoint e-candidate."),
    ],
)
def test_a_failing_endpoint_costs_the_explanation_and_not_the_run(s3, runtime, seconds_left, why):
    found = explain(s3, runtime, ScoringLimits(max_batch_rows=5000), seconds_left)
    assert (found.method, found.columns) == (None, ())
    assert why in found.note
    assert "secret" not in found.note
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)) == CONTRACT


def test_without_time_left_the_hold_out_is_not_even_read(s3):
    s3.delete_object(Bucket=BUCKET, Key=holdout_key(RUN))
    assert explain(s3, seconds_left=130).note.endswith("The gate's scoring left no time to shuffle columns.")


def test_a_refusal_by_s3_costs_the_explanation_and_not_the_run(s3):
    point_to(s3, f"{JOB}/documentation/explainability/output/best", SHAP)

    class Refusing:
        def __getattr__(self, name):
            if name == "get_paginator":
                raise client_error("AccessDenied", 403)
            return getattr(s3, name)

    bucket = Bucket(Refusing(), BUCKET)
    endpoints = Endpoints(Runtime(**{CANDIDATE: model}), CANDIDATE, "e", lambda: 1000.0)
    explain_challenger(bucket, RUN, endpoints, ScoringLimits())
    assert "refused: AccessDenied" in bucket.read_as(importance_key(RUN), ModelImportance).note


def test_the_folds_hold_each_label_evenly():
    labels = np.array(["a"] * 50 + ["b"] * 10)
    fold = deal_to_folds(labels, 5)
    assert [int(np.sum((fold == each) & (labels == "b"))) for each in range(5)] == [2] * 5
    assert np.bincount(fold).tolist() == [12] * 5


class ByRow:
    """Answers each row with what `answer` makes of its cells: the fields of the container's answer."""

    def __init__(self, answer):
        self.answer = answer

    def invoke_endpoint(self, EndpointName, ContentType, Accept, Body):
        text = io.StringIO()
        rows = csv.reader(io.StringIO(Body.decode(), newline=""), strict=True)
        csv.writer(text, lineterminator="\n").writerows(self.answer(row) for row in rows)
        return {"Body": io.BytesIO(text.getvalue().encode())}


def give(s3, contract, actual):
    """A hold-out of 600 rows with the columns of CONTRACT, whose target is what `actual` makes of the three numbers."""
    numbers = np.random.default_rng(2).normal(0, 1, (600, 3)).round(3)
    lines = [f"{a},{b},{c},j,{actual(a, b)}" for a, b, c in numbers]
    s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([",".join((*NAMES, "y")), *lines]))
    Bucket(s3, BUCKET).write_json(contract_key(RUN), contract)


def test_multiclass_importance_uses_the_gates_measure(s3):
    labels = ("a", "b", "c")

    def answer(row):
        scores = np.exp([2 * float(row[0]), float(row[1]), 0.0])
        shares = (scores / scores.sum()).tolist()
        # The container has an order of its own.
        return ["a", max(shares), shares[::-1], list(labels[::-1])]

    def actual(strong, weak):
        return labels[int(np.argmax([2 * strong, weak, 0.0]))]

    give(s3, replace(CONTRACT, problem_type="multiclass", labels=labels, positive_label=""), actual)
    found = explain(s3, ByRow(answer))
    assert (found.method, found.measure, found.rows) == ("permutation", "macro_auc", 600)
    assert names(found)[:2] == ["strong", "weak"]
    assert [column.value for column in found.columns[2:]] == [0, 0]
    assert found.columns[1].lower > 0


@pytest.mark.parametrize("error", ["rmse", "mae"])
def test_regression_importance_uses_the_gates_measure(s3, error):
    contract = replace(CONTRACT, problem_type="regression", labels=(), positive_label="")
    give(s3, contract, lambda strong, weak: round(3 * strong + weak, 4))
    runtime = ByRow(lambda row: [3 * float(row[0]) + float(row[1])])
    endpoints = Endpoints(runtime, CANDIDATE, "e", lambda: 1000.0)
    explain_challenger(Bucket(s3, BUCKET), RUN, endpoints, ScoringLimits(), error)
    found = Bucket(s3, BUCKET).read_as(importance_key(RUN), ModelImportance)
    assert (found.measure, names(found)) == (error, ["strong", "weak", "idle", "job"])
    # Of two draws of a normal number the difference has sqrt(2) times its spread, and mean absolute error 2 / sqrt(pi).
    once = math.sqrt(2) if error == "rmse" else 2 / math.sqrt(math.pi)
    assert [column.value for column in found.columns[:2]] == pytest.approx([3 * once, once], rel=0.15)
