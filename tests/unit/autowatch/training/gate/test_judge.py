"""The gate, with a real (local) S3 and endpoints whose models the test chooses."""

import json
import math
import re
from dataclasses import replace

import boto3
import msgspec
import numpy as np
import pytest
from moto import mock_aws
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.evaluation.figures import Costs
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import Contract, Feature, read_contract
from autowatch.records.decision import GateDecision, read_decision
from autowatch.records.holdout import UnseenRows, write_unseen_rows
from autowatch.records.keys import baseline_key, contract_key, holdout_key, reference_key
from autowatch.records.smoke import read_smoke_test
from autowatch.records.threshold import DecisionThreshold, ThresholdRule
from autowatch.scoring.endpoint import EndpointUnavailable
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.profile import Baseline, baseline_column
from autowatch.training.gate.checks import GateRules
from autowatch.training.gate.judge import Endpoints, HoldoutRejected, judge_challenger
from tests.support.runtime_double import Runtime
from tests.support.stub_runtime import client_error

BUCKET, RUN, CANDIDATE, ENDPOINT, ROWS = "bank", "new", "e-candidate", "e", 1000
CONTRACT = Contract(
    RUN,
    "y",
    ("no", "yes"),
    "yes",
    (Feature("good", "numeric"), Feature("poor", "numeric"), Feature("job", "categorical")),
    (),
    5 * ROWS,
    1,
    ObjectVersion("k", None, "e", 1),
)
CHAMPION = Champion("old", ENDPOINT, "e-old", "e-old", contract_key("old"), baseline_key("old"), "t", {})
LIMITS = ScoringLimits(max_batch_rows=64, concurrency=2)
RULES = GateRules(0.6)


def good(row):
    return float(row[0])


def poor(row):
    return float(row[1])


@pytest.fixture
def s3():
    """A hold-out with the answers of a good model and of a poor one in two of its columns."""
    random = np.random.default_rng(7)
    positive = np.arange(ROWS) % 5 == 0
    signal = positive + random.normal(0, 0.6, ROWS)
    columns = [
        np.clip(0.2 + 0.4 * values, 0, 1).round(4)
        for values in (signal, signal + random.normal(0, 0.6, ROWS))
    ]
    lines = [
        "good,poor,job,y",
        *(
            f"{x},{z},j{n % 3},{'yes' if true else 'no'}"
            for n, (x, z, true) in enumerate(zip(*columns, positive, strict=True))
        ),
    ]
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join(lines).encode())
        Bucket(s3, BUCKET).write_json(contract_key(RUN), CONTRACT)
        baseline = (baseline_column("good", "feature", "numeric", {"0.1": 400, "0.9": 100}),)
        Bucket(s3, BUCKET).write_json(baseline_key(RUN), Baseline(RUN, 500, baseline))
        yield s3


def crown(s3, contract=CONTRACT, champion=CHAMPION):
    Bucket(s3, BUCKET).write_json(champion.contract_key, replace(contract, run="old"))
    write_champion(Bucket(s3, BUCKET), champion, None)


def judge(s3, runtime, limits=LIMITS, rules=RULES):
    return judge_challenger(
        Bucket(s3, BUCKET), RUN, Endpoints(runtime, CANDIDATE, ENDPOINT, lambda: 100.0), limits, rules
    )


def serving(challenger, champion=None, **options):
    return Runtime(**{CANDIDATE: challenger}, **({ENDPOINT: champion} if champion else {}), **options)


def without_times(decision):
    document = json.loads(json.dumps(decision, default=vars))
    for model in ("challenger", "champion"):
        if document[model]:
            del document[model]["latency"]
    document["reason"] = [part for part in document["reason"].split(". ") if "batches" not in part]
    document["checks"] = [check for check in document["checks"] if check["name"] != "latency"]
    return document


def test_the_first_challenger_is_judged_alone_and_the_decision_says_so(s3):
    decision = judge(s3, serving(good))
    assert decision.passed
    assert decision.rows == ROWS
    assert decision.metrics["auc"] == pytest.approx(0.88, abs=0.03)
    assert "not below the floor of 0.6." in decision.reason
    assert decision.champion_skipped == "Judged without a champion: no model has been released yet."
    assert decision.reason.endswith(decision.champion_skipped)
    assert (decision.champion, decision.comparison) == (None, None)
    assert [check.name for check in decision.checks] == ["floor", "latency"]
    assert read_decision(Bucket(s3, BUCKET), RUN) == decision


