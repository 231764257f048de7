"""The gate: scores the hold-out at the candidate endpoint and decides whether the challenger is good enough."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.evaluation.comparison import NotComparable
from autowatch.evaluation.figures import Comparison
from autowatch.evaluation.judged import JudgedRows
from autowatch.records.contract import Contract, read_contract
from autowatch.records.decision import Check, GateDecision, JudgedModel, Latency, write_decision
from autowatch.records.keys import contract_key, holdout_key, reference_key
from autowatch.records.run import Trigger
from autowatch.records.smoke import write_smoke_test
from autowatch.scoring.endpoint import TimedEndpoint
from autowatch.scoring.requests import ScoringLimits
from autowatch.training.gate.baseline import complete_baseline
from autowatch.training.gate.checks import (
    GateRules,
    approval_reason,
    check_champion,
    check_floors,
    check_latency,
    wrong_way,
)
from autowatch.training.gate.holdout import (
    ChampionNotComparable,
    HoldoutScores,
    ScoredChampion,
    score_champion,
    score_champion_on_reference,
    score_holdout,
    take_smoke_test,
    warm_up,
)
from autowatch.training.gate.rows import judged_rows, rows_to_measure, set_threshold

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_SECONDS_TO_DECIDE = 60.0
"""Reserved of the caller's time for the steps after scoring: comparing half a million rows takes half of it."""


class HoldoutRejected(AutowatchError):
    """The challenger did not score every row of the hold-out."""


@dataclass(frozen=True)
class Endpoints:
    """Where the two models serve.

    Attributes:
        client: boto3's `sagemaker-runtime`, without retries of its own.
        candidate, champion: the endpoints' names.
        seconds_left: returns how much time the caller has left.
    """

    client: "SageMakerRuntimeClient"
    candidate: str
    champion: str
    seconds_left: Callable[[], float]

    def timed(self, name: str, contract: Contract) -> TimedEndpoint:
        """The endpoint `name` with answers as in the contract, and the probability of each of several labels."""
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
    """Scores the run's hold-out with the challenger and, if comparable, with the champion, and decides.

    Stores with the run the decision, the contract with its threshold, the rows for the smoke test, and the baseline
    with the columns of the predictions.

    Raises:
        HoldoutRejected: the challenger could not score some row.
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
    served = endpoints.timed(endpoints.champion, contract)
    champion, skipped = _try_champion(
        lambda: score_champion(bucket, contract, served, len(scores.row_numbers), limits)
    )
    reference = _judge_reference(bucket, contract, endpoints, limits, rules, skipped)
    decision = decide(contract, scores, champion, skipped, rules, trigger, reference)
    write_decision(bucket, run, decision)
    return decision


def _check_all_scored(scores: HoldoutScores, of: str = "hold-out") -> None:
    if scores.rejected:
        first = scores.rejected[0]
        raise HoldoutRejected(f"The {of}'s row on line {first.line} could not be scored: {first.reason}")


def _judge_reference(
    bucket: Bucket,
    contract: Contract,
    endpoints: Endpoints,
    limits: ScoringLimits,
    rules: GateRules,
    known: str | None,
) -> Check | None:
    """The same rules on the reference hold-out, as one check; None if the stack has no reference.

    Args:
        known: why the champion was not judged on the run's own hold-out; the check does not repeat the same reason.
    """
    key = reference_key(contract.run)
    if not bucket.exists(key):
        return None
    scores = score_holdout(bucket, key, contract, endpoints.timed(endpoints.candidate, contract), limits)
    _check_all_scored(scores, "reference hold-out")
    served = endpoints.timed(endpoints.champion, contract)
    champion, skipped = _try_champion(
        lambda: score_champion_on_reference(bucket, contract, served, len(scores.row_numbers), limits)
    )
    judged = decide(contract, scores, champion, skipped, rules)
    asked = [check for check in judged.checks if check.name != "latency"]
    passed, told = all(check.passed for check in asked), [check.message for check in asked]
    if skipped and skipped != known:
        told.append(f"The champion was not compared there: {skipped.rstrip('.')}.")
    if not passed:
        told.append("Check which labels are right, those of the training file or those of the reference.")
    return Check("reference", passed, f"On the reference hold-out: {' '.join(told)}")


def _try_champion(score: Callable[[], ScoredChampion]) -> tuple[ScoredChampion | None, str | None]:
    """The champion's scores, or why it cannot be compared."""
    try:
        return score(), None
    except ChampionNotComparable as error:
        return None, str(error)


