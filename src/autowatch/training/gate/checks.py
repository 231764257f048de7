"""The gate's checks: whether a challenger is good enough."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autowatch.evaluation.auc import auc_estimate
from autowatch.evaluation.classes import exchanged_labels
from autowatch.evaluation.figures import Bounded, Comparison
from autowatch.evaluation.judged import BinaryRows, ClassRows, JudgedRows, NumberRows
from autowatch.evaluation.measures import MEASURES, Floors, say_number
from autowatch.evaluation.numbers import ErrorMeasure, rank_correlation
from autowatch.records.decision import Check, JudgedModel
from autowatch.records.run import Trigger
from autowatch.records.threshold import ThresholdRule
from autowatch.reports.text import short
from autowatch.training.gate.holdout import ScoredChampion

_LONGEST_SHOWN = 60

ApprovalPolicy = Literal["never", "drift", "always"]
"""Which releases a person must approve: none, those of runs that drift started, or all."""


@dataclass(frozen=True)
class GateRules(Floors):
    """The conditions for passing the gate, and how the decision threshold is set.

    A challenger exactly on a floor passes.

    Attributes:
        confidence: the confidence needed to call a challenger worse, between 0.5 and 1; a challenger as good as the
            champion is rejected with a probability of at most 1 - confidence.
        auc_tolerance: the accepted loss of AUC against the champion.
        max_batch_seconds: the limit for the median batch.
        threshold: how the decision threshold is set; None for the model's own label.
        approval: which releases a person must approve.
        error_tolerance: the accepted rise of the error, as a share of the champion's.
        error: the error measure that compares models of numbers.
    """

    confidence: float = 0.95
    auc_tolerance: float = 0.0
    max_batch_seconds: float = 30.0
    threshold: ThresholdRule | None = None
    approval: ApprovalPolicy = "never"
    error_tolerance: float = 0.0
    error: ErrorMeasure = "rmse"

    def tolerance(self, measure: str) -> float:
        """The accepted loss of this measure."""
        return self.error_tolerance if MEASURES[measure].lower_is_better else self.auc_tolerance


def check_floors(challenger: JudgedModel, floors: Mapping[str, float]) -> list[Check]:
    """Whether each of these measures of the challenger reaches its floor."""
    return [_check_floor(challenger, measure, floor) for measure, floor in floors.items()]


def _check_floor(challenger: JudgedModel, name: str, floor: float) -> Check:
    measure, value = MEASURES[name], challenger.metrics.get(name)
    if value is None:
        message = (
            f"{measure.words} cannot be measured on {challenger.rows:,} hold-out rows with a single label or number; "
            f"the floor is {floor:g}."
        )
        return Check("floor", False, message)
    passed = value >= floor
    return Check(
        "floor",
        passed,
        f"{measure.say(value)} on {challenger.rows:,} hold-out rows is {'not below' if passed else 'below'} "
        f"the floor of {floor:g}.",
    )


def check_latency(challenger: JudgedModel, rules: GateRules) -> Check:
    """Whether the challenger answers batches quickly enough.

    The median decides, since the first batches of a serverless endpoint wait for its start.
    """
    seconds = challenger.latency.median_seconds
    passed = seconds <= rules.max_batch_seconds
    return Check(
        "latency",
        passed,
        f"{_batches(challenger.latency.batches)} took {seconds:.2f} s, "
        f"{'within' if passed else 'over'} the {rules.max_batch_seconds:g} s allowed.",
        f"at most {rules.max_batch_seconds:g} s",
    )


def _batches(count: int) -> str:
    return "The only batch" if count == 1 else f"The median of {count} batches"


def check_champion(
    comparison: Comparison, champion: ScoredChampion, holdout_rows: int, rules: GateRules
) -> Check:
    """Whether the challenger is not worse than the champion on the same rows.

    It is worse if the true difference exceeds the tolerance with the required confidence.
    """
    measure, rows = MEASURES[comparison.measure], _compared(comparison, champion, holdout_rows)
    tolerance = rules.tolerance(comparison.measure)
    passed = comparison.sure_loss <= tolerance
    if measure.lower_is_better:
        places, bound, loss, of_champion = ".1%", comparison.lower, "rise", say_number(comparison.champion)
        limit = f"not surely over {tolerance:+.1%}"
    else:
        places, bound, loss, of_champion = ".4f", comparison.upper, "loss", f"{comparison.champion:.4f}"
        limit = f"not surely below {-tolerance:g}" if tolerance else "not surely below 0"
    allowed = f" by more than {tolerance:{'.1%' if measure.lower_is_better else 'g'}}" if tolerance else ""
    message = (
        f"{measure.say(comparison.challenger)} against {of_champion} of the champion, run {champion.contract.run}, on "
        f"{rows}: {_beside(comparison.difference, places)} ({100 * comparison.confidence:g} % bound: "
        f"{_beside(bound, places)}). So the challenger is {'not found worse' if passed else 'worse'}{allowed}. The "
        f"test detects a {loss} of {comparison.detectable_loss:{places}} with 80 % power."
    )
    return Check("champion", passed, message, limit)


def _beside(difference: float, places: str) -> str:
    """The difference in words, such as `0.0100 lower`, `5.2% higher` or `equal`."""
    size = format(abs(difference), places)
    if not size.strip("0.%"):
        return "equal"
    return f"{size} {'higher' if difference > 0 else 'lower'}"


def _compared(comparison: Comparison, champion: ScoredChampion, holdout_rows: int) -> str:
    if champion.unseen_rows is None:
        return (
            f"the same {comparison.rows:,} rows, which it may have been trained on ({champion.unknown}; that would "
            "flatter it)"
        )
    if comparison.rows == holdout_rows:
        return f"all {holdout_rows:,} hold-out rows, none of which it was trained on"
    return f"the {comparison.rows:,} of the {holdout_rows:,} hold-out rows that it was not trained on"


_UPSIDE_DOWN = 0.4
"""An AUC below chance, 0.5, by more than real changes of the data have been seen to cause."""

_FALLING = 2 * _UPSIDE_DOWN - 1
"""The rank correlation that is equally far below chance, 0."""

_FAR_OFF = -3.0
"""Below this R², the errors are more than twice the numbers' standard deviation."""


