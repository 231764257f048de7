import time
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import numpy as np
import pytest
from moto import mock_aws
from scipy.special import softmax
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from autowatch.aws.objects import Bucket
from autowatch.evaluation.measures import MEASURES_OF
from autowatch.monitoring.quality.day import measure_day
from autowatch.monitoring.quality.labels import take_labels
from autowatch.monitoring.quality.verdict import QualityRules
from autowatch.records.claim import Contested
from autowatch.records.manifest import PredictionsMissing
from tests.support.labelled_bucket import DAY, draw, labels_text, put_gate, put_labels, put_scored, quality
from tests.support.scoring_bucket import BUCKET, CONTRACT, create_bucket, keys, release

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
RULES = QualityRules(minimum_auc=0.6, max_auc_drop=0.05, min_labels=200)


@pytest.fixture
def s3():
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with mock_aws():
        create_bucket(client)
        release(client)
        yield client


def take(s3, text, **options):
    return take_labels(Bucket(s3, BUCKET), put_labels(s3, text, **options))


def measure(s3, day=DAY, **options):
    return measure_day(Bucket(s3, BUCKET), day, options.pop("rules", RULES), NOW, **options)


def test_the_document_has_all_fields(s3):
    probabilities, labels = draw(1_000, 0.3)
    digits = put_scored(s3, probabilities=probabilities)
    put_scored(s3, "without labels", probabilities=["0.5"] * 250)
    put_gate(s3, 0.9)
    take(s3, labels_text(digits, labels))
    outcome = measure(s3)
    document = quality(s3)
    assert outcome.document == document
    assert outcome.is_new
    score, positive = np.array(probabilities, float), np.array(labels) == "yes"
    assert document["metrics"]["auc"]["value"] == pytest.approx(roc_auc_score(positive, score))
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(positive, score >= 0.5))
    assert (document["date"], document["generated"]) == (DAY, "2026-11-25T08:00:00Z")
    assert (document["run"], document["verdict"], document["reasons"]) == ("r1", "good", [])
    assert (document["rows_scored"], document["rows_labelled"], document["coverage"]) == (1_250, 1_000, 0.8)
    assert list(document["metrics"]) == list(document["gate"]) == list(MEASURES_OF["binary"].measures)
    assert document["gate"]["auc"] == 0.9
    assert document["threshold"] is None
    assert (document["files_scored"], document["files_labelled"]) == (2, 1)
    assert sum(point["rows"] for point in document["calibration"]) == 1_000
    assert (document["other_runs"], document["alerted"]) == ([], False)


def test_label_figures_use_the_runs_threshold(s3):
    """Scoring applied the threshold of the run's contract; here rows with at least 0.35 are `yes`."""
    probabilities, labels = draw(500, 0.1)
    digits = put_scored(s3, probabilities=probabilities, threshold=0.35)
    take(s3, labels_text(digits, labels))
    document = measure(s3).document
    predicted = np.array(probabilities, float) >= 0.35
    positive = np.array(labels) == "yes"
    assert document["threshold"] == 0.35
    for name, oracle in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert document["metrics"][name]["value"] == pytest.approx(oracle(positive, predicted)), name


def test_labels_that_begin_like_formulas_are_distinguished_in_neutralised_predictions(s3):
    probabilities, labels = draw(500, 0.3)
    names = {"no": "=no", "yes": "=yes"}
    digits = put_scored(s3, probabilities=probabilities, labels=("=no", "=yes"), neutralise=True)
    take(s3, labels_text(digits, [names[label] for label in labels]))
    document = measure(s3).document
    positive = np.array(labels) == "yes"
    expected = recall_score(positive, np.array(probabilities, float) >= 0.5)
    assert document["metrics"]["recall"]["value"] == pytest.approx(expected)


def test_a_day_without_labels_has_no_document(s3):
    put_scored(s3)
    assert measure(s3) is None
    assert keys(s3, "reports/") == []


