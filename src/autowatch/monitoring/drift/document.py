"""The `drift.json` documents: how they are composed and read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from autowatch.monitoring.drift.judge import Alarm

# The fields about the rows of one run.
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
# The earlier days judged together with the day, or used as its reference; missing in older documents.
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
        generated: the time of the judgement, in ISO 8601.
        parts: the judgement of each run's rows, newest run first.
        alarms: about the window as a whole.
        inputs: a digest of the objects that were judged.
        settings: the settings that applied, without those that equal the defaults.
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
    """The parts, newest run first, with the earlier document's parts for runs that can no longer be judged.

    A run can no longer be judged if its manifests are gone or its baseline is unusable; in the latter case the alarm is
    added to the earlier part.
    """
    before = {part["run"]: part for part in parts_of(earlier) if part["files"]} if earlier else {}
    kept = dict(before)
    for part in parts:
        judged_before = before.get(part["run"])
        if part["columns"] or not judged_before:
            kept[part["run"]] = part
        else:
            kept[part["run"]] = judged_before | {"alarms": [*judged_before["alarms"], *part["alarms"]]}
    # If no run scored anything, the champion's part remains.
    scored = [part for part in kept.values() if part["files"]] or list(parts)
    return sorted(scored, key=lambda part: str(part["run"]), reverse=True)


def parts_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a `drift.json`, one for each run, without the alarms about the window as a whole.

    Raises:
        KeyError: the document is malformed.
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
    """Whether there were enough rows but no verdict, because no column that decides could be judged."""
    judged = any(column.get("verdict") in ("drift", "no drift") for column in part["columns"])
    return judged and part["verdict"] == "not enough data"


def deciding_alarms(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alarms of a part, without those of columns with importance 0."""
    weightless = {column["name"] for column in part["columns"] if not column["importance"]}
    return [alarm for alarm in part["alarms"] if alarm["column"] not in weightless]