def _complete_contract(
    bucket: Bucket, contract: Contract, scores: HoldoutScores, rules: GateRules
) -> Contract:
    threshold = set_threshold(scores, contract, rules.threshold)
    completed = replace(contract, decision_threshold=threshold)
    if completed != contract:
        bucket.write_json(contract_key(contract.run), completed)
    return completed


def decide(
    contract: Contract,
    scores: HoldoutScores,
    champion: ScoredChampion | None,
    skipped: str | None,
    rules: GateRules,
    trigger: Trigger = "manual",
    reference: Check | None = None,
) -> GateDecision:
    """Whether the challenger with this contract is released.

    Args:
        scores: the challenger's scores of every row of the hold-out.
        champion: the judged champion; None if it was not judged.
        skipped: why it was not judged.
        trigger: what started the run.
        reference: the check on the reference hold-out; None if the stack has no reference.
    """
    rows = judged_rows(scores, contract, contract, rules.error)
    champions = judged_rows(champion.scores, champion.contract, contract, rules.error) if champion else None
    comparison: Comparison | None = None
    if champion and champions:
        try:
            comparison = _compare(rows, champions, champion.scores.row_numbers, rules.confidence)
        except NotComparable as error:
            skipped = str(error)
    challenger = _judge_model(contract, scores, rows, rows_to_measure(contract, rows))
    floors = rules.floors(contract.problem_type)
    checks = [*check_floors(challenger, floors), check_latency(challenger, rules)]
    judged: JudgedModel | None = None
    if champion and champions and comparison:
        judged = _judge_model(champion.contract, champion.scores, champions, champions)
        checks.insert(-1, check_champion(comparison, champion, challenger.rows, rules))
    checks += [reference] if reference else []
    note = f"Judged without a champion: {skipped.rstrip('.')}." if skipped else None
    messages = [check.message for check in checks]
    passed = all(check.passed for check in checks)
    wrong = wrong_way(champion.contract.run, champions) if champion and champions else None
    return GateDecision(
        run=contract.run,
        passed=passed,
        reason=" ".join([*messages, note] if note else messages),
        minimum_auc=floors.get("auc"),
        rows=challenger.rows,
        metrics=challenger.metrics,
        checks=tuple(checks),
        challenger=challenger,
        champion=judged,
        champion_skipped=note,
        comparison=comparison,
        unseen_rows=champion.unseen_rows if champion else None,
        trade_off=rows.trade_off(rules.threshold.costs if rules.threshold else None),
        approval=approval_reason(rules.approval, trigger, wrong) if passed else None,
        problem_type=contract.problem_type,
        decided_by=rows.decided_by,
        floors=floors,
    )


def _compare(
    challenger: JudgedRows, champion: JudgedRows, numbers: Sequence[int], confidence: float
) -> Comparison:
    """Compares the rows with these numbers: the champion may not have scored all of the new rows."""
    return challenger.at(np.array(numbers, dtype=np.int64) - 1).compare(champion, confidence)


def _judge_model(
    contract: Contract, scores: HoldoutScores, rows: JudgedRows, measured: JudgedRows
) -> JudgedModel:
    """The figures of the model with this contract.

    Args:
        rows: the rows with the labels that they get when the model serves.
        measured: the same rows with the labels for the measures; see `rows_to_measure`.
    """
    return JudgedModel(
        run=contract.run,
        rows=len(rows),
        metrics=measured.values(),
        roc=rows.roc(),
        calibration=rows.calibration(),
        latency=Latency(
            batches=len(scores.seconds),
            median_seconds=statistics.median(scores.seconds),
            worst_seconds=max(scores.seconds),
        ),
        threshold=contract.decision_threshold,
        confusion=rows.confusion(),
        gain=rows.gain(),
        lift_of_tenth=rows.lift_of_tenth(),
        intervals=measured.intervals(),
        classes=rows.class_table(),
        numbers=rows.number_table(),
    )
