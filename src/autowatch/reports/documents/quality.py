"""The view of a `quality.json` of any version, matched with the drift of the same day.

What the document does not have is not shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal, cast, get_args

from autowatch.evaluation.measures import MEASURES, MEASURES_OF, say_number
from autowatch.records.verdicts import QualityVerdict
from autowatch.reports.documents import fields
from autowatch.reports.documents.drift import UnknownForm
from autowatch.reports.documents.judged import ClassView, NumberView, read_classes, read_numbers
from autowatch.reports.text import counted, number, short

_PICTURE_WIDTH, _PICTURE_MARGIN = 120.0, 6.0


_SMALLEST_RADIUS, _LARGEST_RADIUS = 2.5, 7.0


@dataclass(frozen=True)
class IntervalPicture:
    """The horizontal positions of an interval, its value and the gate's figure in a picture of width 120."""

    lower: float
    value: float
    upper: float
    gate: float | None


@dataclass(frozen=True)
class MeasureView:
    """One measure of the day with its interval, and the gate's figure; `key` is its name in the document."""

    key: str
    name: str
    lower_is_better: bool
    in_units: bool
    value: float | None
    lower: float | None
    upper: float | None
    gate: float | None

    def say(self, value: float | None) -> str:
        """A figure of this measure as text."""
        return say_number(value) if self.in_units and value is not None else number(value)

    @property
    def picture(self) -> IntervalPicture | None:
        """The positions of value, interval and gate; None without an interval."""
        if self.value is None or self.lower is None or self.upper is None:
            return None
        shown = [self.lower, self.value, self.upper, *([] if self.gate is None else [self.gate])]
        lowest, span = min(shown), max(shown) - min(shown) or 1.0

        def across(value: float) -> float:
            return round(
                _PICTURE_MARGIN + (_PICTURE_WIDTH - 2 * _PICTURE_MARGIN) * (value - lowest) / span, 1
            )

        return IntervalPicture(
            across(self.lower),
            across(self.value),
            across(self.upper),
            None if self.gate is None else across(self.gate),
        )


@dataclass(frozen=True)
class CalibrationBin:
    """Rows with similar probabilities, and the share of them that came true, with its interval."""

    predicted: float
    observed: float
    lower: float
    upper: float
    rows: int
    radius: float


@dataclass(frozen=True)
class RunQuality:
    """The quality of one run's predictions of the day.

    Attributes:
        coverage: the share of the rows with labels.
        files: how many of the files have labels, in words; empty if unknown.
        leaves_files_out: whether at least one file has no labels, so that the figures do not cover it.
        threshold: the lowest probability at which rows got the positive label; None if the model chose the label.
        decided_by: the document's name of the measure that decides.
        classes, numbers: the views of multiclass and of regression predictions.
    """

    run: str | None
    verdict: QualityVerdict
    reasons: Sequence[str]
    rows_scored: int | None
    rows_labelled: int | None
    coverage: float | None
    files: str
    leaves_files_out: bool
    measures: Sequence[MeasureView]
    calibration: Sequence[CalibrationBin]
    threshold: float | None
    decided_by: str
    classes: ClassView | None
    numbers: NumberView | None

    @property
    def decisive(self) -> MeasureView | None:
        """The measure that decided the verdict, if it has a value."""
        known = (item for item in self.measures if item.value is not None)
        return next((item for item in known if item.key == self.decided_by), None)


@dataclass(frozen=True)
class QualityView:
    """The quality of a day.

    Attributes:
        unlabelled_run: the run of the day's drift verdict, if none of its rows has a label; `main` then belongs to
            another model.
    """

    main: RunQuality
    other_runs: Sequence[RunQuality]
    generated: str | None
    alerted: bool | None
    unlabelled_run: str | None = None

    @property
    def other_model(self) -> Literal["earlier model", "later model"] | None:
        """The model of `main`, if it is not the one whose drift is judged."""
        if self.unlabelled_run is None:
            return None
        # Runs are named by their start time.
        return "earlier model" if (self.main.run or "") < self.unlabelled_run else "later model"

    @property
    def unlabelled_model(self) -> Literal["newer model", "earlier model"]:
        """The model of `unlabelled_run`, compared with that of `main`."""
        return "newer model" if self.other_model == "earlier model" else "earlier model"


def quality_view(document: Any) -> QualityView:
    """Reads a `quality.json`.

    Raises:
        UnknownForm: the document is not an object, or has an unknown verdict.
    """
    if not isinstance(document, dict):
        raise UnknownForm("quality.json does not hold an object.")
    alerted = document.get("alerted")
    return QualityView(
        main=_run(document),
        other_runs=[_run(other) for other in fields.mappings(document, "other_runs")],
        generated=fields.text(document, "generated"),
        alerted=alerted if isinstance(alerted, bool) else None,
    )


