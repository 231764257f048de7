"""The gate: a challenger scores the hold-out where it is staged, and is let through when it is good enough."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from autowatch.classification import measure
from autowatch.contract import Contract
from autowatch.csv_lines import csv_lines
from autowatch.endpoint import Endpoint
from autowatch.errors import AutowatchError
from autowatch.gate_decision import GateDecision, SmokeTest, write_decision, write_smoke_test
from autowatch.objects import read_json, write_json
from autowatch.profile import Baseline, baseline_column, with_prediction
from autowatch.runs import baseline_key, holdout_key
from autowatch.scoring import ScoredBatch, ScoringLimits, score_table
from autowatch.table import Table

_CHUNK = 1 << 20
_SMOKE_ROWS = 20


class HoldoutRejected(AutowatchError):
    """The challenger did not score every row of the hold-out."""


@dataclass(frozen=True)
class _Scores:
    """The hold-out's scores, row by row, and a few of the rows as they were sent."""

    actual: list[str]
    predicted: list[str]
    probability: list[str]
    smoke_test: SmokeTest


def judge_challenger(
    s3: Any, bucket: str, contract: Contract, endpoint: Endpoint, limits: ScoringLimits, minimum_auc: float
) -> GateDecision:
    """Scores the hold-out of the contract's run through `endpoint` and decides.

    The decision, the rows for the smoke test and the baseline with the prediction's column are kept with the run.

    Raises:
        HoldoutRejected: some row could not be scored.
        EndpointError: the candidate endpoint did not answer.
    """
    body = s3.get_object(Bucket=bucket, Key=holdout_key(contract.run))["Body"]
    batches = score_table(Table(body.iter_chunks(_CHUNK)), contract, endpoint, limits)
    scores = _collect(batches, contract)
    _complete_baseline(s3, bucket, contract, scores.probability)
    write_smoke_test(s3, bucket, contract.run, scores.smoke_test)
    decision = _decide(scores, contract, minimum_auc)
    write_decision(s3, bucket, contract.run, decision)
    return decision


def _collect(batches: Iterable[ScoredBatch], contract: Contract) -> _Scores:
    scores = _Scores([], [], [], SmokeTest("", [], []))
    for batch in batches:
        if batch.rejected:
            first = batch.rejected[0]
            raise HoldoutRejected(
                f"The hold-out's row on line {first.line} could not be scored: {first.reason}"
            )
        if not scores.actual:
            scores = replace(scores, smoke_test=_smoke_test(batch, contract))
        scores.actual.extend(batch.columns[contract.actual_column])
        scores.predicted.extend(batch.columns[contract.target])
        scores.probability.extend(batch.columns[contract.probability_column])
    return scores


def _smoke_test(batch: ScoredBatch, contract: Contract) -> SmokeTest:
    features = [batch.columns[feature.name][:_SMOKE_ROWS] for feature in contract.features]
    return SmokeTest(
        payload="".join(f"{line}\n" for line in csv_lines(features)),
        labels=list(batch.columns[contract.target][:_SMOKE_ROWS]),
        probabilities=list(batch.columns[contract.probability_column][:_SMOKE_ROWS]),
    )


def _complete_baseline(s3: Any, bucket: str, contract: Contract, probabilities: list[str]) -> None:
    baseline = Baseline.from_json(read_json(s3, bucket, baseline_key(contract.run)))
    column = baseline_column(contract.probability_column, "prediction", "numeric", Counter(probabilities))
    write_json(s3, bucket, baseline_key(contract.run), with_prediction(baseline, column).to_json())


def _decide(scores: _Scores, contract: Contract, minimum_auc: float) -> GateDecision:
    quality = measure(
        positive=np.array(scores.actual) == contract.positive_label,
        predicted=np.array(scores.predicted) == contract.positive_label,
        probability=np.array(scores.probability, dtype=float),
    )
    passed = quality.auc >= minimum_auc
    return GateDecision(
        run=contract.run,
        passed=passed,
        reason=f"AUC {quality.auc:.4f} on {len(scores.actual):,} hold-out rows is "
        f"{'not below' if passed else 'below'} the floor of {minimum_auc:g}.",
        minimum_auc=minimum_auc,
        rows=len(scores.actual),
        metrics=asdict(quality),
    )
