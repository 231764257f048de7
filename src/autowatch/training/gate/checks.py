"""The gate's checks: when a challenger is good enough, in figures."""

from dataclasses import dataclass
from typing import Literal

from autowatch.evaluation.figures import Bounded, Comparison
from autowatch.records.decision import Check, JudgedModel
from autowatch.records.run import Trigger
from autowatch.records.threshold import ThresholdRule
from autowatch.training.gate.holdout import ScoredChampion

ApprovalPolicy = Literal["never", "drift", "always"]
"""Which runs' releases a person must approve: none's, those that drift started, or all."""


@dataclass(frozen=True)
class GateRules:
    """When a challenger passes, and from which probability on its rows get the positive label.

    Attributes:
        minimum_auc: the floor, a challenger on it passes.
        confidence: how sure the gate must be that a challenger is worse, between 0.5 and 1; one that is as good as the
            champion is rejected at most 1 - confidence of the time.
        auc_tolerance: the loss of AUC against the champion that is accepted.
        max_batch_seconds: the longest that the median batch may take.
        threshold: how the decision threshold is set; None for the model's own label.
        approval: whose releases a person must approve.
    """

    minimum_auc: float
    confidence: float = 0.95
    auc_tolerance: float = 0.0
    max_batch_seconds: float = 30.0
    threshold: ThresholdRule | None = None
    approval: ApprovalPolicy = "never"


def check_floor(challenger: JudgedModel, rules: GateRules) -> Check:
    """Whether the challenger's AUC is not below the floor."""
    auc = challenger.metrics["auc"]
    passed = auc >= rules.minimum_auc
    return Check(
        "floor",
        passed,
        f"AUC {auc:.4f} on {challenger.rows:,} hold-out rows is {'not below' if passed else 'below'} "
        f"the floor of {rules.minimum_auc:g}.",
    )


def check_latency(challenger: JudgedModel, rules: GateRules) -> Check:
    """Whether the challenger's batches are answered quickly enough.

    By the median: the first batches of a serverless endpoint wait for it to start.
    """
    seconds = challenger.latency.median_seconds
    passed = seconds <= rules.max_batch_seconds
    return Check(
        "latency",
        passed,
        f"{_batches(challenger.latency.batches)} took {seconds:.2f} s, "
        f"{'within' if passed else 'over'} the {rules.max_batch_seconds:g} s allowed.",
    )


def _batches(count: int) -> str:
    return "The only batch" if count == 1 else f"The median of {count} batches"


def check_champion(
    comparison: Comparison, champion: ScoredChampion, holdout_rows: int, rules: GateRules
) -> Check:
    """Whether the challenger is not worse than the champion on the same rows.

    It is worse when the true difference is below minus the tolerance with the confidence asked for.
    """
    passed = comparison.upper >= -rules.auc_tolerance
    tolerated = f" by more than {rules.auc_tolerance:g}" if rules.auc_tolerance else ""
    return Check(
        "champion",
        passed,
        f"The champion, run {champion.contract.run}, has AUC {comparison.champion:.4f} on "
        f"{_compared(comparison, champion, holdout_rows)}: a difference of {comparison.difference:+.4f}, at most "
        f"{comparison.upper:+.4f} with {100 * comparison.confidence:g} % confidence. So the challenger is "
        f"{'not found worse' if passed else 'worse'}{tolerated}. A true loss of "
        f"{comparison.detectable_loss:.4f} would be found four times in five.",
    )


def _compared(comparison: Comparison, champion: ScoredChampion, holdout_rows: int) -> str:
    if champion.unseen_rows is None:
        return (
            f"the same {comparison.rows:,} rows, which it may have been trained on ({champion.unknown}; that would "
            "flatter it)"
        )
    if comparison.rows == holdout_rows:
        return f"all {holdout_rows:,} hold-out rows, which were kept from it, too"
    return f"the {comparison.rows:,} of the {holdout_rows:,} hold-out rows that were kept from it, too"


_UPSIDE_DOWN = 0.4
"""An AUC on the far side of chance, 0.5, beyond what a change of the world alone has been seen to do."""


def approval_reason(
    policy: ApprovalPolicy, trigger: Trigger, champion_run: str | None, champion: Bounded | None
) -> str | None:
    """Why a person must approve the release of a challenger that passed; None where nobody needs to.

    A champion whose AUC is surely below 0.4 ranks the new rows the wrong way round. Labels that were exchanged look so,
    by accident or by someone who may write training files; a model trained on them passes every other check.

    Args:
        champion: the champion's AUC on the hold-out; None where it was not judged.
    """
    if champion and champion.upper < _UPSIDE_DOWN:
        return (
            f"The champion, run {champion_run}, ranks the new rows the wrong way round: its AUC on them is "
            f"{champion.value:.3f}, at most {champion.upper:.3f}. The labels of the training file may be exchanged."
        )
    if policy == "always":
        return "The parameter ReleaseApproval asks for it before every release."
    if policy == "drift" and trigger == "drift":
        return "Drift started the run, and the parameter ReleaseApproval asks for it then."
    return None