def test_labels_join_the_right_rows_despite_rejected_rows_between_them(s3):
    """Predictions of odd rows are right; rows that were not scored do not count."""
    probabilities = ["0.9" if number % 3 else "0.1" for number in range(1, 301)]
    rejected = [number for number in range(1, 301) if number % 10 == 0]
    digits = put_scored(s3, probabilities=probabilities, rejected=rejected)
    labels = []
    for number, probability in enumerate(probabilities, 1):
        predicted = "yes" if probability == "0.9" else "no"
        labels.append(predicted if number % 2 else {"yes": "no", "no": "yes"}[predicted])
    take(s3, labels_text(digits, labels))
    document = measure(s3).document
    scored = [number for number in range(1, 301) if number not in rejected]
    assert document["rows_labelled"] == document["rows_scored"] == len(scored)
    right = sum(number % 2 for number in scored) / len(scored)
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_later_labels_and_corrections_are_included(s3):
    probabilities, labels = draw(600, 0.3)
    digits = put_scored(s3, probabilities=probabilities)
    wrong = [{"yes": "no", "no": "yes"}[label] for label in labels]
    take(s3, labels_text(digits, wrong[:300]), name="first", time="2026-11-25T08:00:00Z")
    assert measure(s3).document["rows_labelled"] == 300
    take(s3, labels_text(digits, labels[300:], first=301), name="more", time="2026-11-26T08:00:00Z")
    take(s3, labels_text(digits, labels[:300]), name="corrected", time="2026-11-27T08:00:00Z")
    corrected = measure(s3).document
    # The first file's event is repeated, and an older file arrives late: neither replaces the correction.
    take(s3, labels_text(digits, wrong[:300]), name="late", time="2026-11-24T08:00:00Z")
    document = measure(s3).document
    assert document["rows_labelled"] == 600
    assert document["metrics"] == corrected["metrics"]
    expected = roc_auc_score(np.array(labels) == "yes", np.array(probabilities, float))
    assert document["metrics"]["auc"]["value"] == pytest.approx(expected)


def test_each_run_is_measured_separately_newest_first(s3):
    good_probabilities, good = draw(400, 0.4)
    bad_probabilities, bad = draw(300, 0.0, seed=2)
    old = put_scored(s3, "old", run="r1", probabilities=bad_probabilities)
    new = put_scored(s3, "new", run="r2", probabilities=good_probabilities)
    put_gate(s3, 0.9, run="r1")
    take(s3, labels_text(old, bad) + labels_text(new, good).partition("\n")[2])
    document = measure(s3).document
    assert (document["run"], document["verdict"], document["rows_scored"]) == ("r2", "good", 400)
    (other,) = document["other_runs"]
    assert (other["run"], other["verdict"], other["rows_scored"]) == ("r1", "worse", 300)
    assert document["gate"] == {}
    assert other["gate"]["auc"] == 0.9


def test_labels_of_unscored_rows_are_ignored(s3):
    digits = put_scored(s3, rejected=(1, 2))
    take(s3, labels_text(digits, ["yes", "no"]))
    document = measure(s3).document
    assert (document["verdict"], document["rows_labelled"], document["coverage"]) == (
        "not enough labels",
        0,
        0.0,
    )
    assert document["metrics"] == dict.fromkeys(MEASURES_OF["binary"].measures)


def test_one_label_is_enough_for_a_document(s3):
    digits = put_scored(s3)
    take(s3, f"id,label\n{digits}-2,yes\n")
    document = measure(s3).document
    assert (document["verdict"], document["rows_labelled"]) == ("not enough labels", 1)
    assert document["metrics"]["auc"] is None
    assert document["metrics"]["accuracy"]["value"] == 1.0


def test_predictions_without_labels_are_not_read(s3):
    digits = put_scored(s3)
    put_scored(s3, "unlabelled")
    take(s3, f"id,label\n{digits}-2,yes\n")
    s3.delete_object(Bucket=BUCKET, Key=f"predictions/date={DAY}/unlabelled-0123456789abcdef.csv")
    assert measure(s3).document["rows_scored"] == 4


def test_many_files_of_a_day_are_read_in_parallel(s3):
    """As many files as from clients that send one every few seconds."""
    files = [put_scored(s3, f"f{number}", probabilities=["0.2", "0.9"]) for number in range(48)]
    text = "\n".join(["id,y", *(f"{digits}-1,no\n{digits}-2,yes" for digits in files), ""])
    take_labels(Bucket(s3, BUCKET), put_labels(s3, text))

    class Far:
        """A slow S3: each HEAD request takes a tenth of a second."""

        def __getattr__(self, name):
            return getattr(s3, name)

        def head_object(self, **which):
            time.sleep(0.1)
            return s3.head_object(**which)

    begun = time.monotonic()
    measured = measure_day(Bucket(Far(), BUCKET), DAY, RULES, NOW)
    assert time.monotonic() - begun < 48 * 0.1
    assert measured.document["rows_labelled"] == 96
    assert measured.document["metrics"]["accuracy"]["value"] == 1


