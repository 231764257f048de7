"""The answer of an Autopilot inference container: one CSV row of four outputs for each row it was sent."""

import ast
import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autowatch.errors import AutowatchError

INFERENCE_OUTPUTS = ("predicted_label", "probability", "probabilities", "labels")
"""What a model must be told to answer, in this order (the container's SAGEMAKER_INFERENCE_OUTPUT)."""

LARGEST_PROBABILITY = 1.000001
"""float32 probabilities of some containers add up to a little more than 1."""

AROUND_AN_ITEM = " []'\""
"""What stands around an item of a list, as Python or JSON writes it."""


class AnswerMismatch(AutowatchError):
    """The endpoint gave more or fewer predictions than it was sent rows."""


class AnswerUnreadable(AutowatchError):
    """The endpoint's answer does not have the form of the four inference outputs."""


@dataclass(frozen=True)
class Predictions:
    """For each row that was sent what the container wrote.

    Attributes:
        labels: the predicted label, or the predicted number.
        probabilities: of two labels P(positive label), of several P of the one predicted; of numbers none.
        of_labels: of several labels, where P of each was asked for, a sequence for each label in the contract's order.
    """

    labels: Sequence[str]
    probabilities: Sequence[str]
    of_labels: Sequence[Sequence[str]] = ()


def parse_answer(answer: bytes, rows: int, labels: Sequence[str], positive_label: str) -> Predictions:
    """The predictions in an answer such as `no,0.93,"[0.93, 0.07]","['no', 'yes']"`.

    P(positive label) comes from the lists `probabilities` and `labels`, never from `probability`: that is P(positive)
    in one Autopilot mode and P(predicted label) in the other.

    Raises:
        AnswerMismatch: it does not hold `rows` predictions.
        AnswerUnreadable: it has another form, an unknown label, or an invalid probability.
    """
    predicted, _, probability_lists, label_lists = _read_columns(str(answer, "utf-8", "replace"), rows)
    check_labels(set(predicted), labels)
    places = label_places(set(label_lists), labels, positive_label)
    probabilities = _pick(probability_lists, label_lists, len(labels), places)
    _check_probabilities(probabilities)
    return Predictions(predicted, probabilities)


def check_labels(predicted: Collection[str], labels: Sequence[str]) -> None:
    """Raises AnswerUnreadable unless all predicted labels are among those of the model."""
    if not set(predicted) <= set(labels):
        raise AnswerUnreadable(f"The endpoint predicts labels other than {', '.join(labels)}.")


def label_places(label_lists: Iterable[str], labels: Sequence[str], positive_label: str) -> Mapping[str, int]:
    """For each text of a list of the labels the place of the positive one in it.

    Raises:
        AnswerUnreadable: a list holds other labels.
    """
    return {text: _place(text, labels, positive_label) for text in label_lists}


def _read_columns(text: str, rows: int) -> Sequence[Sequence[str]]:
    try:
        records = [record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record]
    except csv.Error:
        raise AnswerUnreadable("The endpoint's answer is not CSV.") from None
    if len(records) != rows:
        raise AnswerMismatch(f"The endpoint answered {len(records)} predictions to {rows} rows.")
    if set(map(len, records)) != {len(INFERENCE_OUTPUTS)}:
        raise AnswerUnreadable(
            "The endpoint does not answer with the four outputs "
            f"{', '.join(INFERENCE_OUTPUTS)}. Set SAGEMAKER_INFERENCE_OUTPUT of its model to these."
        )
    return list(zip(*records, strict=True))


def _pick(
    probability_lists: Sequence[str], label_lists: Sequence[str], labels: int, places: Mapping[str, int]
) -> list[str]:
    if any(text.count(",") != labels - 1 for text in probability_lists):
        raise AnswerUnreadable("The endpoint's probabilities are not one for each label.")
    return [
        probabilities.split(",")[places[order]].strip(AROUND_AN_ITEM)
        for probabilities, order in zip(probability_lists, label_lists, strict=True)
    ]


def _place(text: str, labels: Sequence[str], positive_label: str) -> int:
    try:
        items = [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError):
        items = [item.strip() for item in text.strip(" []").split(",")]
    if sorted(items) != sorted(labels):
        raise AnswerUnreadable(f"The endpoint's list of labels is not that of {', '.join(labels)}.")
    return items.index(positive_label)


def _check_probabilities(texts: Sequence[str]) -> None:
    try:
        # NaN compares as false.
        are_probabilities = all(0 <= value <= LARGEST_PROBABILITY for value in map(float, texts))
    except ValueError:
        are_probabilities = False
    if not are_probabilities:
        raise AnswerUnreadable("The endpoint's probabilities are not all numbers from 0 to 1.")
