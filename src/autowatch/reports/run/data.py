"""The view of a run's training data, from its data report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autowatch.reports.text import counted, listed, short

_LONGEST_NAME, _MOST_NAMES = 60, 20


@dataclass(frozen=True)
class ColumnRow:
    """One column; `note` says what is unusual about it."""

    name: str
    type: str
    distinct: str
    missing: str
    auc: float | None
    note: str


@dataclass(frozen=True)
class PartRow:
    """A part of the rows, with the number of rows of each label in the order of the view's labels."""

    name: str
    rows: int
    counts: Sequence[str]


@dataclass(frozen=True)
class Finding:
    """Something that was inferred from the training data or left out of them."""

    what: str
    found: str


@dataclass(frozen=True)
class DataView:
    """The data on which the run was trained and judged."""

    files: Sequence[str]
    inferred: Sequence[Finding]
    rows: int
    labels: Sequence[str]
    parts: Sequence[PartRow]
    remarks: Sequence[str]
    warnings: Sequence[str]
    columns: Sequence[ColumnRow]
    positive_label: str


_ORIGINS = {
    "parameter": "set by the parameter PositiveLabel",
    "champion": "as in the champion's contract",
    "rarer": "the rarer label of the file; set PositiveLabel to choose",
}

_PREDICTS = {"binary": "one of two labels", "multiclass": "one of {} labels", "regression": "a number"}

_PREDICTS_FROM = {
    "parameter": "set by the parameter ProblemType",
    "values": "inferred from the target's values; set ProblemType to choose",
}


def data_view(document: dict[str, Any]) -> DataView:
    """The view of the data report.

    Raises:
        KeyError, TypeError, ValueError: the document has an unknown form.
    """
    classes, holdout = document["classes"], document["holdout"]
    labels = list(classes)
    whole = {"rows": document["rows"], "classes": classes}
    held_out = "hold-out, " + ("the newest rows" if holdout["by"] == "newest" else "chosen at random")
    parts = {"all labelled rows": whole, "trained on": document["train"], held_out: holdout}
    return DataView(
        files=[file["key"] for file in document["files"]],
        inferred=_inferred(document),
        rows=document["rows"],
        labels=labels,
        parts=[_part(name, part, labels) for name, part in parts.items()],
        remarks=_remarks(document),
        warnings=document["warnings"],
        columns=[_column(column, document) for column in document["columns"]],
        positive_label=document.get("positive_label", ""),
    )


def _inferred(document: dict[str, Any]) -> list[Finding]:
    columns = document["columns"]
    by_role: dict[str, list[str]] = {}
    for column in columns:
        by_role.setdefault(column["role"], []).append(column["name"])
    types = Counter(column["type"] for column in columns if column["role"] == "feature")
    holdout = document["holdout"]
    positive, origin = document.get("positive_label"), document.get("positive_label_from", "")
    found = {
        "Predicts": _predicts(by_role.get("target", []), document),
        "Positive label": f"{positive}, {_ORIGINS.get(origin, origin)}" if positive else "",
        "Learns from": " and ".join(f"{counted(types[kind], f'{kind} column')}" for kind in sorted(types)),
        "Dropped": _listed(by_role.get("dropped", [])),
        "Constant, not used": _listed(by_role.get("constant", [])),
        "Key, not used": _listed(by_role.get("key", [])),
        "Likely leaks": _listed(document["likely_leaks"]),
        "Hold-out": f"{holdout['rows']:,} of {document['rows']:,} rows, "
        + ("the newest" if holdout["by"] == "newest" else "chosen at random"),
    }
    return [Finding(what, text) for what, text in found.items() if text]


def _predicts(target: Sequence[str], document: dict[str, Any]) -> str:
    form = _PREDICTS.get(document.get("problem_type", "binary"), "").format(len(document["classes"]))
    origin = _PREDICTS_FROM.get(document.get("problem_type_from", ""), "")
    return ", ".join(filter(None, [f"{_listed(target)}: {form}" if target and form else form, origin]))


def _listed(names: Sequence[str]) -> str:
    return listed([short(name, _LONGEST_NAME) for name in names], _MOST_NAMES)


def _part(name: str, part: dict[str, Any], labels: Sequence[str]) -> PartRow:
    counts = [
        f"{part['classes'][label]:,} ({_share(part['classes'][label], part['rows'])})" for label in labels
    ]
    return PartRow(name, part["rows"], counts)


def _remarks(document: dict[str, Any]) -> list[str]:
    remarks = []
    if duplicates := document["duplicate_rows"]:
        remarks.append(f"{duplicates:,} rows are exact copies of another row.")
    if unlabelled := document["unlabelled_rows"]:
        remarks.append(
            f"{unlabelled:,} rows without a {'label' if document['classes'] else 'number'} were left out."
        )
    if numbers := document.get("target_numbers"):
        remarks.append(
            f"The numbers to predict range from {numbers['smallest']:g} to {numbers['largest']:g}; half of them are "
            f"below {numbers['median']:g}."
        )
    return remarks


def _column(column: dict[str, Any], document: dict[str, Any]) -> ColumnRow:
    notes = {
        "target": column["role"] == "target",
        "dropped": column["role"] == "dropped",
        "key": column["role"] == "key",
        "constant": column["constant"],
        "likely leak": column["name"] in document["likely_leaks"],
        column.get("kind", ""): bool(column.get("kind")),
    }
    return ColumnRow(
        name=column["name"],
        type=column["type"],
        distinct=f"{'' if column['distinct_is_exact'] else 'about '}{column['distinct']:,}",
        missing=_share(column["missing"], document["rows"]) if column["missing"] else "–",
        auc=column["auc"],
        note=", ".join(note for note, holds in notes.items() if holds),
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if part else "0%"
