"""How good the predictions of labelled rows are, each figure with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autowatch.evaluation.auc import auc_estimate
from autowatch.evaluation.classification import log_losses, squared_errors
from autowatch.evaluation.curves import calibration_curve, expected_calibration_error
from autowatch.evaluation.figures import Bounded, CalibrationPoint, Estimate
from autowatch.evaluation.intervals import f1_estimate, mean_estimate, share_estimate

MEASURES = ("auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "calibration_error")
"""The names of the figures, in the order in which they are shown."""


@dataclass(frozen=True)
class LabelledRows:
    """Predictions whose labels came.

    Attributes:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        predicted: shape (n,), bool: whether the positive label was predicted.
        probability: shape (n,), float: the predicted probability of the positive label.
    """

    positive: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["LabelledRows"]) -> "LabelledRows":
        """The rows of all parts."""
        return cls(
            *(
                np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])
                for name, kind in (("positive", bool), ("predicted", bool), ("probability", float))
            )
        )

    @property
    def positives(self) -> int:
        """How many rows have the positive label."""
        return int(self.positive.sum())

    def __len__(self) -> int:
        return len(self.positive)


@dataclass(frozen=True)
class CalibrationBin:
    """The labelled rows of one bin of probabilities, and between what their true share of positive rows lies."""

    point: CalibrationPoint
    observed: Bounded

    def to_json(self) -> dict[str, Any]:
        """The form in which `quality.json` holds it."""
        return {
            "predicted": self.point.predicted,
            "observed": self.observed.value,
            "lower": self.observed.lower,
            "upper": self.observed.upper,
            "rows": self.point.rows,
        }


@dataclass(frozen=True)
class MeasuredQuality:
    """What labelled rows say about their predictions; a figure is None where it cannot be computed from them."""

    rows: int
    positives: int
    metrics: dict[str, Estimate | None]
    calibration: tuple[CalibrationBin, ...]


def measure_quality(rows: LabelledRows) -> MeasuredQuality:
    """All figures, computed as the gate computes them.

    The AUC takes both classes, precision a row that is predicted positive, recall one that is, F1 either. The
    calibration error has no interval: it is a mean of distances, too large by chance alone, the more so the fewer the
    rows.
    """
    if not len(rows):
        return MeasuredQuality(0, 0, dict.fromkeys(MEASURES), ())
    curve = calibration_curve(rows.positive, rows.probability)
    hits, predicted = int(np.sum(rows.positive & rows.predicted)), int(rows.predicted.sum())
    metrics: dict[str, Estimate | None] = {
        "auc": auc_estimate(rows.positive, rows.probability),
        "accuracy": share_estimate(int(np.sum(rows.positive == rows.predicted)), len(rows)),
        "precision": share_estimate(hits, predicted) if predicted else None,
        "recall": share_estimate(hits, rows.positives) if rows.positives else None,
        "f1": f1_estimate(hits, predicted - hits, rows.positives - hits),
        "log_loss": mean_estimate(log_losses(rows.positive, rows.probability)),
        "brier": mean_estimate(squared_errors(rows.positive, rows.probability)),
        "calibration_error": Estimate(expected_calibration_error(curve), None, None),
    }
    bins = tuple(
        CalibrationBin(point, share_estimate(round(point.observed * point.rows), point.rows))
        for point in curve
    )
    return MeasuredQuality(len(rows), rows.positives, metrics, bins)