def test_missing_predictions_are_an_error(s3):
    digits = put_scored(s3)
    take(s3, f"id,label\n{digits}-2,yes\n")
    key = f"predictions/date={DAY}/a-0123456789abcdef.csv"
    version = s3.head_object(Bucket=BUCKET, Key=key)["VersionId"]
    s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
    with pytest.raises(PredictionsMissing, match="a-0123456789abcdef.csv is gone"):
        measure(s3)


def test_a_covered_day_is_measured_again_only_on_demand_or_after_a_rule_change(s3):
    digits = put_scored(s3)
    take(s3, f"id,label\n{digits}-2,yes\n")
    first = measure(s3)
    again = measure(s3)
    assert (again.document, again.is_new) == (first.document, False)
    assert measure(s3, anew=True).is_new
    assert measure(s3, rules=QualityRules(0.7, 0.05, 200)).is_new
    put_scored(s3, "another")
    assert measure(s3).document["rows_scored"] == 4


def test_concurrent_files_of_a_day_both_count(s3):
    """The second file is processed between the first one's listing and its write."""
    digits = put_scored(s3, probabilities=["0.1", "0.2", "0.8"])
    take(s3, f"id,label\n{digits}-1,no\n", name="first")
    overtaken = []

    class Overtaken:
        def __getattr__(self, name):
            return getattr(s3, name)

        def put_object(self, **arguments):
            if not overtaken:
                overtaken.append(None)
                take(s3, f"id,label\n{digits}-2,no\n{digits}-3,yes\n", name="second")
                assert measure(s3).document["rows_labelled"] == 3
            return s3.put_object(**arguments)

    outcome = measure_day(Bucket(Overtaken(), BUCKET), DAY, RULES, NOW)
    assert outcome.document["rows_labelled"] == quality(s3)["rows_labelled"] == 3
    assert not outcome.is_new


def test_a_day_that_others_keep_changing_is_given_up(s3):
    digits = put_scored(s3)
    take(s3, f"id,label\n{digits}-2,yes\n")
    measure(s3)

    class Overwritten:
        def __getattr__(self, name):
            return getattr(s3, name)

        def put_object(self, **arguments):
            Bucket(s3, BUCKET).write_json(
                arguments["Key"], quality(s3) | {"inputs": str(len(arguments["Body"]))}
            )
            Bucket(s3, BUCKET).write_json(
                arguments["Key"], quality(s3) | {"noise": 1 + quality(s3).get("noise", 0)}
            )
            return s3.put_object(**arguments)

    with pytest.raises(Contested):
        measure_day(Bucket(Overwritten(), BUCKET), DAY, RULES, NOW, anew=True)


def test_a_bucket_without_versions_is_supported():
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with mock_aws():
        create_bucket(client, versioned=False)
        release(client)
        digits = put_scored(client)
        take(client, f"id,label\n{digits}-2,yes\n{digits}-1,no\n")
        assert measure(client).document["metrics"]["accuracy"]["value"] == 1.0


CLASSES = replace(
    CONTRACT,
    labels=("a", "b", "c"),
    positive_label="",
    problem_type="multiclass",
    probability_of_each_class=True,
)
NUMBERS = replace(CONTRACT, labels=(), positive_label="", problem_type="regression")


def test_labels_may_hold_more_of_another_delimiter_than_the_predictions_have_columns(s3):
    labels = tuple(f"{name}; {name}; {name}; {name}" for name in "abc")
    outputs = {"y": list(labels), "y_probability": ["0.8"] * 3}
    outputs |= {
        f"y_probability_{label}": ["0.8" if label == given else "0.1" for given in labels] for label in labels
    }
    digits = put_scored(s3, outputs=outputs, contract=replace(CLASSES, labels=labels))
    take(s3, "id,label\n" + "".join(f"{digits}-{n},{label}\n" for n, label in enumerate(labels, start=1)))
    assert measure(s3).document["metrics"]["accuracy"]["value"] == 1


