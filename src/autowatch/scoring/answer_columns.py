"""The endpoint's answer, read by Arrow where that reads the same as `parse_answer`."""

from collections.abc import Sequence
from threading import BoundedSemaphore
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.records.contract import Contract
from autowatch.scoring.answer import (
    AROUND_AN_ITEM,
    INFERENCE_OUTPUTS,
    LARGEST_PROBABILITY,
    Predictions,
    check_labels,
    label_places,
    parse_answer,
)
from autowatch.tabular.arrow.fields import Column, read_fields
from autowatch.tabular.arrow.lines import to_csv

_READ_AT_ONCE = BoundedSemaphore(2)
"""Reading takes several times the memory that the answer has, and more at a time is no faster."""


def read_answer(answer: bytes, rows: int, labels: Sequence[str], positive_label: str) -> Predictions:
    """As `parse_answer`, and many times as fast for answers in the form that containers give."""
    with _READ_AT_ONCE:
        return (
            _read_usual(answer, rows, labels, positive_label)
            or _read_lists(answer, rows, labels, positive_label)
            or parse_answer(answer, rows, labels, positive_label)
        )


def _read_usual(answer: bytes, rows: int, labels: Sequence[str], positive_label: str) -> Predictions | None:
    """Reads lines like `no,0.93,"[0.93, 0.07]","['no', 'yes']"` that all list the labels alike.

    They are cut at each comma, in quotes too. If there are four quotes a row, and they stand where both lists begin and
    end, each list is a field. Otherwise, and where something is wrong, the answer is None.
    """
    fields = read_fields(answer, ",", 2 + 2 * len(labels), quotes=False)
    if fields is None or fields.misfits or fields.rows != rows or answer.count(b'"') != 4 * rows:
        return None
    predicted, _, *items = fields.columns
    numbers, listed = items[: len(labels)], items[len(labels) :]
    label_list = ",".join(column[0].as_py() for column in listed)
    if not (
        label_list.startswith('"')
        and label_list.endswith('"')
        and all(_hold(pc.equal(column, column[0])) for column in listed)
        and _hold(pc.starts_with(numbers[0], '"['))
        and _hold(pc.ends_with(numbers[-1], ']"'))
    ):
        return None
    check_labels(predicted.unique().to_pylist(), labels)
    place = label_places([label_list[1:-1]], labels, positive_label)[label_list[1:-1]]
    return _probabilities(predicted, numbers[place])


def _read_lists(answer: bytes, rows: int, labels: Sequence[str], positive_label: str) -> Predictions | None:
    """Reads lists of labels that differ from row to row, or are quoted otherwise."""
    fields = read_fields(answer, ",", len(INFERENCE_OUTPUTS)) if answer else None
    if fields is None or fields.misfits or fields.rows != rows:
        return None
    return _read_quickly(fields.columns, labels, positive_label)


def read_columns(outputs: Sequence[Column], labels: Sequence[str], positive_label: str) -> Predictions:
    """The predictions in the columns of an answer, as Arrow's arrays.

    Raises:
        AnswerUnreadable: as `parse_answer` does.
    """
    predictions = _read_quickly(outputs, labels, positive_label)
    if predictions is None:
        parsed = parse_answer(to_csv(outputs), len(outputs[0]), labels, positive_label)
        columns = (pa.array(column, pa.string()) for column in (parsed.labels, parsed.probabilities))
        predictions = Predictions(*columns)
    return predictions


def decide_labels(predictions: Predictions, contract: Contract) -> Predictions:
    """The predictions with the labels that the contract's decision threshold gives; without one, the model's own.

    Args:
        predictions: labels and probabilities as Arrow's arrays.
        contract: of the model that made them.
    """
    threshold = contract.decision_threshold
    if threshold is None:
        return predictions
    is_positive = pc.greater_equal(pc.cast(predictions.probabilities, pa.float64()), threshold.value)
    labels = pc.if_else(is_positive, contract.positive_label, contract.negative_label)
    return Predictions(labels, predictions.probabilities)


def _read_quickly(
    outputs: Sequence[Column], labels: Sequence[str], positive_label: str
) -> Predictions | None:
    """None where it takes `parse_answer` to find out what is wrong."""
    predicted, _, probability_lists, label_lists = outputs
    check_labels(predicted.unique().to_pylist(), labels)
    places = label_places(label_lists.unique().to_pylist(), labels, positive_label)
    items = pc.split_pattern(probability_lists, ",")
    if not _hold(pc.equal(pc.list_value_length(items), len(labels))):
        return None
    picked: Any = None
    for order, place in places.items():
        item = pc.list_element(items, place)
        picked = item if picked is None else pc.if_else(pc.equal(label_lists, order), item, picked)
    return _probabilities(predicted, picked)


def _probabilities(predicted: Column, items: Column) -> Predictions | None:
    texts = pc.utf8_trim(items, AROUND_AN_ITEM)
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    # NaN compares as false.
    within = pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, LARGEST_PROBABILITY))
    return Predictions(predicted, texts) if _hold(within) else None


def _hold(conditions: Any) -> bool:
    return bool(pc.all(conditions).as_py())