def wrong_way(champion_run: str, rows: JudgedRows) -> str | None:
    """Why the champion's predictions suggest that the target in the training file is wrong; None if they do not.

    They do if, with confidence, the champion's AUC is below 0.4, or the AUC between two of several labels is; or if
    predicted numbers fall where the true ones rise, or have errors above twice the standard deviation of the true ones.
    The cause may be exchanged labels or numbers in another unit, by accident or by intent; a model trained on them
    passes every other check.

    Args:
        rows: the hold-out with the champion's predictions.
    """
    match rows:
        case BinaryRows(positive=positive, probability=probability):
            auc = auc_estimate(positive, probability)
            if auc and auc.upper < _UPSIDE_DOWN:
                return (
                    f"The champion, run {champion_run}, ranks the new rows the wrong way round: its AUC on them is "
                    f"{auc.value:.3f}, at most {auc.upper:.3f}. The labels of the training file may be exchanged."
                )
        case ClassRows(probabilities=np.ndarray() as probabilities):
            pair = exchanged_labels(rows.actual, probabilities, _UPSIDE_DOWN)
            if pair:
                one, other = (repr(short(rows.labels[place], _LONGEST_SHOWN)) for place in pair[:2])
                return (
                    f"The champion, run {champion_run}, tells the labels {one} and {other} apart the wrong way round: "
                    f"its AUC between them is {pair[2].value:.3f}, at most {pair[2].upper:.3f}. The two labels may be "
                    "exchanged in the training file."
                )
        case NumberRows():
            return _wrong_numbers(champion_run, rows)
    return None


def _wrong_numbers(champion_run: str, rows: NumberRows) -> str | None:
    correlation = rank_correlation(rows.actual, rows.predicted)
    if correlation and correlation.upper < _FALLING:
        return (
            f"The champion, run {champion_run}, predicts less where the new rows have more: the rank correlation is "
            f"{correlation.value:.3f}, at most {correlation.upper:.3f}. The target of the training file may have the "
            "wrong sign."
        )
    explained = rows.estimates()["r2"]
    if isinstance(explained, Bounded) and explained.upper < _FAR_OFF:
        return (
            f"The errors of the champion, run {champion_run}, on the new rows are more than twice as large as their "
            f"numbers vary: R² is {explained.value:.3g}, at most {explained.upper:.3g}. The target of the training "
            "file may have another unit."
        )
    return None


def approval_reason(policy: ApprovalPolicy, trigger: Trigger, wrong: str | None) -> str | None:
    """Why a person must approve the release of a challenger that passed; None if no approval is needed.

    Args:
        wrong: the result of `wrong_way`; None if the champion was not judged.
    """
    if wrong:
        return wrong
    if policy == "always":
        return "The parameter ReleaseApproval requires approval of every release."
    if policy == "drift" and trigger == "drift":
        return "Drift started the run, and the parameter ReleaseApproval then requires approval."
    return None