def test_the_decision_has_the_lift_of_the_best_rows(s3):
    decision = judge(s3, serving(good))
    assert decision.challenger.lift_of_tenth > 3
    assert (decision.challenger.gain[0], decision.challenger.gain[-1]) == ((0, 0), (1, 1))
    # A fifth of the rows is positive: the best tenth can hold half of them at most.
    assert max(found for taken, found in decision.challenger.gain if taken <= 0.1) <= 0.5
    document = msgspec.to_builtins(decision)
    for later in ("gain", "lift_of_tenth"):
        del document["challenger"][later]
    earlier = msgspec.convert(document, GateDecision).challenger
    assert (earlier.gain, earlier.lift_of_tenth) == ((), None)


def test_a_challenger_below_the_floor_is_rejected_with_the_figures(s3):
    decision = judge(s3, serving(lambda row: 1 - good(row)))
    assert not decision.passed
    assert (
        f"AUC {decision.metrics['auc']:.4f} on 1,000 hold-out rows is below the floor of 0.6."
        in decision.reason
    )
    assert read_decision(Bucket(s3, BUCKET), RUN) == decision


def test_the_floor_itself_passes(s3):
    floor = judge(s3, serving(good)).metrics["auc"]
    assert judge(s3, serving(good), rules=GateRules(floor)).passed
    assert not judge(s3, serving(good), rules=GateRules(math.nextafter(floor, 1))).passed


def test_a_challenger_that_is_worse_than_the_champion_is_rejected(s3):
    crown(s3)
    runtime = serving(poor, good)
    decision = judge(s3, runtime)
    warming = LIMITS.concurrency
    assert runtime.rows == {CANDIDATE: warming + ROWS, ENDPOINT: ROWS}
    assert runtime.requests[CANDIDATE] == warming + decision.challenger.latency.batches
    assert decision.challenger.metrics["auc"] > 0.6
    assert not decision.passed
    assert [(check.name, check.passed) for check in decision.checks] == [
        ("floor", True),
        ("champion", False),
        ("latency", True),
    ]
    assert "So the challenger is worse." in decision.reason
    assert decision.comparison.upper < 0
    assert decision.champion.run == "old"
    assert decision.champion.metrics["auc"] == decision.comparison.champion
    assert decision.champion_skipped is None
    assert read_decision(Bucket(s3, BUCKET), RUN) == decision


@pytest.mark.parametrize("challenger", [good, lambda row: min(1, good(row) + 1e-4 * (len(row[2]) % 2))])
def test_a_better_or_equal_challenger_passes(s3, challenger):
    crown(s3)
    assert judge(s3, serving(good, poor)).passed
    same = judge(s3, serving(challenger, good))
    assert same.passed
    assert same.comparison.difference == pytest.approx(0, abs=0.01)


def test_a_loss_within_the_tolerance_passes(s3):
    crown(s3)
    assert judge(s3, serving(poor, good), rules=GateRules(0.6, auc_tolerance=0.1)).passed


def test_a_challenger_that_is_too_slow_is_rejected(s3):
    decision = judge(s3, serving(good), rules=GateRules(0.6, max_batch_seconds=0.0))
    assert not decision.passed
    assert "over the 0 s allowed" in decision.reason
    latency = decision.challenger.latency
    assert latency.batches >= ROWS / LIMITS.max_batch_rows
    assert 0 < latency.median_seconds <= latency.worst_seconds


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "z"}, "the champion, run old, predicts z, the challenger y"),
        ({"labels": ("no", "maybe")}, "has the labels 'no', 'maybe', the challenger 'no', 'yes'"),
        ({"features": (*CONTRACT.features, Feature("euribor", "numeric"))}, "lacks the column 'euribor'"),
        ({"features": (Feature("job", "numeric"),)}, "could score only 0 of 1,000 rows"),
    ],
    ids=["target", "labels", "columns", "types"],
)
def test_a_champion_that_cannot_be_compared_is_left_out_with_the_reason(s3, change, words):
    crown(s3, replace(CONTRACT, **change))
    decision = judge(s3, serving(poor, good))
    assert decision.passed
    assert words in decision.champion_skipped
    assert words in decision.reason


def test_a_champion_with_a_missing_or_different_endpoint_is_left_out(s3):
    crown(s3)
    assert "does not serve" in judge(s3, serving(good)).champion_skipped
    s3.delete_object(Bucket=BUCKET, Key="models/champion.json")
    crown(s3, champion=replace(CHAMPION, endpoint_name="renamed"))
    assert "serves at renamed, not at e" in judge(s3, serving(good, good)).champion_skipped


