"""What comparisons, curves and thresholds come to, for those who only read it: this module needs no numpy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """The challenger's AUC less the champion's on the same rows.

    Attributes:
        rows: how many rows both models scored.
        challenger_auc, champion_auc, difference: on these rows.
        lower, upper: the true difference is above the one, and below the other, each with `confidence`.
        confidence: of each end by itself, between 0 and 1.
        standard_error: of the difference.
        detectable_loss: a challenger truly worse by so much would be found worse four times in five, at no tolerance.
        resamples, seed: of the bootstrap.
    """

    rows: int
    challenger_auc: float
    champion_auc: float
    difference: float
    lower: float
    upper: float
    confidence: float
    standard_error: float
    detectable_loss: float
    resamples: int
    seed: int


@dataclass(frozen=True)
class CalibrationPoint:
    """The rows of one bin: their mean predicted probability, the share that came true, and how many they are."""

    predicted: float
    observed: float
    rows: int


@dataclass(frozen=True)
class Costs:
    """What a mistake costs: a positive row that is called negative (a miss), a negative one called positive (an alarm).

    The unit does not matter, as long as both have the same.
    """

    miss: float
    alarm: float


@dataclass(frozen=True)
class Confusion:
    """How many rows there are of each true and predicted label."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


@dataclass(frozen=True)
class TradeOffPoint:
    """What calling all rows positive from `threshold` on would mean; `cost` is the mean cost of a row, None where no
    costs were given."""

    threshold: float
    precision: float
    recall: float
    f1: float
    cost: float | None = None
