"""The labels of the target: how often each stands, where first, and in words why they cannot be told apart."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autowatch.reports.text import listed
from autowatch.tabular.cells import MISSING, cut, differ_unseen
from autowatch.training.data.table import UnfitTrainingFile

FEWEST_ROWS_OF_CLASS = 20
MOST_CLASSES = 100
"""More are names rather than classes: manifests, pages and the columns of predictions would grow with them."""
_MOST_COUNTED = 1_000
_SHOWN = 5


class WrongClasses(UnfitTrainingFile):
    """The target does not have the labels that its problem type takes, or not the positive one."""


class TooFewRowsOfClass(UnfitTrainingFile):
    """One class has too few rows."""


@dataclass(frozen=True)
class LabelCount:
    """A label, in how many rows it stands, and the place of the first, such as `line 7`."""

    label: str
    rows: int
    first: str

    @property
    def quoted(self) -> str:
        """Its text, cut, if several rows have it. What stands once may be a customer's cell: then just its place."""
        if self.rows == 1:
            return f"one on {self.first}"
        return repr(cut(self.label))

    @property
    def described(self) -> str:
        """The same with count and place."""
        return (
            self.quoted if self.rows == 1 else f"{self.quoted} in {self.rows:,} rows, first on {self.first}"
        )


class TargetLabels:
    """Counts the different values of the column `target`, in the order of their first rows, up to a thousand.

    Attributes:
        is_complete: whether there are no more.
        missing: the first text that stands for a missing value, and its place; empty texts where there is none.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.is_complete = True
        self.missing = ("", "")
        self._rows: Counter[str] = Counter()
        self._places: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def note_missing(self, column: Sequence[str], lines: Sequence[int], file: str = "") -> None:
        """Takes note of the first of these values that stands for a missing one."""
        if self.missing[0] or MISSING.isdisjoint(column):
            return
        text = next((text for text in column if text and text in MISSING), "")
        if text:
            self.missing = (text, _place(lines[column.index(text)], file))

    def add(self, column: Sequence[str], lines: Sequence[int], file: str = "") -> "array[int]":
        """Takes note of rows.

        Args:
            column: the target's values, none of them missing.
            lines: the rows' lines.
            file: in which they are, where there are several.

        Returns:
            For each row the place of its value in `counts`, or 0 where that has too many.
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
        """For each value what is known of it."""
        return {label: LabelCount(label, self._rows[label], first) for label, first in self._first.items()}


def _place(line: int, file: str) -> str:
    return f"line {line} of {file}" if file else f"line {line}"


def check_labels(labels: TargetLabels) -> None:
    """Checks that the target holds labels, two at least, and none that a model reads as missing.

    Raises:
        WrongClasses: it does not.
    """
    if labels.missing[0]:
        text, place = labels.missing
        raise WrongClasses(
            f"The column {labels.target!r} has the label {text!r} on {place}. The model reads that text as a missing "
            "value, so it cannot be a label. Write another word for it."
        )
    if len(labels.counts) < 2:
        held = "holds no label at all" if not labels.counts else "has one and the same label in all rows"
        raise WrongClasses(
            f"The column {labels.target!r} {held}; Autowatch tells two or more apart. Upload rows of others, or set "
            "the parameter TargetColumn to the column to predict."
        )


def check_two_labels(labels: TargetLabels) -> None:
    """Checks that the target has two labels with enough rows.

    Raises:
        WrongClasses: it has not two.
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
            f"Only {few} {rarer.quoted}; at least {FEWEST_ROWS_OF_CLASS} of each are needed to learn and to check. Add "
            "rows of that label."
        )


def check_several_labels(labels: TargetLabels, *, are_meant: bool) -> None:
    """Checks that the target has several labels with enough rows.

    Args:
        are_meant: whether somebody said that there are several; otherwise they must not look like slips.

    Raises:
        WrongClasses: it has two, or too many, or some look like slips.
        TooFewRowsOfClass: some have too few rows.
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
            f"The column {labels.target!r} has {_how_many(labels)} different labels; Autowatch tells at most "
            f"{MOST_CLASSES} apart. Give rare ones a common name, or set the parameter TargetColumn to the column to "
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
            f"{FEWEST_ROWS_OF_CLASS} of each are needed to learn and to check. Correct or leave out these rows, or add "
            "rows of these labels."
        )
    if slips and not are_meant:
        raise WrongClasses(
            f"The column {labels.target!r} has {len(counts)} different labels: {frequent(labels)}.{slips} Correct "
            "them; or, if all are meant, set the parameter ProblemType to multiclass."
        )


def check_positive_label(labels: TargetLabels, positive_label: str) -> None:
    """Raises WrongClasses unless the label is one of the two; an empty one means any."""
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
    """What labels may come from that look like slips, in sentences with a space in front; nothing where none do."""
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
