"""The view of a `drift.json` of any version; what the document does not have is not shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from autowatch.records.verdicts import ColumnVerdict, DriftVerdict
from autowatch.reports.documents import fields
from autowatch.reports.text import rounded, short

_MOST_BARS = 24
"""Keeps the page of 50 columns small enough for a phone."""
_MOST_COLUMNS = 500
_MOST_NEW_VALUES = 8
_MOST_ALARMS = 200


class UnknownForm(ValueError):
    """A document is not as docs/formats.md describes; pages name it and leave it out."""


@dataclass(frozen=True)
class BinBar:
    """The shares of reference and current rows in one bin; `low` and `high` are its ends, if it has any."""

    label: str
    reference: float
    current: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of a numeric column in the training data and in the judged rows, as text."""

    name: str
    reference: str
    current: str


@dataclass(frozen=True)
class NewValue:
    """A value never seen in training, its number of rows, and the known value that looks the same (or empty)."""

    text: str
    rows: int
    like: str


@dataclass(frozen=True)
class Column:
    """The judgement of one column.

    Attributes:
        use: its share of the model's use of all columns; None if unknown.
        bars: the bins that fit in a table; `bars_hidden` is how many do not.
        new_values: the most frequent values that were never seen in training.
        new_values_are_least: whether their counts may be too low.
        bins: all non-empty bins of a numeric column.
        figures: the figures of a numeric column that the document has, such as the mean.
        training_range: the smallest and the largest number of the training data, if known.
    """

    name: str
    is_prediction: bool
    type: str | None
    importance: float | None
    use: float | None
    verdict: ColumnVerdict | None
    reason: str
    p_adjusted: float | None
    js: float | None
    js_threshold: float | None
    psi: float | None
    missing_reference: float | None
    missing_current: float | None
    new: float | None
    out_of_range: float | None
    moved: str
    bars: Sequence[BinBar]
    bars_hidden: int
    new_values: Sequence[NewValue]
    new_values_are_least: bool
    bins: Sequence[BinBar]
    figures: Sequence[Figure]
    training_range: Sequence[float]

    @property
    def decides(self) -> bool:
        """Whether the column counts; a column with importance 0 is only shown."""
        return self.importance != 0

    @property
    def size(self) -> float | None:
        """The distance in multiples of its threshold."""
        return self.js / self.js_threshold if self.js is not None and self.js_threshold else None


@dataclass(frozen=True)
class AlarmView:
    """A finding that needs attention with or without drift; `column` is None for the day as a whole.

    Attributes:
        decides: whether it counts; an alarm of a column with importance 0 is only shown.
        rise: the rise of the share that it is about; 1 for other alarms.
    """

    column: str | None
    kind: str
    message: str
    decides: bool
    rise: float = 1.0


@dataclass(frozen=True)
class RunDrift:
    """The judgement of the rows that one run's model scored.

    Columns are sorted worst first, and drifted ones by the model's use if it is known. Columns with importance 0 are in
    `columns` but not in `drifted_columns`, and their alarms come last.
    """

    run: str | None
    verdict: DriftVerdict
    rows: int | None
    files: int | None
    reference_rows: int | None
    min_rows: int | None
    drifted_columns: Sequence[str]
    drift_share: float | None
    alarms: Sequence[AlarmView]
    columns: Sequence[Column]
    judged_with: Sequence[str]
    judged_rows: int | None
    compared_with: Sequence[str]

    @property
    def knows_use(self) -> bool:
        """Whether the model's use of its columns is known."""
        return any(column.use is not None for column in self.columns)

    @property
    def deciding_columns(self) -> list[Column]:
        """The columns that count."""
        return [column for column in self.columns if column.decides]

    @property
    def counts_nothing(self) -> bool:
        """Whether there were enough rows but no verdict, because no column that decides could be judged."""
        judged = any(column.verdict in ("drift", "no drift") for column in self.columns)
        return judged and self.verdict == "not enough data"

    @property
    def deciding_alarms(self) -> list[AlarmView]:
        """The alarms that count."""
        return [alarm for alarm in self.alarms if alarm.decides]

    @property
    def shown(self) -> Sequence[Column]:
        """The columns that fit on a page."""
        return self.columns[:_MOST_COLUMNS]

    @property
    def drifted(self) -> list[Column]:
        """The shown columns that drift and count, worst first."""
        return [column for column in self.shown if column.verdict == "drift" and column.decides]

    @property
    def shown_alone(self) -> list[Column]:
        """The shown columns that drift but do not count, worst first."""
        return [column for column in self.shown if column.verdict == "drift" and not column.decides]

    @property
    def without_drift(self) -> list[Column]:
        """The shown columns that do not drift, largest distance first."""
        return [column for column in self.shown if column.verdict in ("no drift", None)]

    @property
    def undecided(self) -> list[Column]:
        """The shown columns with too few rows for a verdict."""
        return [column for column in self.shown if column.verdict == "not enough data"]

    @property
    def not_judged(self) -> list[Column]:
        """The shown columns that cannot be judged."""
        return [column for column in self.shown if column.verdict == "not judged"]


