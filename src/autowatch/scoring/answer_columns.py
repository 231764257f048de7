"""The endpoint's answer, read by Arrow where that reads the same as `parse_answer`."""

from collections.abc import Sequence
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


def read_answer(answer: bytes, rows: int, labels: Sequence[str], positive_label: str) -> Predictions:
    """As `parse_answer`, and many times as fast for answers in the form that containers give."""
    fields = read_fields(answer, ",", len(INFERENCE_OUTPUTS)) if answer else None
    if fields is None or fields.misfits or fields.rows != rows:
        return parse_answer(answer, rows, labels, positive_label)
    return _read_quickly(fields.columns, labels, positive_label) or parse_answer(
        answer, rows, labels, positive_label
    )


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
    if not pc.all(pc.equal(pc.list_value_length(items), len(labels))).as_py():
        return None
    picked: Any = None
    for order, place in places.items():
        item = pc.list_element(items, place)
        picked = item if picked is None else pc.if_else(pc.equal(label_lists, order), item, picked)
    probabilities = pc.utf8_trim(picked, AROUND_AN_ITEM)
    return Predictions(predicted, probabilities) if _are_probabilities(probabilities) else None


def _are_probabilities(texts: Column) -> bool:
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return False
    # NaN compares as false.
    within = pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, LARGEST_PROBABILITY))
    return bool(pc.all(within).as_py())
