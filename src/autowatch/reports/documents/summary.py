"""Summaries of days for the pages of other days and for the history, which reads ninety of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autowatch.records.verdicts import DriftVerdict
from autowatch.reports.documents.drift import drift_view
from autowatch.reports.documents.quality import QualityView


@dataclass(frozen=True)
class DaySummary:
    """The summary of a day's judgement.

    Attributes:
        rows: the rows that `run` scored.
        all_rows: the rows of all runs; `rows_by_run` has those of each run.
        columns, alarms: the numbers of those that count.
        sizes: the distance of each judged column, in multiples of its threshold.
        counts_nothing: whether there is no verdict because no column counts.
        other_drifts: the number of other runs whose rows drifted on that day.
    """

    run: str | None
    verdict: DriftVerdict
    rows: int | None
    all_rows: int | None
    rows_by_run: Mapping[str, int]
    drifted_columns: Sequence[str]
    columns: int
    alarms: int
    since: str | None
    other_drifts: int
    sizes: Mapping[str, float]
    counts_nothing: bool = False


@dataclass(frozen=True)
class DayRecord:
    """The documents of a day; `unreadable` names those with an unknown form."""

    drift: DaySummary | None
    quality: QualityView | None
    unreadable: Sequence[str] = ()
    has_page: bool = True


def summary_of(document: Any) -> DaySummary:
    """The summary of a `drift.json`.

    Raises:
        UnknownForm: the document is not a `drift.json`.
    """
    view = drift_view(document)
    main = view.main
    return DaySummary(
        run=main.run,
        verdict=main.verdict,
        rows=main.rows,
        all_rows=view.rows,
        rows_by_run=view.rows_by_run,
        drifted_columns=main.drifted_columns,
        columns=len(main.deciding_columns),
        alarms=len(main.deciding_alarms),
        since=view.since,
        other_drifts=sum(run.verdict == "drift" for run in view.other_runs),
        sizes={
            column.name: column.size
            for column in main.columns
            if column.size is not None and column.verdict in ("drift", "no drift")
        },
        counts_nothing=main.counts_nothing,
    )
