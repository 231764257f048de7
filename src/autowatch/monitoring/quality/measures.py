"""Measures the predictions of labelled rows; each figure has an interval."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from autowatch.evaluation.figures import Bounded, CalibrationPoint, ClassTable, Estimate, NumberTable
from autowatch.evaluation.intervals import share_estimate
from autowatch.evaluation.judged import JudgedRows
from autowatch.evaluation.measures import MEASURES_OF


@dataclass(frozen=True)
class CalibrationBin:
    """The labelled rows of one bin of probabilities, and the interval of their share of positives."""

    point: CalibrationPoint
    observed: Bounded

    def to_json(self) -> dict[str, Any]:
        """The bin in the form of `quality.json`."""
        return {
            "predicted": self.point.predicted,
            "observed": self.observed.value,
            "lower": self.observed.lower,
            "upper": self.observed.upper,
            "rows": self.point.rows,
        }


@dataclass(frozen=True)
class MeasuredQuality:
    """The figures of labelled rows.

    Attributes:
        problem_type: `binary`, `multiclass` or `regression`.
        rows: the number of labelled rows.
        of_class: the number of rows in each class; see `JudgedRows`.
        metrics: all measures of the problem type; None if the rows do not determine a measure.
        deciding: the measures that a verdict may rest on, over the classes with enough rows.
        judged: the indexes of these classes.
        calibration: empty in regression.
        classes: in multiclass problems, the figures of each class.
        numbers: in regression, where predictions are too high or too low.
    """

    problem_type: str
    rows: int
    of_class: tuple[int, ...]
    metrics: dict[str, Estimate | None]
    deciding: dict[str, Bounded]
    judged: tuple[int, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    classes: ClassTable | None = None
    numbers: NumberTable | None = None


def measure_quality(
    rows: JudgedRows, min_of_class: int, known: Collection[int] | None = None
) -> MeasuredQuality:
    """All figures, computed as the gate computes them.

    Args:
        rows: may be empty.
        min_of_class: classes with fewer rows are left out of the verdict.
        known: the indexes of the classes for which the gate has figures; None for all.
    """
    problem_type = rows.problem_type
    if not len(rows):
        of_class = (0,) * len(rows.of_class)
        return MeasuredQuality(
            problem_type, 0, of_class, dict.fromkeys(MEASURES_OF[problem_type].measures), {}
        )
    judged = tuple(
        place
        for place, count in enumerate(rows.of_class)
        if count >= min_of_class and (known is None or place in known)
    )
    return MeasuredQuality(
        problem_type=problem_type,
        rows=len(rows),
        of_class=rows.of_class,
        metrics=rows.estimates(),
        deciding=rows.deciding(judged),
        judged=judged,
        calibration=tuple(
            CalibrationBin(point, share_estimate(round(point.observed * point.rows), point.rows))
            for point in rows.calibration()
        ),
        classes=rows.class_table(),
        numbers=rows.number_table(),
    )
