"""The documents `drift.json`: what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from autowatch.monitoring.drift.judge import Alarm

# What is said of the rows of one run.
_PART = (
    "run",
    "verdict",
    "rows",
    "files",
    "reference_rows",
    "min_rows",
    "drifted_columns",
    "drift_share",
    "alarms",
    "columns",
    "since",
)
# Which earlier days were judged together with the day, or were its reference; older documents do not say.
_PART_OF_OTHER_DAYS = ("judged_with", "judged_rows", "compared_with")


def drift_document(
    window: Mapping[str, str],
    generated: str,
    parts: Sequence[Mapping[str, Any]],
    *,
    alarms: Sequence[Alarm] = (),
    rejected_rows: int = 0,
    refused_files: Mapping[str, int] | None = None,
    extra_columns: Sequence[str] | None = None,
    domino: Any = None,
    inputs: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A `drift.json` before any alert on it; docs/formats.md has its fields.

    Args:
        window: what was judged: `date`, or `from` and `to`, or `key`.
        generated: when, in ISO 8601.
        parts: what is said of each run's rows, the newest run's first.
        alarms: those of the window as a whole.
        inputs: a digest of the objects that were judged.
        settings: those of `monitoring/settings.yaml` that held and are not the defaults.
    """
    top, *others = parts
    return {
        **window,
        "generated": generated,
        **top,
        "alarms": [*top["alarms"], *(asdict(alarm) for alarm in alarms)],
        "other_runs": others,
        "alerted": False,
        "alerting": None,
        "told": [],
        "rejected_rows": rejected_rows,
        "refused_files": dict(refused_files or {}),
        "extra_columns": None if extra_columns is None else list(extra_columns),
        "domino": domino,
        "inputs": inputs,
        "settings": None if settings is None else dict(settings),
    }


def keep_earlier_parts(
    parts: Sequence[dict[str, Any]], earlier: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The parts, newest run first, and what an earlier document says of rows that cannot be judged any more.

    That is so when a run's manifests are gone, and when its baseline cannot be used: there the alarm joins what was
    said.
    """
    before = {part["run"]: part for part in parts_of(earlier) if part["files"]} if earlier else {}
    kept = dict(before)
    for part in parts:
        judged_before = before.get(part["run"])
        if part["columns"] or not judged_before:
            kept[part["run"]] = part
        else:
            kept[part["run"]] = judged_before | {"alarms": [*judged_before["alarms"], *part["alarms"]]}
    # The champion stands in where no run scored anything.
    scored = [part for part in kept.values() if part["files"]] or list(parts)
    return sorted(scored, key=lambda part: str(part["run"]), reverse=True)


def parts_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a `drift.json` says of each run's rows, without the alarms of the window as a whole.

    Raises:
        KeyError: the document has another form.
    """
    parts = (
        {name: part[name] for name in _PART}
        | {name: part[name] for name in _PART_OF_OTHER_DAYS if name in part}
        for part in (document, *document["other_runs"])
    )
    return [
        part | {"alarms": [alarm for alarm in part["alarms"] if alarm["column"] is not None]}
        for part in parts
    ]


def counts_nothing(part: Mapping[str, Any]) -> bool:
    """Whether there were rows enough, and no verdict, since none of the columns that were judged can bring one."""
    judged = any(column.get("verdict") in ("drift", "no drift") for column in part["columns"])
    return judged and part["verdict"] == "not enough data"


def deciding_alarms(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alarms that a part of a document holds, but for those of columns without importance."""
    weightless = {column["name"] for column in part["columns"] if not column["importance"]}
    return [alarm for alarm in part["alarms"] if alarm["column"] not in weightless]
