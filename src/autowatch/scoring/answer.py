"""The answer of an Autopilot inference container: for each row sent, one CSV row of the requested outputs."""

import ast
import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autowatch.errors import AutowatchError
from autowatch.records.problem import Problem, ProblemType, named

LARGEST_PROBABILITY = 1.000001
"""float32 probabilities of some containers sum to a little more than 1."""

AROUND_AN_ITEM = " []'\""
"""The characters around an item of a list, as Python or JSON writes it."""


class AnswerMismatch(AutowatchError):
    """The endpoint returned more or fewer predictions than it was sent rows."""


class AnswerUnreadable(AutowatchError):
    """The endpoint's answer does not have the form of the inference outputs."""


@dataclass(frozen=True)
class Predictions:
    """The container's answer, in the columns that predictions files add (`Contract.prediction_columns`)."""

    columns: tuple[Sequence[str], ...]

    @property
    def labels(self) -> Sequence[str]:
        """The predicted labels, or the predicted numbers."""
        return self.columns[0]

    @property
    def probabilities(self) -> Sequence[str]:
        """With two labels P(positive label), with several P(predicted label); empty for numbers."""
        return self.columns[1] if len(self.columns) > 1 else ()

    @property
    def of_labels(self) -> Sequence[Sequence[str]]:
        """With several labels and on request, the probability of each, in the contract's order."""
        return self.columns[2:]

    @property
    def figures(self) -> Sequence[str]:
        """The values to compare two answers by: the probabilities or, for numbers, the numbers."""
        return self.probabilities if len(self.columns) > 1 else self.labels


def parse_answer(answer: bytes, rows: int, problem: Problem) -> Predictions:
    """The predictions in an answer such as `no,0.93,"[0.93, 0.07]","['no', 'yes']"` or, for numbers, `152.25`.

    Probabilities are read from the lists `probabilities` and `labels`, never from `probability`: that is P(positive) in
    one Autopilot mode and P(predicted label) in the other.

    Raises:
        AnswerMismatch: it does not hold `rows` predictions.
        AnswerUnreadable: it has another form, an unknown label, an invalid probability, or a text that is not a number.
    """
    columns = _read_columns(str(answer, "utf-8", "replace"), rows, problem)
    return _READERS[problem.type](columns, problem)


def _read_columns(text: str, rows: int, problem: Problem) -> Sequence[Sequence[str]]:
    try:
        records = [record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record]
    except csv.Error:
        raise AnswerUnreadable("The endpoint's answer is not CSV.") from None
    if len(records) != rows:
        raise AnswerMismatch(f"The endpoint answered {len(records)} predictions to {rows} rows.")
    if set(map(len, records)) != {len(problem.outputs)}:
        raise AnswerUnreadable(f"The endpoint does not answer with {outputs_asked_for(problem)}")
    return list(zip(*records, strict=True))


def outputs_asked_for(problem: Problem) -> str:
    """The outputs, and what to do if an answer has others."""
    outputs = problem.outputs
    if len(outputs) == 1:
        return "one number per row. Leave SAGEMAKER_INFERENCE_OUTPUT of its model as Autopilot set it."
    return f"the four outputs {', '.join(outputs)}. Set SAGEMAKER_INFERENCE_OUTPUT of its model to these."


def _read_positive(columns: Sequence[Sequence[str]], problem: Problem) -> Predictions:
    """With two labels, the probability of the positive one."""
    predicted, of_label = _read_lists(columns, problem)
    return Predictions((predicted, _probabilities(of_label(problem.labels.index(problem.positive_label)))))


def _read_several(columns: Sequence[Sequence[str]], problem: Problem) -> Predictions:
    """With several labels, the probability of the predicted one and, on request, of each."""
    predicted, of_label = _read_lists(columns, problem)
    each = [of_label(place) for place in range(len(problem.labels))]
    places = {label: place for place, label in enumerate(problem.labels)}
    given = [row[places[label]] for label, row in zip(predicted, zip(*each, strict=True), strict=True)]
    wanted = each if problem.each_probability else []
    return Predictions((predicted, *map(_probabilities, (given, *wanted))))


def _read_numbers(columns: Sequence[Sequence[str]], _problem: Problem) -> Predictions:
    numbers = [text.strip(AROUND_AN_ITEM) for text in columns[0]]
    try:
        are_numbers = all(map(math.isfinite, map(float, numbers)))
    except ValueError:
        are_numbers = False
    if not are_numbers:
        raise AnswerUnreadable("The endpoint's predictions are not all finite numbers.")
    return Predictions((numbers,))


_READERS: dict[ProblemType, Callable[[Sequence[Sequence[str]], Problem], Predictions]] = {
    "binary": _read_positive,
    "multiclass": _read_several,
    "regression": _read_numbers,
}


def _read_lists(
    columns: Sequence[Sequence[str]], problem: Problem
) -> tuple[Sequence[str], Callable[[int], list[str]]]:
    """The predicted labels, and a function from a label's place in the contract to its probabilities."""
    predicted, _, probability_lists, label_lists = columns
    labels = problem.labels
    check_labels(set(predicted), labels)
    places = label_places(set(label_lists), labels)
    if any(text.count(",") != len(labels) - 1 for text in probability_lists):
        raise AnswerUnreadable("The endpoint did not return one probability per label.")
    rows = [text.split(",") for text in probability_lists]

    def of_label(place: int) -> list[str]:
        pairs = zip(rows, label_lists, strict=True)
        return [row[places[order][place]].strip(AROUND_AN_ITEM) for row, order in pairs]

    return predicted, of_label


def check_labels(predicted: Collection[str], labels: Sequence[str]) -> None:
    """Raises AnswerUnreadable unless all predicted labels are labels of the model."""
    if not set(predicted) <= set(labels):
        raise AnswerUnreadable(f"The endpoint predicts labels other than {named(labels)}.")


def label_places(label_lists: Iterable[str], labels: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """For each text of a list of labels, the place in it of each of `labels`.

    Raises:
        AnswerUnreadable: a list holds other labels.
    """
    return {text: _places(text, labels) for text in label_lists}


def _places(text: str, labels: Sequence[str]) -> list[int]:
    try:
        items = [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError):
        items = [item.strip() for item in text.strip(" []").split(",")]
    if sorted(items) != sorted(labels):
        raise AnswerUnreadable(f"The endpoint's list of labels is not that of {named(labels)}.")
    return [items.index(label) for label in labels]


def _probabilities(texts: Sequence[str]) -> Sequence[str]:
    try:
        # NaN compares as false.
        are_probabilities = all(0 <= value <= LARGEST_PROBABILITY for value in map(float, texts))
    except ValueError:
        are_probabilities = False
    if not are_probabilities:
        raise AnswerUnreadable("The endpoint's probabilities are not all numbers from 0 to 1.")
    return texts
