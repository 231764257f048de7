"""How good the predictions of labelled rows are, each figure with its interval."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from autowatch.evaluation.figures import Bounded, CalibrationPoint, ClassTable, Estimate, NumberTable
from autowatch.evaluation.intervals import share_estimate
from autowatch.evaluation.judged import JudgedRows
from autowatch.evaluation.measures import MEASURES_OF


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
    """What labelled rows say about their predictions.

    Attributes:
        problem_type: what is predicted.
        rows: how many have labels.
        of_class: how many of them are in each class; see `JudgedRows`.
        metrics: all measures of the type; None where the rows do not tell one.
        deciding: what a verdict may rest on: measures over the classes that have enough rows.
        judged: the places of these classes.
        calibration: none of numbers.
        classes: of several labels, how well each is predicted.
        numbers: of numbers, where they are too high or too low.
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
        rows: none, perhaps.
        min_of_class: a verdict does not rest on classes with fewer rows.
        known: the places of the classes that the gate knows figures of; all unless given.
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