@dataclass(frozen=True)
class DominoCheck:
    """One check by Domino."""

    checked: str | None
    drifted_columns: Sequence[str]
    predictions: int | None


@dataclass(frozen=True)
class DominoView:
    """Domino's last results, newest check first."""

    read: str | None
    run: str | None
    ingestion_status: str | None
    checks: Sequence[DominoCheck]


@dataclass(frozen=True)
class DriftView:
    """The judgement of a day, of a range of days or of a file."""

    main: RunDrift
    other_runs: Sequence[RunDrift]
    generated: str | None
    since: str | None
    alerted: bool | None
    rejected_rows: int | None
    refused_files: Mapping[str, int]
    extra_columns: Sequence[str]
    domino: DominoView | None

    @property
    def runs(self) -> list[RunDrift]:
        """The judgements of each run's rows, newest run first."""
        return [self.main, *self.other_runs]

    @property
    def rows(self) -> int | None:
        """The rows of all runs."""
        rows = [run.rows for run in self.runs if run.rows is not None]
        return sum(rows) if rows else None

    @property
    def rows_by_run(self) -> dict[str, int]:
        """The number of rows that each run scored, where known."""
        return {run.run: run.rows for run in self.runs if run.run is not None and run.rows is not None}


def drift_view(document: Any) -> DriftView:
    """Reads a `drift.json`.

    Raises:
        UnknownForm: the document is not an object, or has an unknown verdict.
    """
    if not isinstance(document, dict):
        raise UnknownForm("drift.json does not hold an object.")
    alerted = document.get("alerted")
    refused = {
        error: number
        for error, number in fields.mapping(document, "refused_files").items()
        if isinstance(number, int)
    }
    return DriftView(
        main=_run(document),
        other_runs=[_run(other) for other in fields.mappings(document, "other_runs")],
        generated=fields.text(document, "generated"),
        since=fields.text(document, "since"),
        alerted=alerted if isinstance(alerted, bool) else None,
        rejected_rows=fields.whole(document, "rejected_rows"),
        refused_files=refused,
        extra_columns=fields.texts(document, "extra_columns"),
        domino=_domino(fields.mapping(document, "domino")),
    )


def _run(document: Mapping[str, Any]) -> RunDrift:
    verdict = _verdict(document)
    if verdict is None:
        raise UnknownForm(f"drift.json has the verdict {short(document.get('verdict'), 40)!r}.")
    columns = [_column(item) for item in fields.mappings(document, "columns")]
    weightless = {column.name for column in columns if not column.decides}
    return RunDrift(
        run=fields.text(document, "run"),
        verdict=verdict,
        rows=fields.whole(document, "rows"),
        files=fields.whole(document, "files"),
        reference_rows=fields.whole(document, "reference_rows"),
        min_rows=fields.whole(document, "min_rows"),
        drifted_columns=[
            name for name in fields.texts(document, "drifted_columns") if name not in weightless
        ],
        drift_share=fields.number(document, "drift_share"),
        judged_with=fields.texts(document, "judged_with"),
        judged_rows=fields.whole(document, "judged_rows"),
        compared_with=fields.texts(document, "compared_with"),
        alarms=_alarms(fields.mappings(document, "alarms"), columns),
        columns=sorted(
            columns,
            key=lambda column: (
                column.verdict != "drift",
                not column.decides,
                -(column.use or 0) if column.verdict == "drift" else 0,
                -(column.size or 0),
                column.name,
            ),
        ),
    )


