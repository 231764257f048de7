"""The gate: a challenger scores the hold-out where it is staged, and is let through when it is good enough."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.evaluation.auc import auc_estimate
from autowatch.evaluation.classification import measure
from autowatch.evaluation.comparison import NotComparable, compare
from autowatch.evaluation.curves import calibration_curve, gain_curve, lift, roc_curve
from autowatch.evaluation.figures import Bounded, Comparison
from autowatch.evaluation.threshold import confusion, trade_off_curve
from autowatch.records.contract import Contract, read_contract
from autowatch.records.decision import GateDecision, JudgedModel, Latency, write_decision
from autowatch.records.keys import contract_key, holdout_key
from autowatch.records.run import Trigger
from autowatch.records.smoke import write_smoke_test
from autowatch.scoring.endpoint import TimedEndpoint
from autowatch.scoring.requests import ScoringLimits
from autowatch.training.gate.baseline import complete_baseline
from autowatch.training.gate.checks import (
    GateRules,
    approval_reason,
    check_champion,
    check_floor,
    check_latency,
)
from autowatch.training.gate.holdout import (
    ChampionNotComparable,
    HoldoutScores,
    ScoredChampion,
    score_champion,
    score_holdout,
    take_smoke_test,
    warm_up,
)
from autowatch.training.gate.threshold import labels_in_use, labels_to_measure, set_threshold

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_SECONDS_TO_DECIDE = 60.0
"""Kept back of the caller's time for what comes after the scoring: half a million rows are compared in half of it."""


class HoldoutRejected(AutowatchError):
    """The challenger did not score every row of the hold-out."""


@dataclass(frozen=True)
class Endpoints:
    """Where the two models serve.

    Attributes:
        client: boto3's `sagemaker-runtime`, which tries nothing again by itself.
        candidate, champion: the endpoints' names.
        seconds_left: tells how long the caller may still take.
    """

    client: "SageMakerRuntimeClient"
    candidate: str
    champion: str
    seconds_left: Callable[[], float]

    def timed(self, name: str, contract: Contract) -> TimedEndpoint:
        """The endpoint `name`, answering as the contract says, with the probability of each of several labels."""
        return TimedEndpoint(
            client=self.client,
            name=name,
            problem=replace(contract.problem, each_probability=True),
            seconds_left=lambda: self.seconds_left() - _SECONDS_TO_DECIDE,
        )


def judge_challenger(
    bucket: Bucket,
    run: str,
    endpoints: Endpoints,
    limits: ScoringLimits,
    rules: GateRules,
    trigger: Trigger = "manual",
) -> GateDecision:
    """Scores the run's hold-out with the challenger and, where it can be compared, the champion, and decides.

    The decision, the contract with its threshold, the rows for the smoke test and the baseline with the prediction's
    column are kept with the run.

    Raises:
        HoldoutRejected: some row could not be scored by the challenger.
        EndpointError: an endpoint did not answer.
    """
    contract = read_contract(bucket, contract_key(run))
    candidate = endpoints.timed(endpoints.candidate, contract)
    warm_up(bucket, holdout_key(run), contract, candidate, limits.concurrency)
    scores = score_holdout(bucket, holdout_key(run), contract, candidate, limits)
    _check_all_scored(scores)
    contract = _complete_contract(bucket, contract, scores, rules)
    complete_baseline(bucket, contract, scores)
    write_smoke_test(bucket, run, take_smoke_test(scores))
    champion: ScoredChampion | None = None
    comparison: Comparison | None = None
    skipped: str | None = None
    try:
        served = endpoints.timed(endpoints.champion, contract)
        champion = score_champion(bucket, contract, served, len(scores.row_numbers), limits)
        comparison = _compare(scores, champion.scores, contract, rules.confidence)
    except (ChampionNotComparable, NotComparable) as error:
        skipped = f"Judged without a champion: {str(error).rstrip('.')}."
    decision = _decide(contract, scores, champion, comparison, skipped, rules)
    if decision.passed:
        reason = approval_reason(rules.approval, trigger, *_champions_auc(champion, contract.positive_label))
        decision = replace(decision, approval=reason)
    write_decision(bucket, run, decision)
    return decision