def test_a_champion_that_fails_ends_the_run_since_a_worse_model_might_pass(s3):
    def down(row):
        raise client_error("ServiceUnavailable", 503)

    crown(s3)
    endpoints = Endpoints(serving(good, down), CANDIDATE, ENDPOINT, lambda: 63.5)
    with pytest.raises(EndpointUnavailable, match="e is not available"):
        judge_challenger(Bucket(s3, BUCKET), RUN, endpoints, LIMITS, RULES)


def test_a_champion_is_compared_on_the_rows_that_it_can_score(s3):
    def choosy(row):
        if row[2] == "j1" and good(row) > 0.9:
            raise LookupError
        return poor(row)

    crown(s3)
    decision = judge(s3, serving(good, choosy))
    assert 900 < decision.comparison.rows < ROWS
    assert decision.comparison.rows == decision.champion.rows
    assert decision.challenger.rows == ROWS
    assert decision.comparison.challenger != decision.metrics["auc"]


def test_a_champion_with_another_label_and_column_order_is_compared(s3):
    crown(s3, replace(CONTRACT, positive_label="no", features=CONTRACT.features[::-1]))
    decision = judge(s3, serving(good, lambda row: float(row[2]), labels=("yes", "no")))
    assert decision.comparison.difference == 0
    assert decision.passed


def test_the_baseline_gets_the_predictions_column_and_only_once(s3):
    for _ in range(2):
        judge(s3, serving(good))
        document = json.loads(s3.get_object(Bucket=BUCKET, Key=baseline_key(RUN))["Body"].read())
        baseline = msgspec.convert(document, Baseline)
        assert [(column.name, column.kind) for column in baseline.columns] == [
            ("good", "feature"),
            ("y_probability", "prediction"),
        ]
        assert sum(baseline.columns[-1].counts) == ROWS


def test_the_smoke_test_has_the_requests_and_answers(s3):
    judge(s3, serving(good))
    smoke_test = read_smoke_test(Bucket(s3, BUCKET), RUN)
    rows = [line.split(",") for line in smoke_test.payload.splitlines()]
    assert len(rows) == 20
    assert [float(probability) for probability in smoke_test.probabilities] == [good(row) for row in rows]
    assert smoke_test.labels == ["yes" if good(row) >= 0.5 else "no" for row in rows]


def test_a_row_that_the_challenger_refuses_stops_the_run_without_quoting_it(s3):
    def refuses(row):
        if row == rows[77]:
            raise LookupError
        return good(row)

    rows = [
        line.split(",")[:3]
        for line in s3.get_object(Bucket=BUCKET, Key=holdout_key(RUN))["Body"]
        .read()
        .decode()
        .splitlines()[1:]
    ]
    with pytest.raises(HoldoutRejected, match="line 79") as caught:
        judge(s3, serving(refuses))
    assert rows[77][0] not in str(caught.value)


def test_the_batches_of_the_hold_out_do_not_matter(s3):
    crown(s3)
    whole = judge(s3, serving(poor, good), ScoringLimits(max_batch_rows=ROWS, concurrency=1))
    pieces = judge(s3, serving(poor, good), ScoringLimits(max_batch_rows=7, concurrency=4))
    assert without_times(pieces) == without_times(whole)


def rare(row):
    """Ranks as `good` does, with probabilities of at most 0.4."""
    return 0.4 * good(row)


def holdout(s3):
    """For each row whether it is positive, and what `good` gives it."""
    body = s3.get_object(Bucket=BUCKET, Key=holdout_key(RUN))["Body"].read().decode()
    rows = [line.split(",") for line in body.splitlines()[1:]]
    return np.array([row[-1] == "yes" for row in rows]), np.array([good(row) for row in rows])


def counts(decision):
    """As scikit-learn's confusion matrix lists them: true negatives, alarms, misses, hits."""
    found = decision.confusion
    return [found.true_negatives, found.false_positives, found.false_negatives, found.true_positives]


def test_without_a_threshold_the_labels_are_the_models_own(s3):
    decision = judge(s3, serving(rare))
    assert (decision.metrics["f1"], decision.metrics["recall"]) == (0, 0)
    assert decision.challenger.threshold is None
    assert counts(decision.challenger) == [800, 0, 200, 0]
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)) == CONTRACT


