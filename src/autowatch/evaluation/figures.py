"""The results of comparisons, curves and thresholds, for code that only reads them: this module needs no numpy."""

from dataclasses import dataclass

from autowatch.evaluation.measures import MEASURES


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval; None where the sample does not allow an interval."""

    value: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Bounded(Estimate):
    """An estimate that has an interval."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Comparison:
    """The challenger's measure minus the champion's on the same rows.

    For an AUC the difference, its ends, its standard error and the detectable loss are in units of AUC. For an error
    they are shares of the champion's: 0.1 means an error that is a tenth larger.

    Attributes:
        rows: how many rows both models scored.
        challenger, champion: the measure of each on these rows.
        difference: the challenger's minus the champion's.
        lower, upper: the true difference is above `lower` and below `upper`, each with `confidence`.
        confidence: of each end separately, between 0 and 1.
        standard_error: of the difference.
        detectable_loss: the true loss that is detected with 80 % power at zero tolerance.
        resamples, seed: of the bootstrap.
        measure: the measure compared; a name in `MEASURES`.
    """

    rows: int
    challenger: float
    champion: float
    difference: float
    lower: float
    upper: float
    confidence: float
    standard_error: float
    detectable_loss: float
    resamples: int
    seed: int
    measure: str = "auc"

    @property
    def sure_loss(self) -> float:
        """The least loss of the challenger at this confidence; negative where it may be better."""
        return self.lower if MEASURES[self.measure].lower_is_better else -self.upper


@dataclass(frozen=True)
class CalibrationPoint:
    """The rows of one bin: their mean predicted probability, the observed share, and their number."""

    predicted: float
    observed: float
    rows: int


@dataclass(frozen=True)
class Costs:
    """The costs of a miss (a positive row called negative) and of a false alarm (a negative row called positive).

    Any unit will do, as long as both use the same.
    """

    miss: float
    alarm: float


@dataclass(frozen=True)
class Confusion:
    """The number of rows with each true and predicted label."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


@dataclass(frozen=True)
class TradeOffPoint:
    """The figures at `threshold`; `cost` is the mean cost per row, None if no costs were given."""

    threshold: float
    precision: float
    recall: float
    f1: float
    cost: float | None = None


@dataclass(frozen=True)
class ClassFigures:
    """How well one of several labels is predicted; a figure is None where the rows do not determine it.

    Attributes:
        rows: how many rows have the label.
        predicted: how many rows got it.
        auc: the AUC of its probability, this label against all others.
    """

    label: str
    rows: int
    predicted: int
    precision: Bounded | None
    recall: Bounded | None
    f1: Bounded | None
    auc: Bounded | None


@dataclass(frozen=True)
class ClassTable:
    """How well each of several labels is predicted.

    Attributes:
        classes: in the contract's order.
        confusion: for each true label, how many of its rows got each label, both in the same order.
    """

    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class BiasBin:
    """A tenth of the rows, by predicted number: the means of both numbers, and how much too high the predictions are.

    `lower` and `upper` are the ends of the bias's 95 % interval; None for a single row.
    """

    predicted: float
    actual: float
    bias: float
    lower: float | None
    upper: float | None
    rows: int


@dataclass(frozen=True)
class NumberTable:
    """Predicted against true numbers; an error is the predicted minus the true number.

    Attributes:
        bias: by ascending prediction.
        error_quantiles: pairs of a level, such as 0.05, and the error that this share of the rows does not exceed.
        edges: of the bins of `counts` on both axes, ascending; the outer bins include all that lies beyond.
        counts: for each bin of the true number, how many of its rows are in each bin of the predicted one.
    """

    bias: tuple[BiasBin, ...]
    error_quantiles: tuple[tuple[float, float], ...]
    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
