"""The target's labels: how often each occurs, where first, and errors that say why they cannot be classified."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autowatch.reports.text import listed
from autowatch.tabular.cells import MISSING, cut, differ_unseen
from autowatch.training.data.table import UnfitTrainingFile

FEWEST_ROWS_OF_CLASS = 20
MOST_CLASSES = 100
"""More labels are probably names, and would bloat manifests, pages and the columns of predictions."""
_MOST_COUNTED = 1_000
_SHOWN = 5


class WrongClasses(UnfitTrainingFile):
    """The target's labels do not fit its problem type, or lack the positive label."""


class TooFewRowsOfClass(UnfitTrainingFile):
    """One class has too few rows."""


@dataclass(frozen=True)
class LabelCount:
    """A label, how many rows have it, and the place of the first, such as `line 7`."""

    label: str
    rows: int
    first: str

    @property
    def quoted(self) -> str:
        """The label, shortened; or only its place if it occurs once, since it may then be a customer's cell."""
        if self.rows == 1:
            return f"one on {self.first}"
        return repr(cut(self.label))

    @property
    def described(self) -> str:
        """The label with its count and first place."""
        return (
            self.quoted if self.rows == 1 else f"{self.quoted} in {self.rows:,} rows, first on {self.first}"
        )


class TargetLabels:
    """Counts the distinct values of the column `target`, up to a thousand, in the order of their first rows.

    Attributes:
        is_complete: whether all distinct values were counted.
        missing: the first text that reads as a missing value, and its place; empty texts if there is none.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.is_complete = True
        self.missing = ("", "")
        self._rows: Counter[str] = Counter()
        self._places: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def note_missing(self, column: Sequence[str], lines: Sequence[int], file: str = "") -> None:
        """Records the first of these values that reads as missing."""
        if self.missing[0] or MISSING.isdisjoint(column):
            return
        text = next((text for text in column if text and text in MISSING), "")
        if text:
            self.missing = (text, _place(lines[column.index(text)], file))

    def add(self, column: Sequence[str], lines: Sequence[int], file: str = "") -> "array[int]":
        """Adds rows.

        Args:
            column: the target's values, none of them missing.
            lines: the line of each row.
            file: the file of these rows, if there are several.

        Returns:
            For each row the position of its value in `counts`; 0 for values beyond the thousand.
        """
        for label in dict.fromkeys(column):
            if label in self._places:
                continue
            if len(self._places) == _MOST_COUNTED:
                self.is_complete = False
                break
            self._places[label] = len(self._places)
            self._first[label] = _place(lines[column.index(label)], file)
        if self.is_complete:
            self._rows.update(column)
        return array("H", (self._places.get(label, 0) for label in column))

    @property
    def counts(self) -> dict[str, LabelCount]:
        """What is known of each value."""
        return {label: LabelCount(label, self._rows[label], first) for label, first in self._first.items()}


def _place(line: int, file: str) -> str:
    return f"line {line} of {file}" if file else f"line {line}"


def check_labels(labels: TargetLabels) -> None:
    """Checks that the target holds at least two labels, none of which a model reads as missing.

    Raises:
        WrongClasses: it does not.
    """
    if labels.missing[0]:
        text, place = labels.missing
        raise WrongClasses(
            f"The column {labels.target!r} has the label {text!r} on {place}. The model reads that text as a missing "
            "value, so it cannot be a label. Use another word."
        )
    if len(labels.counts) < 2:
        held = "holds no label at all" if not labels.counts else "has the same label in all rows"
        raise WrongClasses(
            f"The column {labels.target!r} {held}; at least two labels are needed. Upload rows with others, or "
            "set the parameter TargetColumn to the column to predict."
        )


def check_two_labels(labels: TargetLabels) -> None:
    """Checks that the target has two labels with enough rows.

    Raises:
        WrongClasses: it does not have two labels.
        TooFewRowsOfClass: one of them has too few rows.
    """
    check_labels(labels)
    counts = labels.counts
    if len(counts) > 2:
        raise WrongClasses(_not_two(labels))
    rarer = min(counts.values(), key=lambda each: (each.rows, each.label))
    if rarer.rows < FEWEST_ROWS_OF_CLASS:
        few = "1 row has the second label," if rarer.rows == 1 else f"{rarer.rows} rows have the label"
        raise TooFewRowsOfClass(
            f"Only {few} {rarer.quoted}; at least {FEWEST_ROWS_OF_CLASS} of each are needed to train and to judge. Add "
            "rows of that label."
        )


def check_several_labels(labels: TargetLabels, *, are_meant: bool) -> None:
    """Checks that the target has several labels with enough rows.

    Args:
        are_meant: whether the user asked for several labels; if not, labels that look like typing errors are rejected.

    Raises:
        WrongClasses: it has two or too many labels, or some look like typing errors.
        TooFewRowsOfClass: some labels have too few rows.
    """
    check_labels(labels)
    counts = labels.counts
    if len(counts) == 2:
        raise WrongClasses(
            f"The column {labels.target!r} has two labels, but the parameter ProblemType is multiclass. Set it to "
            "binary or auto."
        )
    if len(counts) > MOST_CLASSES:
        raise WrongClasses(
            f"The column {labels.target!r} has {_how_many(labels)} different labels; at most {MOST_CLASSES} are "
            f"possible. Give rare ones a common name, or set the parameter TargetColumn to the column to "
            "predict."
        )
    slips = hints(labels)
    rare = sorted(
        (each for each in counts.values() if each.rows < FEWEST_ROWS_OF_CLASS), key=lambda each: -each.rows
    )
    if rare:
        raise TooFewRowsOfClass(
            f"The column {labels.target!r} has {len(counts)} different labels, and fewer than {FEWEST_ROWS_OF_CLASS} "
            f"rows have {listed([each.described for each in rare], _SHOWN, '; ')}.{slips} At least "
            f"{FEWEST_ROWS_OF_CLASS} of each are needed to train and to judge. Correct or leave out these rows, or add "
            "rows of these labels."
        )
    if slips and not are_meant:
        raise WrongClasses(
            f"The column {labels.target!r} has {len(counts)} different labels: {frequent(labels)}.{slips} Correct "
            "them; or, if all are intended, set the parameter ProblemType to multiclass."
        )


def check_positive_label(labels: TargetLabels, positive_label: str) -> None:
    """Raises WrongClasses unless the label is one of the two; an empty label passes."""
    counts = labels.counts
    if positive_label and positive_label not in counts:
        held = " and ".join(counts[label].quoted for label in sorted(counts))
        raise WrongClasses(
            f"The column {labels.target!r} holds {held}, but the parameter PositiveLabel is {positive_label!r}."
            f"{differ_unseen([positive_label], counts)} Set it to one of the two, or leave it empty."
        )


def _not_two(labels: TargetLabels) -> str:
    return (
        f"The column {labels.target!r} has {_how_many(labels)} different labels, but the parameter ProblemType is "
        f"binary: {frequent(labels)}.{hints(labels)} Correct or leave out the rows of the others, set ProblemType to "
        "auto, or set the parameter TargetColumn to the column to predict."
    )


def frequent(labels: TargetLabels) -> str:
    """The most frequent labels with their counts and first places."""
    ranked = sorted(labels.counts.values(), key=lambda each: -each.rows)
    return listed([each.described for each in ranked], _SHOWN, "; ")


def _how_many(labels: TargetLabels) -> str:
    return f"{len(labels.counts):,}" if labels.is_complete else f"more than {_MOST_COUNTED:,}"


def hints(labels: TargetLabels) -> str:
    """Likely causes of labels that look like typing errors, as sentences with a leading space; otherwise empty."""
    counts: Mapping[str, LabelCount] = labels.counts
    texts = [label.strip().casefold() for label in counts]
    numbers = [number for label in counts if (number := _number(label)) is not None]
    found = [
        f" The one on {each.first} repeats the header."
        for each in counts.values()
        if each.label.strip() == labels.target
    ]
    if len(set(texts)) < len(texts):
        found.append(" Some differ only by spaces or capitals.")
    if len(set(numbers)) < len(numbers):
        found.append(" Some are the same number in two spellings.")
    return "".join(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
