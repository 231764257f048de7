"""The measures of each problem type, their names, and which of them decide: this module needs no numpy."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """A measure of predictions.

    Attributes:
        words: its name in sentences.
        lower_is_better: whether the model with the smaller figure is better.
        in_units: whether the figure is in the target's unit rather than on a scale up to 1.
        metric: its name among the stack's metrics; empty if it has none.
    """

    words: str
    lower_is_better: bool = False
    in_units: bool = False
    metric: str = ""

    def say(self, value: float) -> str:
        """The measure and its value in words: four decimals, or four digits if it is in the target's unit."""
        return f"{self.words} {say_number(value) if self.in_units else f'{value:.4f}'}"


MEASURES: Mapping[str, Measure] = {
    "auc": Measure("AUC", metric="AUC"),
    "accuracy": Measure("accuracy", metric="Accuracy"),
    "precision": Measure("precision"),
    "recall": Measure("recall"),
    "f1": Measure("F1", metric="F1"),
    "log_loss": Measure("log loss", lower_is_better=True, metric="LogLoss"),
    "brier": Measure("Brier", lower_is_better=True, metric="Brier"),
    "calibration_error": Measure("calibration error", lower_is_better=True),
    "macro_auc": Measure("macro AUC", metric="MacroAUC"),
    "balanced_accuracy": Measure("balanced accuracy", metric="BalancedAccuracy"),
    "macro_f1": Measure("macro F1", metric="MacroF1"),
    "rmse": Measure("RMSE", lower_is_better=True, in_units=True, metric="RMSE"),
    "mae": Measure("MAE", lower_is_better=True, in_units=True, metric="MAE"),
    "r2": Measure("R²", metric="R2"),
}


@dataclass(frozen=True)
class ProblemMeasures:
    """What is measured for predictions of one type, and which measures decide.

    Attributes:
        measures: in the order of display.
        decides: models are compared by the first, days are judged by the first that their labels determine.
        beside: the other measures in an alert about a worse day.
    """

    measures: tuple[str, ...]
    decides: tuple[str, ...]
    beside: tuple[str, ...]


MEASURES_OF: Mapping[str, ProblemMeasures] = {
    "binary": ProblemMeasures(
        ("auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "calibration_error"),
        decides=("auc",),
        beside=("accuracy", "f1", "log_loss", "brier"),
    ),
    "multiclass": ProblemMeasures(
        ("macro_auc", "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error"),
        decides=("macro_auc", "balanced_accuracy"),
        beside=("accuracy", "macro_f1", "log_loss"),
    ),
    "regression": ProblemMeasures(("rmse", "mae", "r2"), decides=("rmse", "mae"), beside=("mae", "r2")),
}
"""The measures by problem type."""


@dataclass(frozen=True)
class Floors:
    """The lowest values that a model must reach at the gate, and its predictions later.

    Attributes:
        minimum_auc: the lowest AUC or, with several labels, macro AUC.
        minimum_macro_f1: with several labels, the lowest macro F1; 0 disables it.
        minimum_r2: for numbers, the lowest R².
    """

    minimum_auc: float
    minimum_macro_f1: float = field(default=0.0, kw_only=True)
    minimum_r2: float = field(default=0.0, kw_only=True)

    def floors(self, problem_type: str) -> dict[str, float]:
        """The floor of each measure that has one for this type of problem."""
        of_f1 = {"macro_f1": self.minimum_macro_f1} if self.minimum_macro_f1 > 0 else {}
        return {
            "binary": {"auc": self.minimum_auc},
            "multiclass": {"macro_auc": self.minimum_auc, **of_f1},
            "regression": {"r2": self.minimum_r2},
        }[problem_type]


def say_number(value: float) -> str:
    """A number with at least four significant digits: `12,345`, `1.234`, `0.0001234`; or a power of ten."""
    if value == 0 or not 1e-4 <= abs(value) < 1e12:
        return f"{value:.4g}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"
