"""A labels file: where its ids and labels stand, and where what comes of it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from autowatch.arrival import REJECTED_PREFIX, Arrival, file_stem
from autowatch.contract import ID_COLUMN
from autowatch.layout import MissingColumns

LABELS_PREFIX = "labels/"


@dataclass(frozen=True)
class LabelColumns:
    """The positions of the two columns that count; the others are ignored."""

    identifier: int
    label: int


@dataclass(frozen=True)
class LabelKeys:
    """Where what comes of one labels file goes: the same keys on every retry, and in no other file's way.

    Attributes:
        rejected: the rows that were not taken in.
        error: why the whole file was refused.
        fragment: the name of the file's labels in the folder of each day and run that they belong to. It begins with
            the time of the event, so that the names stand in the order in which the labels came.
    """

    rejected: str
    error: str
    fragment: str


def find_label_columns(header: Sequence[str], target: str) -> LabelColumns:
    """Finds the columns by name: `id`, and the first of `<target>_actual`, `label` and `<target>`.

    A file that has `<target>_probability` too comes from predictions, and what stands under `<target>` is predicted.

    Raises:
        MissingColumns: one of them is not there.
    """
    if ID_COLUMN not in header:
        raise MissingColumns(
            f"The file has no column {ID_COLUMN}. Take over the column {ID_COLUMN} of the predictions."
        )
    names = [f"{target}_actual", "label", target]
    if f"{target}_probability" in header:
        names = [name for name in names if name != target]
    found = [name for name in names if name in header]
    if not found:
        raise MissingColumns(
            f"The file has no column with labels. Name the column of what came true {' or '.join(names)}."
        )
    return LabelColumns(header.index(ID_COLUMN), header.index(found[0]))


def label_keys(arrival: Arrival) -> LabelKeys:
    """The keys as `docs/formats.md` gives them."""
    name = file_stem(arrival.file, LABELS_PREFIX)
    moment = arrival.time.astimezone(UTC)
    time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
    stem = f"{REJECTED_PREFIX}{LABELS_PREFIX}date={arrival.day}/{name}"
    return LabelKeys(rejected=f"{stem}.csv", error=f"{stem}.error.json", fragment=f"{time}-{name}.csv")
