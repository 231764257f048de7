"""Predictions with their true values, by problem type, as the gate and the quality measurement judge them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np

from autowatch.evaluation.auc import auc_estimate
from autowatch.evaluation.classes import (
    balanced_accuracy,
    class_estimates,
    class_table,
    macro_auc,
    macro_f1,
)
from autowatch.evaluation.classification import log_losses, measure, squared_errors
from autowatch.evaluation.comparison import NotComparable, compare, compare_classes, compare_errors
from autowatch.evaluation.curves import (
    calibration_curve,
    expected_calibration_error,
    gain_curve,
    lift,
    roc_curve,
)
from autowatch.evaluation.figures import (
    Bounded,
    CalibrationPoint,
    ClassTable,
    Comparison,
    Confusion,
    Costs,
    Estimate,
    NumberTable,
    TradeOffPoint,
)
from autowatch.evaluation.intervals import f1_estimate, mean_estimate, share_estimate
from autowatch.evaluation.measures import MEASURES_OF
from autowatch.evaluation.numbers import ErrorMeasure, number_estimates, number_table
from autowatch.evaluation.threshold import confusion, trade_off_curve


@dataclass(frozen=True)
class JudgedRows(ABC):
    """At least one row whose true value is known. Arrays have the shape (rows, ...)."""

    problem_type: ClassVar[str]

    @property
    def decided_by(self) -> str:
        """The measure for comparing two models; a name in `MEASURES`."""
        return MEASURES_OF[self.problem_type].decides[0]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def estimates(self) -> dict[str, Estimate | None]:
        """Every measure of the type with its interval; None where the rows do not determine it."""

    @abstractmethod
    def deciding(self, places: Sequence[int]) -> dict[str, Bounded]:
        """The measures that a verdict may rest on; empty if there are too few rows.

        Args:
            places: positions in `of_class` of the classes with enough rows.
        """

    @abstractmethod
    def compare(self, champion: Self, confidence: float) -> Comparison:
        """Compares these rows, the challenger's, by `decided_by` with the champion's: the same rows in the same order.

        Raises:
            NotComparable: there are too few rows.
        """

    @property
    @abstractmethod
    def of_class(self) -> tuple[int, ...]:
        """How many rows each class has; with two labels, the negative one first; numbers form one class."""

    def values(self) -> dict[str, float]:
        """The measures that the rows determine."""
        return {name: each.value for name, each in self.estimates().items() if each is not None}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The intervals' ends, for the measures that have one."""
        bounded = {name: each for name, each in self.estimates().items() if isinstance(each, Bounded)}
        return {name: (each.lower, each.upper) for name, each in bounded.items()}

    def calibration(self) -> tuple[CalibrationPoint, ...]:
        """The points of the calibration curve; empty for numbers."""
        return ()

    def roc(self) -> tuple[tuple[float, float], ...]:
        """With two labels, the points of the ROC curve; otherwise empty."""
        return ()

    def gain(self) -> tuple[tuple[float, float], ...]:
        """With two labels, the points of the gain curve; otherwise empty."""
        return ()

    def lift_of_tenth(self) -> float | None:
        """With two labels, the lift of the tenth with the highest probabilities; otherwise None."""
        return None

    def confusion(self) -> Confusion | None:
        """With two labels, the rows by their true and their predicted label; otherwise None."""
        return None

    def trade_off(self, costs: Costs | None) -> tuple[TradeOffPoint, ...]:  # noqa: ARG002 (used for two labels only)
        """With two labels, the trade-off at other thresholds, at these costs of mistakes; otherwise empty."""
        return ()

    def class_table(self) -> ClassTable | None:
        """With several labels, how well each is predicted; otherwise None."""
        return None

    def number_table(self) -> NumberTable | None:
        """For numbers, where predictions are too high or too low; otherwise None."""
        return None

    def at(self, places: np.ndarray) -> Self:
        """The rows at these positions."""
        return replace(self, **{name: array[places] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that hold the rows, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def joined(parts: Sequence[JudgedRows]) -> JudgedRows:
    """The rows of all parts concatenated. At least one part, all of the same kind; a part may be empty."""
    arrays = [part.arrays() for part in parts]
    return replace(parts[0], **{name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]})


@dataclass(frozen=True)
class BinaryRows(JudgedRows):
    """Rows with two labels.

    Attributes:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        predicted: shape (n,), bool: whether the positive label was predicted.
        probability: shape (n,), float: the predicted probability of the positive label.
    """

    problem_type = "binary"
    positive: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def of_class(self) -> tuple[int, int]:
        """The number of negative and of positive rows."""
        positives = int(self.positive.sum())
        return len(self) - positives, positives

    def estimates(self) -> dict[str, Estimate | None]:
        """AUC needs rows of both classes, precision a row called positive, recall a positive row, F1 either of these.

        The calibration error has no interval: as a mean of distances it is biased upwards, most with few rows.
        """
        hits, predicted = int(np.sum(self.positive & self.predicted)), int(self.predicted.sum())
        _, positives = self.of_class
        return {
            "auc": auc_estimate(self.positive, self.probability),
            "accuracy": share_estimate(int(np.sum(self.positive == self.predicted)), len(self)),
            "precision": share_estimate(hits, predicted) if predicted else None,
            "recall": share_estimate(hits, positives) if positives else None,
            "f1": f1_estimate(hits, predicted - hits, positives - hits),
            "log_loss": mean_estimate(log_losses(self.positive, self.probability)),
            "brier": mean_estimate(squared_errors(self.positive, self.probability)),
            "calibration_error": Estimate(expected_calibration_error(self.calibration()), None, None),
        }

    def values(self) -> dict[str, float]:
        """All measures; requires rows of both classes."""
        return asdict(measure(self.positive, self.predicted, self.probability))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Empty: the interval of the gate's AUC follows from the counts of its calibration curve."""
        return {}

    def deciding(self, places: Sequence[int]) -> dict[str, Bounded]:
        """The AUC, if both classes have enough rows."""
        auc = auc_estimate(self.positive, self.probability)
        return {"auc": auc} if auc and len(places) > 1 else {}

    def compare(self, champion: Self, confidence: float) -> Comparison:
        """By the AUC."""
        return compare(self.positive, self.probability, champion.probability, confidence)

    def calibration(self) -> tuple[CalibrationPoint, ...]:
        """The calibration of the positive label's probability."""
        return calibration_curve(self.positive, self.probability)

    def roc(self) -> tuple[tuple[float, float], ...]:
        """See `roc_curve`."""
        return roc_curve(self.positive, self.probability)

    def gain(self) -> tuple[tuple[float, float], ...]:
        """See `gain_curve`."""
        return gain_curve(self.positive, self.probability)

    def lift_of_tenth(self) -> float | None:
        """See `lift`."""
        return lift(self.positive, self.probability, 0.1)

    def confusion(self) -> Confusion:
        """See `threshold.confusion`."""
        return confusion(self.positive, self.predicted)

    def trade_off(self, costs: Costs | None) -> tuple[TradeOffPoint, ...]:
        """See `trade_off_curve`."""
        return trade_off_curve(self.positive, self.probability, costs)


@dataclass(frozen=True)
class ClassRows(JudgedRows):
    """Rows with several labels.

    Attributes:
        labels: those of the contract.
        actual, predicted: shape (n,), int: the places of the true and of the predicted label.
        given: shape (n,), float: the probability of the predicted label.
        probabilities: shape (n, labels), float: of each label; None if unknown.
    """

    problem_type = "multiclass"
    labels: tuple[str, ...]
    actual: np.ndarray
    predicted: np.ndarray
    given: np.ndarray
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def of_class(self) -> tuple[int, ...]:
        """The number of rows of each label, in the order of the labels."""
        return tuple(np.bincount(self.actual, minlength=len(self.labels)).tolist())

    def estimates(self) -> dict[str, Estimate | None]:
        """See `class_estimates`."""
        return class_estimates(self.actual, self.predicted, self.given, self.probabilities)

    def deciding(self, places: Sequence[int]) -> dict[str, Bounded]:
        """The macro measures of the labels with enough rows; empty unless there are at least two."""
        if len(places) < 2:
            return {}
        found = {"balanced_accuracy": balanced_accuracy(self.actual, self.predicted, places)}
        f1 = macro_f1(self.actual, self.predicted, places)
        if isinstance(f1, Bounded):
            found["macro_f1"] = f1
        if self.probabilities is not None:
            found["macro_auc"] = macro_auc(self.actual, self.probabilities, places)
        return found

    def compare(self, champion: Self, confidence: float) -> Comparison:
        """By the macro AUC."""
        if self.probabilities is None or champion.probabilities is None:
            raise NotComparable("The probabilities of each label are not known.")
        return compare_classes(self.actual, self.probabilities, champion.probabilities, confidence)

    def calibration(self) -> tuple[CalibrationPoint, ...]:
        """The calibration of the predicted label's probability (Gupta and Ramdas 2022)."""
        return calibration_curve(self.actual == self.predicted, self.given)

    def class_table(self) -> ClassTable:
        """See `classes.class_table`."""
        return class_table(self.labels, self.actual, self.predicted, self.probabilities)


@dataclass(frozen=True)
class NumberRows(JudgedRows):
    """Rows with numbers: `actual` and `predicted`, shape (n,), float, and the error for comparing models."""

    problem_type = "regression"
    actual: np.ndarray
    predicted: np.ndarray
    error: ErrorMeasure = "rmse"

    def __len__(self) -> int:
        return len(self.actual)

    def estimates(self) -> dict[str, Estimate | None]:
        """See `number_estimates`."""
        return number_estimates(self.actual, self.predicted)

    @property
    def decided_by(self) -> str:
        """The error."""
        return self.error

    @property
    def of_class(self) -> tuple[int]:
        """The number of all rows."""
        return (len(self),)

    def deciding(self, places: Sequence[int]) -> dict[str, Bounded]:
        """All measures that have an interval, if there are enough rows."""
        found = self.estimates() if places else {}
        return {name: each for name, each in found.items() if isinstance(each, Bounded)}

    def compare(self, champion: Self, confidence: float) -> Comparison:
        """By the error that decides."""
        return compare_errors(self.actual, self.predicted, champion.predicted, self.error, confidence)

    def number_table(self) -> NumberTable:
        """See `numbers.number_table`."""
        return number_table(self.actual, self.predicted)
