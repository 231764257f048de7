"""What is predicted: one of two labels, one of several, or a number; inferred from the target, or set by parameter."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autowatch.records.problem import ProblemType
from autowatch.reports.text import listed
from autowatch.tabular.cells import PLAIN_FORM, cut
from autowatch.training.data.columns import ColumnSurvey, StrayText
from autowatch.training.data.labels import (
    TargetLabels,
    check_several_labels,
    check_two_labels,
    frequent,
    hints,
)
from autowatch.training.data.table import UnfitTrainingFile

ProblemWanted = Literal["auto", "binary", "multiclass", "regression"]
"""The parameter ProblemType."""

MOST_UNCLEAR_NUMBERS = 20
"""Up to this many different numbers may be names of classes or amounts; more are amounts."""

_SHOWN = 5


class TargetUnclear(UnfitTrainingFile):
    """The target holds a few numbers, which may be the names of classes or amounts."""


class NotNumbers(UnfitTrainingFile):
    """A number is to be predicted, but the target holds something else, or the same number in every row."""


def find_problem(labels: TargetLabels, survey: ColumnSurvey, wanted: ProblemWanted) -> ProblemType:
    """The type of problem.

    Args:
        labels: the target's distinct values.
        survey: the survey of the target column.
        wanted: the parameter's value.

    Raises:
        TargetUnclear: its few numbers may be names or amounts.
        WrongClasses, TooFewRowsOfClass, NotNumbers: the target does not fit the type of problem.
    """
    problem_type = _inferred(labels, survey) if wanted == "auto" else wanted
    _CHECKS[problem_type](labels, survey, wanted)
    return problem_type


def _inferred(labels: TargetLabels, survey: ColumnSurvey) -> ProblemType:
    values = len(labels.counts)
    if values <= 2:
        return "binary"
    if survey.type != "numeric" and not survey.doubt:
        return "multiclass"
    if values <= MOST_UNCLEAR_NUMBERS:
        raise TargetUnclear(
            f"The column {labels.target!r} holds {values} different numbers: {frequent(labels)}.{hints(labels)} They "
            "may be the names of classes, or amounts. Set the parameter ProblemType to multiclass or regression."
        )
    return "regression"


def _check_two(labels: TargetLabels, _survey: ColumnSurvey, _wanted: ProblemWanted) -> None:
    check_two_labels(labels)


def _check_several(labels: TargetLabels, _survey: ColumnSurvey, wanted: ProblemWanted) -> None:
    check_several_labels(labels, are_meant=wanted == "multiclass")


def _check_numbers(labels: TargetLabels, survey: ColumnSurvey, _wanted: ProblemWanted) -> None:
    if not labels.counts:
        raise NotNumbers(
            f"The column {labels.target!r} holds no number at all. Upload rows that have numbers."
        )
    if survey.type != "numeric":
        doubt = f": {survey.doubt}" if survey.doubt else ""
        raise NotNumbers(
            f"The column {labels.target!r} is to be predicted as a number (ProblemType), but is not read as "
            f"numbers{doubt}. Write its numbers in one form, with a point for decimals; or set the parameter "
            "ProblemType to multiclass, or TargetColumn to the column to predict."
        )
    if survey.stray:
        raise NotNumbers(
            f"The column {labels.target!r} holds numbers and {sum(each.times for each in survey.stray):,} other "
            f"values: {listed([_described(each) for each in survey.stray], _SHOWN, '; ')}. Correct or leave out "
            "these rows."
        )
    if survey.distinct < 2:
        raise NotNumbers(
            f"The column {labels.target!r} holds the same number in all rows. Upload rows with other numbers, or set "
            "the parameter TargetColumn to the column to predict."
        )


_CHECKS: Mapping[ProblemType, Callable[[TargetLabels, ColumnSurvey, ProblemWanted], None]] = {
    "binary": _check_two,
    "multiclass": _check_several,
    "regression": _check_numbers,
}


def _described(stray: StrayText) -> str:
    """The text with its count; or only its line if it occurs once, since it may then be a customer's cell."""
    if stray.times == 1:
        return f"one on line {stray.line:,}"
    return f"{cut(stray.text)!r} in {stray.times:,} rows, first on line {stray.line:,}"


@dataclass(frozen=True)
class TargetNumbers:
    """The smallest, the median and the largest of the numbers to be predicted."""

    smallest: float
    median: float
    largest: float


class RowGroups:
    """Groups of rows that are counted separately: one for each label, or for each tenth of the numbers.

    Attributes:
        count: how many groups there are.
        form: how the target's cells are read; the plain form for labels.
        numbers: a summary of the numbers; None for labels.
    """

    def __init__(self, survey: ColumnSurvey, labels: Sequence[str]) -> None:
        self._name, self.form = survey.name, PLAIN_FORM if labels else survey.form
        self._of_text: dict[str, int] = {label: place for place, label in enumerate(labels)}
        self.count = len(labels)
        self.numbers: TargetNumbers | None = None
        self._cuts: list[float] = []
        if not labels:
            rising = sorted((self._number(text), times) for text, times in survey.texts.items())
            self._cuts = _tenths(rising)
            self.count = len(self._cuts) + 1
            self.numbers = TargetNumbers(rising[0][0], _quantile(rising, 0.5), rising[-1][0])

    def of(self, texts: Sequence[str]) -> list[int]:
        """The group of each of these values of the target, numbered from 0.

        Raises:
            NotNumbers: a value is not a number.
        """
        for text in dict.fromkeys(texts):
            if text not in self._of_text:
                self._of_text[text] = bisect_right(self._cuts, self._number(text))
        groups = [self._of_text[text] for text in texts]
        if self._cuts and len(self._of_text) > _MOST_TEXTS_KEPT:
            self._of_text.clear()
        return groups

    def _number(self, text: str) -> float:
        try:
            number = self.form.read(text)
        except ValueError:
            number = None
        if number is None:
            raise NotNumbers(f"The column {self._name!r} holds a value that is not a number like the others.")
        return number


_MOST_TEXTS_KEPT = 100_000


def _tenths(rising: Sequence[tuple[float, int]]) -> list[float]:
    """The distinct numbers at which a new tenth of the rows begins; at least one.

    If nearly all rows have the smallest number, as with claims that are mostly 0, the others form the second group.
    """
    smallest = rising[0][0]
    cuts = {_quantile(rising, tenth / 10) for tenth in range(1, 10)}
    return sorted(cuts - {smallest}) or [min(number for number, _ in rising if number > smallest)]


def _quantile(rising: Sequence[tuple[float, int]], share: float) -> float:
    rows, below = sum(times for _, times in rising), 0
    for number, times in rising:
        below += times
        if below > share * rows:
            return number
    return rising[-1][0]
