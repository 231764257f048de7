"""The form in which rows are handed to Batch Transform, so that its filter can pick the model's columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from autowatch.layout import Layout

LONGEST_FILTER = 63
"""Characters in an InputFilter (CreateTransformJob, DataProcessing)."""


@dataclass(frozen=True)
class SentRows:
    """What the rows of a job look like.

    Attributes:
        order: for each field of a row the position of its column in the file.
        input_filter: the JSONPath expression that picks the model's columns, in the contract's order.
        as_in_file: whether the order is the file's own, so that its lines can be sent as they are.
    """

    order: Sequence[int]
    input_filter: str
    as_in_file: bool


def choose_rows(layout: Layout, delimiter: str) -> SentRows:
    """The file's own rows where a filter can pick the model's columns from them; else these moved to the end.

    A filter takes indices in ascending order and one open slice at the end. A slice with an end is not used:
    SageMaker's documentation and the library that it names differ on whether the end is included.
    """
    features = list(layout.features)
    own_filter = _filter(features, layout.width)
    if delimiter == "," and features == sorted(features) and len(own_filter) <= LONGEST_FILTER:
        return SentRows(range(layout.width), own_filter, as_in_file=True)
    others = sorted(set(range(layout.width)) - set(features))
    return SentRows([*others, *features], f"$[{len(others)}:]" if others else "$", as_in_file=False)


def _filter(features: Sequence[int], width: int) -> str:
    begins = width
    while begins - 1 in features:
        begins -= 1
    if begins == 0:
        return "$"
    singles = [str(position) for position in features if position < begins]
    return f"$[{','.join([*singles, f'{begins}:'] if begins < width else singles)}]"