def test_a_given_threshold_decides_the_labels_and_is_in_the_contract(s3):
    decision = judge(s3, serving(rare), rules=replace(RULES, threshold=ThresholdRule(0.2)))
    positive, probability = holdout(s3)
    labels = 0.4 * probability >= 0.2
    for name, measure in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert decision.metrics[name] == pytest.approx(measure(positive, labels))
    assert counts(decision.challenger) == confusion_matrix(positive, labels).ravel().tolist()
    threshold = DecisionThreshold(0.2, "parameter")
    assert decision.challenger.threshold == threshold
    assert read_contract(Bucket(s3, BUCKET), contract_key(RUN)) == replace(
        CONTRACT, decision_threshold=threshold
    )
    assert read_decision(Bucket(s3, BUCKET), RUN) == decision


@pytest.mark.parametrize("costs", [None, Costs(10, 1)], ids=["F1", "costs"])
def test_the_best_threshold_is_kept_with_unbiased_figures(s3, costs):
    rules = replace(RULES, threshold=ThresholdRule(costs=costs))
    decision = judge(s3, serving(rare), rules=rules)
    contract = read_contract(Bucket(s3, BUCKET), contract_key(RUN))
    threshold = contract.decision_threshold
    assert (threshold.chosen_by, threshold.costs) == ("cost" if costs else "f1", costs)
    assert decision.challenger.threshold == threshold
    positive, probability = holdout(s3)
    labels = 0.4 * probability >= threshold.value
    assert counts(decision.challenger) == confusion_matrix(positive, labels).ravel().tolist()
    best = max(decision.trade_off, key=lambda point: -point.cost if costs else point.f1)
    assert best.threshold == pytest.approx(threshold.value, abs=0.02)
    assert 0 < decision.metrics["f1"] < f1_score(positive, labels)
    # A retry of the state finds the contract that the first attempt wrote.
    assert without_times(judge(s3, serving(rare), rules=rules)) == without_times(decision)
    # The smoke test compares what the endpoint answers, which knows no threshold.
    assert set(read_smoke_test(Bucket(s3, BUCKET), RUN).labels) == {"no"}


@pytest.mark.parametrize("positive_label", ["yes", "no"])
def test_the_champion_keeps_the_threshold_of_its_own_contract(s3, positive_label):
    """The hold-out is scored for the challenger's positive label, whatever the champion's."""
    value = 0.3 if positive_label == "yes" else 0.7
    own = replace(CONTRACT, positive_label=positive_label, decision_threshold=DecisionThreshold(value, "f1"))
    crown(s3, own)
    decision = judge(s3, serving(good, good), rules=replace(RULES, threshold=ThresholdRule(0.6)))
    positive, probability = holdout(s3)
    at = 1 - probability < 0.7 if positive_label == "no" else probability >= 0.3
    assert counts(decision.champion) == confusion_matrix(positive, at).ravel().tolist()
    assert decision.champion.metrics["f1"] == pytest.approx(f1_score(positive, at))
    assert decision.champion.metrics["auc"] == decision.challenger.metrics["auc"]
    assert decision.challenger.metrics["f1"] == pytest.approx(f1_score(positive, probability >= 0.6))


def keep_unseen(s3, ranges, champion="old"):
    write_unseen_rows(Bucket(s3, BUCKET), RUN, UnseenRows(champion, ranges))


def test_the_champion_is_compared_only_on_rows_unknown_to_it(s3):
    """It has memorised the labels of the first 700 rows, which must not count."""
    crown(s3)
    known = {row: n % 5 == 0 for n, row in enumerate(rows_of_holdout(s3)[:700])}

    def by_heart(row):
        return float(known[row[0], row[1]]) if (row[0], row[1]) in known else poor(row)

    before = judge(s3, serving(good, by_heart))
    assert not before.passed
    assert before.unseen_rows is None
    assert (
        "on the same 1,000 rows, which it may have been trained on (it was not in force when" in before.reason
    )
    keep_unseen(s3, ((701, 1000),))
    decision = judge(s3, serving(good, by_heart))
    assert decision.passed
    assert (decision.unseen_rows, decision.comparison.rows, decision.champion.rows) == (300, 300, 300)
    assert decision.challenger.rows == ROWS
    assert "on the 300 of the 1,000 hold-out rows that it was not trained on" in decision.reason
    assert read_decision(Bucket(s3, BUCKET), RUN) == decision


def rows_of_holdout(s3):
    body = s3.get_object(Bucket=BUCKET, Key=holdout_key(RUN))["Body"].read().decode()
    return [tuple(line.split(",")[:2]) for line in body.splitlines()[1:]]


