"""What comparisons, curves and thresholds come to, for those who only read it: this module needs no numpy."""

from dataclasses import dataclass

from autowatch.evaluation.measures import MEASURES


@dataclass(frozen=True)
class Estimate:
    """A figure, and between what it lies with 95 % confidence; None where the sample does not allow one."""

    value: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Bounded(Estimate):
    """An estimate whose interval the sample tells."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Comparison:
    """The challenger's measure less the champion's on the same rows.

    Of an AUC the difference, its ends, its error and the detectable loss are AUCs; of an error they are shares of the
    champion's, so that 0.1 is an error that is a tenth larger.

    Attributes:
        rows: how many rows both models scored.
        challenger, champion: the measure of each on these rows.
        difference: of the two.
        lower, upper: the true difference is above the one, and below the other, each with `confidence`.
        confidence: of each end by itself, between 0 and 1.
        standard_error: of the difference.
        detectable_loss: a challenger truly worse by so much would be found worse four times in five, at no tolerance.
        resamples, seed: of the bootstrap.
        measure: what is compared; a name in `MEASURES`.
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
        """By how much the challenger is surely worse, at the confidence asked for; below 0 where it may be better."""
        return self.lower if MEASURES[self.measure].lower_is_better else -self.upper


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


@dataclass(frozen=True)
class ClassFigures:
    """How well one label of several is predicted; a figure is None where the rows do not tell.

    Attributes:
        rows: how many rows have the label.
        predicted: how many rows got it.
        auc: of its probability, this label against all others.
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
        confusion: in the same order, for each true label how many of its rows got each label.
    """

    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class BiasBin:
    """The rows of a tenth of the predicted numbers: the means of both, and by how much too high the predictions are.

    `lower` and `upper` are the ends of the bias's interval of 95 %; None where one row is alone.
    """

    predicted: float
    actual: float
    bias: float
    lower: float | None
    upper: float | None
    rows: int


@dataclass(frozen=True)
class NumberTable:
    """Predicted numbers against those that came true; an error is the predicted number less the true one.

    Attributes:
        bias: by rising prediction.
        error_quantiles: pairs of a level, such as 0.05, and the error that this share of the rows does not exceed.
        edges: of the bins of `counts`, both ways, rising; what lies outside is in the outer bins.
        counts: for each bin of the true number, how many of its rows are in each bin of the predicted one.
    """

    bias: tuple[BiasBin, ...]
    error_quantiles: tuple[tuple[float, float], ...]
    edges: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]