def _champions_auc(champion: ScoredChampion | None, positive_label: str) -> tuple[str | None, Bounded | None]:
    if champion is None:
        return None, None
    scores = champion.scores
    return champion.contract.run, auc_estimate(scores.positive(positive_label), scores.probabilities())


def _check_all_scored(scores: HoldoutScores) -> None:
    if scores.rejected:
        first = scores.rejected[0]
        raise HoldoutRejected(f"The hold-out's row on line {first.line} could not be scored: {first.reason}")


def _complete_contract(
    bucket: Bucket, contract: Contract, scores: HoldoutScores, rules: GateRules
) -> Contract:
    threshold = set_threshold(scores, contract.positive_label, rules.threshold)
    completed = replace(contract, decision_threshold=threshold)
    if completed != contract:
        bucket.write_json(contract_key(contract.run), completed)
    return completed


def _compare(
    challenger: HoldoutScores, champion: HoldoutScores, contract: Contract, confidence: float
) -> Comparison:
    """Of the rows that both scored: the champion may not know what to do with all of the new ones."""
    both = np.array(champion.row_numbers) - 1
    return compare(
        positive=challenger.positive(contract.positive_label)[both],
        challenger=challenger.probabilities()[both],
        champion=champion.probabilities(),
        confidence=confidence,
    )


def _decide(
    contract: Contract,
    scores: HoldoutScores,
    champion: ScoredChampion | None,
    comparison: Comparison | None,
    skipped: str | None,
    rules: GateRules,
) -> GateDecision:
    challenger = _judge_model(contract, scores, labels_to_measure(scores, contract), contract.positive_label)
    checks = [check_floor(challenger, rules), check_latency(challenger, rules)]
    judged: JudgedModel | None = None
    if champion and comparison:
        labels = labels_in_use(champion.scores, champion.contract, contract.positive_label)
        judged = _judge_model(champion.contract, champion.scores, labels, contract.positive_label)
        checks.insert(1, check_champion(comparison, champion, challenger.rows, rules))
    messages = [check.message for check in checks]
    return GateDecision(
        run=contract.run,
        passed=all(check.passed for check in checks),
        reason=" ".join([*messages, skipped] if skipped else messages),
        minimum_auc=rules.minimum_auc,
        rows=challenger.rows,
        metrics=challenger.metrics,
        checks=tuple(checks),
        challenger=challenger,
        champion=judged,
        champion_skipped=skipped,
        comparison=comparison,
        unseen_rows=champion.unseen_rows if champion else None,
        trade_off=trade_off_curve(
            scores.positive(contract.positive_label),
            scores.probabilities(),
            rules.threshold.costs if rules.threshold else None,
        ),
    )


def _judge_model(
    contract: Contract, scores: HoldoutScores, labels: np.ndarray, positive_label: str
) -> JudgedModel:
    """What the scores say of the model with this contract.

    Args:
        labels: shape (rows scored,), bool: whether a row got `positive_label`, for the figures that depend on that.
    """
    positive, probability = scores.positive(positive_label), scores.probabilities()
    return JudgedModel(
        run=contract.run,
        rows=len(positive),
        metrics=asdict(measure(positive, labels, probability)),
        roc=roc_curve(positive, probability),
        calibration=calibration_curve(positive, probability),
        latency=Latency(
            batches=len(scores.seconds),
            median_seconds=statistics.median(scores.seconds),
            worst_seconds=max(scores.seconds),
        ),
        threshold=contract.decision_threshold,
        confusion=confusion(positive, labels_in_use(scores, contract, positive_label)),
        gain=gain_curve(positive, probability),
        lift_of_tenth=lift(positive, probability, 0.1),
    )
