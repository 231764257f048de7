"""The endpoint's answer, parsed by Arrow if the result is the same as that of `parse_answer`."""

from collections.abc import Callable, Sequence
from threading import BoundedSemaphore
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.records.contract import Contract
from autowatch.records.problem import Problem, ProblemType
from autowatch.scoring.answer import (
    AROUND_AN_ITEM,
    LARGEST_PROBABILITY,
    Predictions,
    check_labels,
    label_places,
    parse_answer,
)
from autowatch.tabular.arrow.fields import Column, read_fields
from autowatch.tabular.arrow.lines import to_csv

_READ_AT_ONCE = BoundedSemaphore(2)
"""Parsing takes several times the memory of the answer, and more at a time is no faster."""


def read_answer(answer: bytes, rows: int, problem: Problem) -> Predictions:
    """As `parse_answer`, but many times as fast for answers in the containers' usual form."""
    with _READ_AT_ONCE:
        for read in _READERS[problem.type]:
            if predictions := read(answer, rows, problem):
                return predictions
        return parse_answer(answer, rows, problem)


def _read_usual(answer: bytes, rows: int, problem: Problem) -> Predictions | None:
    """Parses lines like `no,0.93,"[0.93, 0.07]","['no', 'yes']"` that all list the labels in the same way.

    The lines are cut at every comma, even in quotes. If each row has four quotes, and they are where the two lists
    begin and end, each list is a field. Otherwise, and if anything is wrong, the result is None.
    """
    labels = problem.labels
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
    places = label_places([label_list[1:-1]], labels)[label_list[1:-1]]
    return _with_probabilities(predicted, problem, lambda place: numbers[places[place]])


def _read_lists(answer: bytes, rows: int, problem: Problem) -> Predictions | None:
    """Parses lists of labels that differ between rows, or are quoted in another way."""
    fields = read_fields(answer, ",", len(problem.outputs)) if answer else None
    if fields is None or fields.misfits or fields.rows != rows:
        return None
    return _read_quickly(fields.columns, problem)


def _read_lines(answer: bytes, rows: int, _problem: Problem) -> Predictions | None:
    """Parses lines of one number each."""
    try:
        lines = answer.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        return None
    return _numbers(pa.array(lines, pa.string())) if len(lines) == rows else None


_READERS: dict[ProblemType, Sequence[Callable[[bytes, int, Problem], Predictions | None]]] = {
    "binary": (_read_usual, _read_lists),
    "multiclass": (_read_usual, _read_lists),
    "regression": (_read_lines,),
}


def read_columns(outputs: Sequence[Column], problem: Problem) -> Predictions:
    """The predictions in an answer, in columns of Arrow arrays.

    Raises:
        AnswerUnreadable: as `parse_answer` does.
    """
    predictions = _read_quickly(outputs, problem)
    if predictions is None:
        parsed = parse_answer(to_csv(outputs), len(outputs[0]), problem)
        predictions = Predictions(tuple(pa.array(column, pa.string()) for column in parsed.columns))
    return predictions


def decide_labels(predictions: Predictions, contract: Contract) -> Predictions:
    """The predictions with the labels by the contract's decision threshold; without one, the model's own labels.

    Args:
        predictions: labels and probabilities as Arrow's arrays.
        contract: that of the model that made them.
    """
    threshold = contract.decision_threshold
    if threshold is None:
        return predictions
    is_positive = pc.greater_equal(pc.cast(predictions.probabilities, pa.float64()), threshold.value)
    labels = pc.if_else(is_positive, contract.positive_label, contract.negative_label)
    return Predictions((labels, *predictions.columns[1:]))


def _read_quickly(outputs: Sequence[Column], problem: Problem) -> Predictions | None:
    """None if `parse_answer` is needed to find out what is wrong."""
    if not problem.labels:
        return _numbers(outputs[0])
    predicted, _, probability_lists, label_lists = outputs
    check_labels(predicted.unique().to_pylist(), problem.labels)
    places = label_places(label_lists.unique().to_pylist(), problem.labels)
    items = pc.split_pattern(probability_lists, ",")
    if not _hold(pc.equal(pc.list_value_length(items), len(problem.labels))):
        return None

    def of_label(place: int) -> Column:
        picked: Any = None
        for order, of_order in places.items():
            item = pc.list_element(items, of_order[place])
            picked = item if picked is None else pc.if_else(pc.equal(label_lists, order), item, picked)
        return picked

    return _with_probabilities(predicted, problem, of_label)


def _with_probabilities(
    predicted: Column, problem: Problem, of_label: Callable[[int], Column]
) -> Predictions | None:
    """The predictions, if all their probabilities are valid; `of_label` returns the items of the label with a place."""
    wanted = _WANTED[problem.type](predicted, problem, of_label)
    columns = [pc.utf8_trim(column, AROUND_AN_ITEM) for column in wanted]
    return Predictions((predicted, *columns)) if all(map(_are_probabilities, columns)) else None


def _positive(_predicted: Column, problem: Problem, of_label: Callable[[int], Column]) -> list[Column]:
    return [of_label(problem.labels.index(problem.positive_label))]


def _given(predicted: Column, problem: Problem, of_label: Callable[[int], Column]) -> list[Column]:
    each = [of_label(place) for place in range(len(problem.labels))]
    given = pc.choose(pc.index_in(predicted, pa.array(problem.labels, pa.string())), *each)
    return [given, *each] if problem.each_probability else [given]


_WANTED: dict[ProblemType, Callable[[Column, Problem, Callable[[int], Column]], list[Column]]] = {
    "binary": _positive,
    "multiclass": _given,
}


def _are_probabilities(texts: Column) -> bool:
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return False
    # NaN compares as false.
    return _hold(pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, LARGEST_PROBABILITY)))


def _numbers(column: Column) -> Predictions | None:
    texts = pc.utf8_trim(column, AROUND_AN_ITEM)
    try:
        values = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    return Predictions((texts,)) if _hold(pc.is_finite(values)) else None


def _hold(conditions: Any) -> bool:
    return bool(pc.all(conditions).as_py())
