"""The answer of an Autopilot inference container: one CSV row of four outputs for each row it was sent."""

import ast
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from autowatch.errors import AutowatchError

INFERENCE_OUTPUTS = ("predicted_label", "probability", "probabilities", "labels")
"""What a model must be told to answer, in this order (the container's SAGEMAKER_INFERENCE_OUTPUT)."""

# float32 probabilities of some containers add up to a little more than 1.
_LARGEST_PROBABILITY = 1.000001


class AnswerMismatch(AutowatchError):
    """The endpoint gave more or fewer predictions than it was sent rows."""


class AnswerUnreadable(AutowatchError):
    """The endpoint's answer does not have the form of the four inference outputs."""


@dataclass(frozen=True)
class Predictions:
    """For each row that was sent the predicted label and P(positive label), as the container wrote them."""

    labels: Sequence[str]
    probabilities: Sequence[str]


def parse_answer(text: str, rows: int, labels: Sequence[str], positive_label: str) -> Predictions:
    """The predictions in an answer such as `no,0.93,"[0.93, 0.07]","['no', 'yes']"`.

    P(positive label) comes from the lists `probabilities` and `labels`, never from `probability`: that is P(positive)
    in one Autopilot mode and P(predicted label) in the other.

    Raises:
        AnswerMismatch: it does not hold `rows` predictions.
        AnswerUnreadable: it has another form, another label, or a probability that is none.
    """
    records = [record for record in _read_records(text) if record]
    if len(records) != rows:
        raise AnswerMismatch(f"The endpoint answered {len(records)} predictions to {rows} rows.")
    if set(map(len, records)) != {len(INFERENCE_OUTPUTS)}:
        raise AnswerUnreadable(
            "The endpoint does not answer with the four outputs "
            f"{', '.join(INFERENCE_OUTPUTS)}. Set SAGEMAKER_INFERENCE_OUTPUT of its model to these."
        )
    predicted, _, probability_lists, label_lists = zip(*records, strict=True)
    if not set(predicted) <= set(labels):
        raise AnswerUnreadable(f"The endpoint predicts labels other than {', '.join(labels)}.")
    return Predictions(predicted, _pick(probability_lists, label_lists, labels, positive_label))


def _read_records(text: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        raise AnswerUnreadable("The endpoint's answer is not CSV.") from None


def _pick(
    probability_lists: Sequence[str], label_lists: Sequence[str], labels: Sequence[str], positive_label: str
) -> list[str]:
    # Rows share a few orders of the labels, so each text is parsed once.
    positions = {text: _position(text, labels, positive_label) for text in set(label_lists)}
    picked = []
    for probabilities, order in zip(probability_lists, label_lists, strict=True):
        items = probabilities.strip(" []").split(",")
        if len(items) != len(labels):
            raise AnswerUnreadable("The endpoint's probabilities are not one for each label.")
        picked.append(items[positions[order]].strip(" '\""))
    if not _are_probabilities(picked):
        raise AnswerUnreadable("The endpoint's probabilities are not all numbers from 0 to 1.")
    return picked


def _position(text: str, labels: Sequence[str], positive_label: str) -> int:
    try:
        items = [str(item) for item in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError):
        items = [item.strip() for item in text.strip(" []").split(",")]
    if sorted(items) != sorted(labels):
        raise AnswerUnreadable(f"The endpoint's list of labels is not that of {', '.join(labels)}.")
    return items.index(positive_label)


def _are_probabilities(texts: Sequence[str]) -> bool:
    try:
        return all(0 <= probability <= _LARGEST_PROBABILITY for probability in map(float, texts))
    except ValueError:
        return False