def draw_classes(rows, strength=2.0, seed=1):
    """True labels, and predictions that lean towards them by `strength`."""
    random = np.random.default_rng(seed)
    actual = random.integers(0, 3, rows)
    scores = random.normal(size=(rows, 3))
    scores[np.arange(rows), actual] += strength
    probabilities = softmax(scores, axis=1)
    outputs = {
        "y": [CLASSES.labels[place] for place in probabilities.argmax(axis=1)],
        "y_probability": [repr(float(each)) for each in probabilities.max(axis=1)],
    }
    for label, column in zip(CLASSES.labels, probabilities.T, strict=True):
        outputs[f"y_probability_{label}"] = [repr(float(each)) for each in column]
    return [CLASSES.labels[place] for place in actual], probabilities, outputs


@pytest.mark.parametrize("each", [True, False])
def test_a_day_of_multiclass_predictions(s3, each):
    labels, probabilities, outputs = draw_classes(600)
    if not each:
        outputs = {name: column for name, column in outputs.items() if name in ("y", "y_probability")}
    contract = replace(CLASSES, probability_of_each_class=each)
    digits = put_scored(s3, outputs=outputs, contract=contract)
    assert take(s3, labels_text(digits, labels)).taken == 600
    measure(s3)
    document = quality(s3)
    assert (document["problem_type"], document["verdict"], document["rows_labelled"]) == (
        "multiclass",
        "good",
        600,
    )
    assert list(document["metrics"]) == list(MEASURES_OF["multiclass"].measures)
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(labels, outputs["y"]))
    assert (
        np.array(document["classes"]["confusion"]).tolist() == confusion_matrix(labels, outputs["y"]).tolist()
    )
    assert sum(point["rows"] for point in document["calibration"]) == 600
    assert (document["threshold"], document["numbers"]) == (None, None)
    if each:
        expected = roc_auc_score(labels, probabilities, multi_class="ovr")
        assert document["metrics"]["macro_auc"]["value"] == pytest.approx(expected)
        assert document["judged"]["measure"] == document["decided_by"] == "macro_auc"
    else:
        assert document["metrics"]["macro_auc"] is document["metrics"]["log_loss"] is None
        assert document["judged"]["measure"] == document["decided_by"] == "balanced_accuracy"


def test_a_day_of_regression_predictions(s3):
    random = np.random.default_rng(3)
    actual = random.normal(-50, 20, 400).round(3)
    predicted = (actual + random.normal(0, 5, 400)).round(3)
    digits = put_scored(
        s3, outputs={"y": [str(each) for each in predicted]}, contract=NUMBERS, neutralise=True
    )
    text = labels_text(digits, [f"{each:.4e}" for each in actual[:300]])
    assert take(s3, text).taken == 300
    measure(s3)
    document = quality(s3)
    assert (document["problem_type"], document["verdict"], document["coverage"]) == (
        "regression",
        "good",
        0.75,
    )
    kept = np.array([float(f"{each:.4e}") for each in actual[:300]])
    assert document["metrics"]["r2"]["value"] == pytest.approx(r2_score(kept, predicted[:300]))
    assert document["metrics"]["mae"]["value"] == pytest.approx(mean_absolute_error(kept, predicted[:300]))
    assert document["judged"]["measure"] == document["decided_by"] == "rmse"
    assert sum(each["rows"] for each in document["numbers"]["bias"]) == 300
    assert (document["calibration"], document["classes"], document["threshold"]) == ([], None, None)


def test_corrected_numbers_replace_earlier_ones(s3):
    digits = put_scored(s3, outputs={"y": ["1"] * 20}, contract=NUMBERS)
    take(s3, labels_text(digits, ["5"] * 20), name="first")
    take(s3, labels_text(digits, ["1"] * 20), name="then", time="2026-11-25T09:00:00Z")
    assert measure(s3).document["metrics"]["rmse"]["value"] == 0


def test_text_that_is_not_a_number_is_rejected_with_the_reason(s3):
    digits = put_scored(s3, outputs={"y": ["1"] * 4}, contract=NUMBERS)
    taken = take(s3, labels_text(digits, ["2", "1.5 EUR", "inf", ""]))
    assert (taken.taken, taken.rejected) == (1, 3)
    (key,) = keys(s3, "rejected/labels/")
    text = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
    assert text.count("The label is not a number, and the model of run r1 predicts numbers.") == 2
    assert "The label is missing." in text
