"""The labels of the target: how often each stands, where first, and in words why there are not two to tell apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autowatch.reports.text import listed
from autowatch.tabular.cells import MISSING, cut, differ_unseen
from autowatch.training.data.table import UnfitTrainingFile

FEWEST_ROWS_OF_CLASS = 20
_MOST_COUNTED = 1_000
_SHOWN = 5
_FEWEST_NUMBERS = 10
"""So many different numbers are amounts; fewer may be the names of classes."""


class WrongClasses(UnfitTrainingFile):
    """The target does not have exactly two different labels, or not the positive one."""


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
    """Counts the labels of the column `target`, in the order of their first rows."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._rows: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, column: Sequence[str], lines: Sequence[int], file: str = "") -> None:
        """Takes note of rows.

        Args:
            column: the labels, none of them empty.
            lines: the rows' lines.
            file: in which they are, where there are several.

        Raises:
            WrongClasses: a label is one that the model reads as missing; or there are so many that none is one.
        """
        place = f" of {file}" if file else ""
        for label in dict.fromkeys(column):
            if label not in self._first:
                self._first[label] = f"line {lines[column.index(label)]}{place}"
            if label in MISSING:
                raise WrongClasses(
                    f"The column {self.target!r} has the label {label!r} on {self._first[label]}. The model reads "
                    "that text as a missing value, so it cannot be a label. Write another word for it."
                )
        self._rows.update(column)
        if len(self._first) > _MOST_COUNTED:
            self.check()

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return tuple(self._first)

    @property
    def counts(self) -> dict[str, LabelCount]:
        """For each label what is known of it."""
        return {label: LabelCount(label, self._rows[label], first) for label, first in self._first.items()}

    def check(self) -> None:
        """Raises WrongClasses if there are more than two."""
        if len(self._first) > 2:
            raise WrongClasses(_too_many(self.target, list(self.counts.values())))


def check_classes(counts: Mapping[str, LabelCount], target: str, positive_label: str) -> None:
    """Checks the labels of the column `target`, of which there are at most two.

    Args:
        counts: what is known of each.
        target: the column's name.
        positive_label: the label whose probability is asked for; empty where any will do.

    Raises:
        WrongClasses: there are not two labels, or not the positive one.
        TooFewRowsOfClass: one of them has too few rows.
    """
    if len(counts) != 2:
        held = "holds no label at all" if not counts else "has one and the same label in all rows"
        raise WrongClasses(
            f"The column {target!r} {held}; Autowatch tells two apart. Upload rows of both, or set the parameter "
            "TargetColumn to the column to predict."
        )
    if positive_label and positive_label not in counts:
        held = " and ".join(counts[label].quoted for label in sorted(counts))
        raise WrongClasses(
            f"The column {target!r} holds {held}, but the parameter PositiveLabel is {positive_label!r}."
            f"{differ_unseen([positive_label], counts)} Set it to one of the two, or leave it empty."
        )
    rarer = min(counts.values(), key=lambda each: (each.rows, each.label))
    if rarer.rows < FEWEST_ROWS_OF_CLASS:
        few = "1 row has the second label," if rarer.rows == 1 else f"{rarer.rows} rows have the label"
        raise TooFewRowsOfClass(
            f"Only {few} {rarer.quoted}; at least {FEWEST_ROWS_OF_CLASS} of each are needed to learn and to check. Add "
            "rows of that label."
        )


def _too_many(target: str, counts: Sequence[LabelCount]) -> str:
    numbers = [number for each in counts if (number := _number(each.label)) is not None]
    if len(numbers) == len(counts) and len(set(numbers)) > _FEWEST_NUMBERS:
        return (
            f"The column {target!r} holds numbers, {_how_many(counts)} different ones: an amount, which Autowatch does "
            "not predict. Make two classes of it (above or below a limit, say) in a column of its own, and set the "
            "parameter TargetColumn to that; or to another column with two labels."
        )
    frequent = sorted(counts, key=lambda each: -each.rows)
    return (
        f"The column {target!r} has {_how_many(counts)} different labels; Autowatch tells two apart: "
        f"{listed([each.described for each in frequent], _SHOWN, '; ')}.{_hints(target, counts)} Correct or leave out "
        "the rows of the others, or set the parameter TargetColumn to the column to predict."
    )


def _how_many(counts: Sequence[LabelCount]) -> str:
    return f"more than {_MOST_COUNTED:,}" if len(counts) > _MOST_COUNTED else f"{len(counts):,}"


def _hints(target: str, counts: Sequence[LabelCount]) -> str:
    labels = [each.label.strip().casefold() for each in counts]
    numbers = [number for each in counts if (number := _number(each.label)) is not None]
    hints = [
        f" The one on {each.first} repeats the header." for each in counts if each.label.strip() == target
    ]
    if len(set(labels)) < len(labels):
        hints.append(" Some differ only by spaces or capitals.")
    if len(set(numbers)) < len(numbers):
        hints.append(" Some are the same number in two spellings.")
    return "".join(hints)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
