"""The answer of an Autopilot inference container: one CSV row of four outputs for each row it was sent."""

import ast
import csv
import io
import math
from collections.abc import Mapping, Sequence
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
    columns = _split_plain(text, rows) or _read_columns(text, rows)
    predicted, _, probability_lists, label_lists = columns
    if not set(predicted) <= set(labels):
        raise AnswerUnreadable(f"The endpoint predicts labels other than {', '.join(labels)}.")
    return Predictions(predicted, _pick(probability_lists, label_lists, labels, positive_label))


def _split_plain(text: str, rows: int) -> Sequence[Sequence[str]] | None:
    """The four columns of an answer in the form that containers give it: both lists in quotes, nothing else.

    Split at the quotes, each row gives `label,probability,` and the lists, with a comma between them. Any other answer
    is left to the csv module.
    """
    parts = text.replace("\r\n", "\n").removesuffix("\n").split('"')
    if (
        "\r" in text.replace("\r\n", "")
        or len(parts) != 4 * rows + 1
        or set(parts[2::4]) != {","}
        or parts[-1]
    ):
        return None
    heads = "".join(parts[:-1:4]).split(",")
    # All rows but the first begin with the line feed that ended the one before, and there is no other.
    if len(heads) != 2 * rows + 1 or "".join(heads[2::2]).count("\n") != rows - 1 or text.count("\n") > rows:
        return None
    predicted = ",".join(heads[:-1:2]).split(",\n")
    return predicted, heads[1::2], parts[1::4], parts[3::4]


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
    probability_lists: Sequence[str], label_lists: Sequence[str], labels: Sequence[str], positive_label: str
) -> list[str]:
    # Rows share a few orders of the labels, so each text is parsed once.
    positions = {text: _position(text, labels, positive_label) for text in set(label_lists)}
    picked = _pick_alike(probability_lists, len(labels), positions) or _pick_each(
        probability_lists, label_lists, len(labels), positions
    )
    if not _are_probabilities(picked):
        raise AnswerUnreadable("The endpoint's probabilities are not all numbers from 0 to 1.")
    return picked


def _pick_alike(lists: Sequence[str], labels: int, positions: Mapping[str, int]) -> list[str] | None:
    """One item of each list, where all rows list the labels in the same order; None where it takes a closer look.

    All lists are split at once. That each has as many items as there are labels shows in the opening brackets: one for
    each row, and all of them in the items where a list must begin.
    """
    text = ",".join(lists)
    items = text.split(",")
    if (
        len(positions) != 1
        or len(items) != labels * len(lists)
        or text.count("[") != len(lists)
        or "".join(items[::labels]).count("[") != len(lists)
        or "[[" in text
    ):
        return None
    (position,) = positions.values()
    picked = ",".join(items[position::labels])
    return picked.replace("[", "").replace("]", "").replace(" ", "").split(",")


def _pick_each(
    probability_lists: Sequence[str], label_lists: Sequence[str], labels: int, positions: Mapping[str, int]
) -> list[str]:
    if any(text.count(",") != labels - 1 for text in probability_lists):
        raise AnswerUnreadable("The endpoint's probabilities are not one for each label.")
    return [
        probabilities.split(",")[positions[order]].strip(" []'\"")
        for probabilities, order in zip(probability_lists, label_lists, strict=True)
    ]


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
        values = list(map(float, texts))
    except ValueError:
        return False
    # The smallest and the largest of numbers among which one is none are anything.
    return not values or (
        math.isfinite(sum(values)) and min(values) >= 0 and max(values) <= _LARGEST_PROBABILITY
    )
