"""The table of models on the history page: each run, which one is in force, and its quality since the release."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from autowatch.evaluation.measures import MEASURES, say_number
from autowatch.records.keys import run_page_key
from autowatch.reports.documents import fields
from autowatch.reports.documents.quality import QualityView, RunQuality
from autowatch.reports.documents.summary import DayRecord
from autowatch.reports.text import counted

_STATUS = {
    "released": "released",
    "rejected": "rejected by the gate",
    "failed": "failed",
    "running": "running",
    "ending": "being cleaned up",
}
_TRIGGERS = {"manual": "by hand", "drift": "by drift", "promote": "back to an earlier model"}


@dataclass(frozen=True)
class RunDocuments:
    """A run's name, `run.json` and `gate.json`; None for a missing document."""

    run: str
    record: Any | None
    decision: Any | None


@dataclass(frozen=True)
class ModelRow:
    """A row of the table.

    Attributes:
        link: to the run's page; None if there is none yet.
        since: its measure over the `days` with labels, weighted by their labelled rows.
    """

    run: str
    link: str | None
    ended: str
    status: str
    is_in_force: bool
    measure: str
    at_gate: str
    since: str
    days: str


def model_rows(
    runs: Iterable[RunDocuments], champion: str | None, records: Mapping[date, DayRecord]
) -> list[ModelRow]:
    """The rows of the table, newest run first; `champion` is the run in force."""
    measured = [
        quality
        for record in records.values()
        if record.quality
        for quality in _of_all_models(record.quality)
        if quality.run
    ]
    return [_row(documents, champion, measured) for documents in sorted(runs, key=_by_name, reverse=True)]


def _by_name(documents: RunDocuments) -> str:
    return documents.run


def _of_all_models(quality: QualityView) -> list[RunQuality]:
    return [quality.main, *quality.other_runs]


def _row(documents: RunDocuments, champion: str | None, measured: Sequence[RunQuality]) -> ModelRow:
    record = documents.record if isinstance(documents.record, dict) else {}
    decision = documents.decision if isinstance(documents.decision, dict) else {}
    name = fields.text(decision, "decided_by") or "auc"
    measure = MEASURES.get(name)
    value = fields.number(fields.mapping(decision, "metrics"), name)
    trigger = _TRIGGERS.get(fields.text(record, "trigger") or "")
    status = _STATUS.get(fields.text(record, "status") or "", "–")
    finished = fields.text(record, "finished")
    since, days = _since([each for each in measured if each.run == documents.run], name)
    return ModelRow(
        run=documents.run,
        link=f"../{run_page_key(quote(documents.run, safe=''))}" if finished else None,
        ended=(finished or "–")[:10],
        status=f"{status}, {trigger}" if trigger else status,
        is_in_force=documents.run == champion,
        measure=measure.words if measure and decision else "–",
        at_gate=_figure(name, value),
        since=_figure(name, since),
        days=counted(days, "day") if days else "–",
    )


def _since(measured: Sequence[RunQuality], name: str) -> tuple[float | None, int]:
    known = [
        (measure.value, max(quality.rows_labelled or 0, 1))
        for quality in measured
        for measure in quality.measures
        if measure.key == name and measure.value is not None
    ]
    rows = sum(weight for _, weight in known)
    return (sum(value * weight for value, weight in known) / rows if known else None), len(known)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    measure = MEASURES.get(name)
    return say_number(value) if measure and measure.in_units else f"{value:.3f}"