@pytest.mark.parametrize(("last", "compared"), [(45, False), (46, True)])
def test_too_few_rows_unknown_to_the_champion_are_a_reason(s3, last, compared):
    """Of the rows every fifth is positive: 45 hold nine, 46 ten."""
    crown(s3)
    keep_unseen(s3, ((1, last),))
    decision = judge(s3, serving(poor, good))
    assert (decision.comparison is not None) == compared
    if compared:
        return
    assert decision.passed
    assert (
        "only 45 of the 1,000 hold-out rows were also held out from the champion, run old" in decision.reason
    )
    assert "9 of them with the label 'yes'; 10 of each label are needed" in decision.champion_skipped
    assert "So whether the challenger is worse is unknown" in decision.champion_skipped
    assert "IdColumn" in decision.champion_skipped


def test_records_about_another_champion_do_not_count(s3):
    crown(s3)
    keep_unseen(s3, ((1, 1000),), champion="an earlier one")
    assert judge(s3, serving(good, poor)).unseen_rows is None


class TestTheReference:
    """A reference that writers of training files cannot change: a model of exchanged labels fails on it."""

    @pytest.fixture
    def reference(self, s3):
        rows = s3.get_object(Bucket=BUCKET, Key=holdout_key(RUN))["Body"].read().decode()
        s3.put_object(Bucket=BUCKET, Key=reference_key(RUN), Body=rows.encode())
        other = {"yes": "no", "no": "yes"}
        header, *lines = rows.splitlines()
        exchanged = [
            f"{start},{other[label]}" for start, _, label in (each.rpartition(",") for each in lines)
        ]
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join([header, *exchanged]).encode())

    def test_a_model_of_exchanged_labels_fails_the_floor_on_the_reference(self, s3, reference):
        decision = judge(s3, serving(lambda row: 1 - good(row)))
        assert [(check.name, check.passed) for check in decision.checks] == [
            ("floor", True),
            ("latency", True),
            ("reference", False),
        ]
        assert not decision.passed
        own = 1 - decision.metrics["auc"]
        assert (
            f"On the reference hold-out: AUC {own:.4f} on 1,000 hold-out rows is below the floor of 0.6. Check which "
            "labels are right, those of the training file or those of the reference. Judged without a champion: no"
        ) in decision.reason
        assert read_decision(Bucket(s3, BUCKET), RUN) == decision

    def test_a_model_worse_than_the_champion_on_the_reference_is_refused(self, s3, reference):
        rows = s3.get_object(Bucket=BUCKET, Key=reference_key(RUN))["Body"].read()
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body=rows.replace(b"good,poor", b"poor,good"))
        crown(s3)
        # On its own hold-out, where the names are exchanged, what the challenger reads is the better column.
        runtime = serving(poor, good)
        decision = judge(s3, runtime)
        (check,) = (check for check in decision.checks if check.name == "reference")
        assert not check.passed
        assert re.search(
            r"is not below the floor of 0\.6\. AUC [\d.]+ against [\d.]+ of the champion, run old",
            check.message,
        )
        assert "all 1,000 hold-out rows, none of which it was trained on" in check.message
        assert "So the challenger is worse." in check.message
        assert runtime.rows[ENDPOINT] == 2 * ROWS
        batches = decision.challenger.latency.batches
        assert runtime.requests[CANDIDATE] == LIMITS.concurrency + 2 * batches

    def test_with_a_champion_that_cannot_score_the_reference_the_floor_applies(self, s3, reference):
        crown(s3, replace(CONTRACT, features=(*CONTRACT.features, Feature("more", "numeric"))))
        rows = s3.get_object(Bucket=BUCKET, Key=reference_key(RUN))["Body"].read().decode().splitlines()
        own = [f"{'more' if number == 0 else 1},{row}" for number, row in enumerate(rows)]
        s3.put_object(Bucket=BUCKET, Key=holdout_key(RUN), Body="\n".join(own).encode())
        (check,) = (check for check in judge(s3, serving(good, good)).checks if check.name == "reference")
        assert check.passed
        assert "The champion was not compared there: the champion cannot score the hold-out." in check.message

    def test_a_row_that_the_challenger_cannot_score_fails_the_run(self, s3):
        rows = "good,poor,job,y\n0.1,0.1,j1,no\nx,0.1,j1,yes\n"
        s3.put_object(Bucket=BUCKET, Key=reference_key(RUN), Body=rows.encode())
        with pytest.raises(HoldoutRejected, match="The reference hold-out's row on line 3"):
            judge(s3, serving(good))
