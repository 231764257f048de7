"""What the page of a training run shows of the training data, read from the run's data report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ColumnRow:
    """One column; `note` is what is out of the ordinary about it."""

    name: str
    type: str
    distinct: str
    missing: str
    auc: float | None
    note: str


@dataclass(frozen=True)
class PartRow:
    """One part of the rows, and how many of them have each label, in the order of the view's labels."""

    name: str
    rows: int
    counts: Sequence[str]


@dataclass(frozen=True)
class DataView:
    """What the run was trained and judged on."""

    files: Sequence[str]
    rows: int
    labels: Sequence[str]
    parts: Sequence[PartRow]
    remarks: Sequence[str]
    warnings: Sequence[str]
    columns: Sequence[ColumnRow]
    positive_label: str
    positive_label_from: str
    predicts: str
    predicts_from: str


_ORIGINS = {
    "parameter": "set by the parameter PositiveLabel",
    "champion": "as for the model in force before",
    "rarer": "the rarer label of the file; set PositiveLabel to choose",
}

_PREDICTS = {"binary": "one of two labels", "multiclass": "one of {} labels", "regression": "a number"}

_PREDICTS_FROM = {
    "parameter": "set by the parameter ProblemType",
    "values": "as the target's values suggest; set ProblemType to choose",
}


def data_view(document: dict[str, Any]) -> DataView:
    """The data report as the page shows it.

    Raises:
        KeyError, TypeError, ValueError: the document is none that this version knows.
    """
    classes, holdout = document["classes"], document["holdout"]
    labels = list(classes)
    whole = {"rows": document["rows"], "classes": classes}
    held_out = "hold-out, " + ("the newest rows" if holdout["by"] == "newest" else "chosen by chance")
    parts = {"all labelled rows": whole, "trained on": document["train"], held_out: holdout}
    return DataView(
        files=[file["key"] for file in document["files"]],
        rows=document["rows"],
        labels=labels,
        parts=[_part(name, part, labels) for name, part in parts.items()],
        remarks=_remarks(document),
        warnings=document["warnings"],
        columns=[_column(column, document) for column in document["columns"]],
        positive_label=document.get("positive_label", ""),
        positive_label_from=_ORIGINS.get(document.get("positive_label_from", ""), ""),
        predicts=_PREDICTS.get(document.get("problem_type", "binary"), "").format(len(labels)),
        predicts_from=_PREDICTS_FROM.get(document.get("problem_type_from", ""), ""),
    )


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
            f"The numbers to predict go from {numbers['smallest']:g} to {numbers['largest']:g}; half of them are below "
            f"{numbers['median']:g}."
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
