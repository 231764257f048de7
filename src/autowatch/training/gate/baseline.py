"""The model's predictions on the hold-out as columns of the baseline, with which later predictions are compared."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from autowatch.aws.objects import Bucket
from autowatch.records.contract import Contract
from autowatch.records.keys import baseline_key
from autowatch.records.problem import ProblemType
from autowatch.tabular.bins import Bins, categorical_bins
from autowatch.tabular.profile import PROBABILITY_BOUNDS, Baseline, baseline_column, with_predictions
from autowatch.training.gate.holdout import HoldoutScores


def complete_baseline(bucket: Bucket, contract: Contract, scores: HoldoutScores) -> None:
    """Adds the columns of the predictions to the baseline of the contract's run."""
    baseline = bucket.read_as(baseline_key(contract.run), Baseline)
    columns = _COLUMNS[contract.problem_type](contract, scores)
    bucket.write_json(baseline_key(contract.run), with_predictions(baseline, columns))


def _of_two_labels(contract: Contract, scores: HoldoutScores) -> Sequence[Bins]:
    return [_probability(contract, scores)]


def _of_several_labels(contract: Contract, scores: HoldoutScores) -> Sequence[Bins]:
    return [_label(contract, scores), _probability(contract, scores)]


def _of_numbers(contract: Contract, scores: HoldoutScores) -> Sequence[Bins]:
    return [baseline_column(contract.target, "prediction", "numeric", Counter(scores.predicted))]


_COLUMNS: dict[ProblemType, Callable[[Contract, HoldoutScores], Sequence[Bins]]] = {
    "binary": _of_two_labels,
    "multiclass": _of_several_labels,
    "regression": _of_numbers,
}


def _probability(contract: Contract, scores: HoldoutScores) -> Bins:
    return baseline_column(
        contract.probability_column,
        "prediction",
        "numeric",
        Counter(scores.probability),
        bounds=PROBABILITY_BOUNDS,
    )


def _label(contract: Contract, scores: HoldoutScores) -> Bins:
    """The predicted labels, including those never predicted, so that these do not count as new values later."""
    counts = Counter(scores.predicted)
    bins = categorical_bins(contract.target, "prediction", counts)
    bins = msgspec.structs.replace(bins, other=tuple(sorted(set(contract.labels).difference(bins.values))))
    return msgspec.structs.replace(bins, counts=tuple(bins.count(counts)))