def _alarms(items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[AlarmView]:
    """The alarms, in this order: those that count, then those of the day, then by rise."""
    by_name = {column.name: column for column in columns}
    alarms = []
    for item in items:
        name, kind = fields.text(item, "column"), fields.text(item, "kind") or ""
        column = None if name is None else by_name.get(name)
        alarms.append(
            AlarmView(
                name,
                kind,
                fields.text(item, "message") or "",
                decides=column is None or column.decides,
                rise=_rise(column, kind) if column else 1.0,
            )
        )
    order = sorted(alarms, key=lambda alarm: (not alarm.decides, alarm.column is not None, -alarm.rise))
    return order[:_MOST_ALARMS]


def _rise(column: Column, kind: str) -> float:
    if kind == "missing values":
        return (column.missing_current or 0.0) - (column.missing_reference or 0.0)
    risen = {"new categories": column.new, "out of range": column.out_of_range}
    return risen.get(kind, 1.0) or 0.0


def _column(document: Mapping[str, Any]) -> Column:
    missing = fields.mapping(document, "missing")
    type_ = fields.text(document, "type")
    bars = [
        BinBar(
            fields.text(item, "label") or "",
            fields.number(item, "reference") or 0.0,
            fields.number(item, "current") or 0.0,
            fields.number(item, "from"),
            fields.number(item, "to"),
        )
        for item in fields.mappings(document, "bins")
    ]
    used = [bar for bar in bars if bar.reference or bar.current]
    return Column(
        name=fields.text(document, "name") or "",
        is_prediction=document.get("kind") == "prediction",
        type=type_,
        importance=fields.number(document, "importance"),
        use=fields.number(document, "use"),
        verdict=_column_verdict(document),
        reason=fields.text(document, "reason") or "",
        p_adjusted=fields.number(document, "p_adjusted"),
        js=fields.number(document, "js"),
        js_threshold=fields.number(document, "js_threshold"),
        psi=fields.number(document, "psi"),
        missing_reference=fields.number(missing, "reference"),
        missing_current=fields.number(missing, "current"),
        new=fields.number(document, "new") if type_ != "numeric" else None,
        out_of_range=fields.number(document, "out_of_range") if type_ != "categorical" else None,
        moved=fields.text(document, "moved") or "",
        bars=used[:_MOST_BARS],
        bars_hidden=max(0, len(used) - _MOST_BARS),
        new_values=_new_values(document),
        new_values_are_least=bool(fields.whole(document, "unknown_undercount")),
        bins=used if type_ == "numeric" else (),
        figures=_figures(document),
        training_range=[
            end
            for name in ("low", "high")
            if (end := fields.number(_extremes(document, "reference"), name)) is not None
        ],
    )


def _new_values(document: Mapping[str, Any]) -> list[NewValue]:
    found = [
        NewValue(
            fields.text(item, "text") or "",
            fields.whole(item, "rows") or 0,
            fields.text(item, "like") or "",
        )
        for item in fields.mappings(document, "unknown")
    ]
    return found[:_MOST_NEW_VALUES]


def _figures(document: Mapping[str, Any]) -> list[Figure]:
    """Mean, median and extremes; documents of older versions have only the extremes, or none."""
    numbers = fields.mapping(document, "numbers")
    before, now = (
        fields.mapping(numbers, whose) if numbers else _extremes(document, whose)
        for whose in ("reference", "current")
    )
    figures = [
        Figure(name.capitalize(), _rounded(before, name), _rounded(now, name, "about "))
        for name in ("mean", "median")
        if fields.number(before, name) is not None or fields.number(now, name) is not None
    ]
    for name, end in (("Minimum", "low"), ("Maximum", "high")):
        training, found = fields.number(before, end), fields.number(now, end)
        if training is not None:
            # Within the training range only bin counts are known, so the extreme number is not.
            figures.append(
                Figure(name, rounded(training, 6), "within range" if found is None else rounded(found, 6))
            )
    return figures


def _extremes(document: Mapping[str, Any], whose: str) -> dict[str, Any]:
    low, high = [*fields.items(fields.mapping(document, "range"), whose), None, None][:2]
    return {"low": low, "high": high}


def _rounded(numbers: Mapping[str, Any], name: str, about: str = "") -> str:
    value = fields.number(numbers, name)
    return "–" if value is None else f"{about}{rounded(value, 4)}"


def _domino(document: Mapping[str, Any]) -> DominoView | None:
    if not document:
        return None
    checks = [
        DominoCheck(
            fields.text(item, "checked"),
            fields.texts(item, "drifted_columns"),
            fields.whole(item, "predictions"),
        )
        for item in fields.mappings(document, "checks")
    ]
    return DominoView(
        read=fields.text(document, "read"),
        run=fields.text(document, "run"),
        ingestion_status=fields.text(document, "ingestion_status"),
        checks=sorted(checks, key=lambda check: check.checked or "", reverse=True),
    )


def _column_verdict(document: Mapping[str, Any]) -> ColumnVerdict | None:
    return "not judged" if document.get("verdict") == "not judged" else _verdict(document)


def _verdict(document: Mapping[str, Any]) -> DriftVerdict | None:
    verdict = document.get("verdict")
    return cast(DriftVerdict, verdict) if verdict in get_args(DriftVerdict) else None