def _run(document: Mapping[str, Any]) -> RunQuality:
    verdict = document.get("verdict")
    if verdict not in get_args(QualityVerdict):
        raise UnknownForm(f"quality.json has the verdict {short(verdict, 40)!r}.")
    scored, labelled = (fields.whole(document, name) for name in ("files_scored", "files_labelled"))
    is_known = scored is not None and labelled is not None
    return RunQuality(
        run=fields.text(document, "run"),
        verdict=cast(QualityVerdict, verdict),
        reasons=fields.texts(document, "reasons"),
        rows_scored=fields.whole(document, "rows_scored"),
        rows_labelled=fields.whole(document, "rows_labelled"),
        coverage=fields.number(document, "coverage"),
        files=f"{labelled} of {counted(scored or 0, 'file')}" if is_known else "",
        leaves_files_out=is_known and (labelled or 0) < (scored or 0),
        measures=_measures(document),
        calibration=_calibration(fields.mappings(document, "calibration")),
        threshold=fields.number(document, "threshold"),
        decided_by=fields.text(document, "decided_by") or "auc",
        classes=read_classes(document.get("classes")),
        numbers=read_numbers(document.get("numbers")),
    )


def _measures(document: Mapping[str, Any]) -> list[MeasureView]:
    metrics, gate = fields.mapping(document, "metrics"), fields.mapping(document, "gate")
    of_type = MEASURES_OF.get(fields.text(document, "problem_type") or "binary")
    order = dict.fromkeys([*(of_type.measures if of_type else ()), *MEASURES])
    measures = [
        MeasureView(
            key=name,
            name=f"{measure.words[0].upper()}{measure.words[1:]}",
            lower_is_better=measure.lower_is_better,
            in_units=measure.in_units,
            value=fields.number(fields.mapping(metrics, name), "value"),
            lower=fields.number(fields.mapping(metrics, name), "lower"),
            upper=fields.number(fields.mapping(metrics, name), "upper"),
            gate=fields.number(gate, name),
        )
        for name in order
        for measure in [MEASURES[name]]
    ]
    return [item for item in measures if item.value is not None or item.gate is not None]


def _calibration(points: Sequence[Mapping[str, Any]]) -> list[CalibrationBin]:
    most = max((fields.whole(point, "rows") or 0 for point in points), default=0)
    calibration = []
    for point in points:
        predicted, observed = fields.number(point, "predicted"), fields.number(point, "observed")
        if predicted is None or observed is None:
            continue
        rows, lower, upper = (
            fields.whole(point, "rows"),
            fields.number(point, "lower"),
            fields.number(point, "upper"),
        )
        calibration.append(
            CalibrationBin(
                predicted=_share(predicted),
                observed=_share(observed),
                lower=_share(observed if lower is None else lower),
                upper=_share(observed if upper is None else upper),
                rows=rows or 0,
                radius=round(
                    max(_SMALLEST_RADIUS, _LARGEST_RADIUS * sqrt(max(rows or 0, 0) / max(most, 1))), 1
                ),
            )
        )
    return calibration


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def match_quality(quality: QualityView, judged_run: str | None, rows: Mapping[str, int]) -> QualityView:
    """The quality with the judged run's figures first, if there are any, and with up-to-date coverage.

    `quality.json` has the row counts of the time when the last labels arrived; later files are only in `drift.json`.
    The larger of the two counts is therefore used.

    Args:
        judged_run: the run of the day's drift verdict; None if unknown.
        rows: the rows of each run, from the day's `drift.json`.
    """
    runs = [_of_all_rows(run, rows) for run in (quality.main, *quality.other_runs)]
    runs.sort(key=lambda run: run.run != judged_run)
    main, *others = runs
    is_of_another = None not in (judged_run, main.run) and main.run != judged_run
    return replace(
        quality, main=main, other_runs=others, unlabelled_run=judged_run if is_of_another else None
    )


def _of_all_rows(run: RunQuality, rows: Mapping[str, int]) -> RunQuality:
    judged = rows.get(run.run or "", 0)
    if not judged or judged <= (run.rows_scored or 0):
        return run
    labelled = run.rows_labelled
    # The later rows are in files without labels.
    return replace(
        run,
        rows_scored=judged,
        coverage=run.coverage if labelled is None else labelled / judged,
        files="",
        leaves_files_out=True,
    )
