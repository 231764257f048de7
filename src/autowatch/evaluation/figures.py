"""What comparisons and curves come to, for those who only read it: this module needs no numpy."""

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
