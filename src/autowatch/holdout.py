"""Which rows are held out for the gate."""

import random
from collections.abc import Iterator, Sequence
from typing import Literal

from autowatch.training_table import UnfitTrainingFile

HoldoutBy = Literal["random", "newest"]


class UnfitHoldout(UnfitTrainingFile):
    """One of the two parts would lack a class."""


def choose_holdout(
    row_labels: Sequence[int], labels: Sequence[str], percent: int, by: HoldoutBy, seed: str
) -> bytearray:
    """For each row 1 if it is held out.

    Args:
        row_labels: for each row the place of its label in `labels`.
        labels: the two labels.
        percent: how many of a hundred rows are held out, rounded down.
        by: `random` takes that share of each class, at least one row; `newest` takes the last rows.
        seed: what decides the draw: the same seed always takes the same rows.

    Raises:
        UnfitHoldout: a class would be in one of the two parts only.
    """
    if by == "newest":
        train_rows = len(row_labels) - len(row_labels) * percent // 100
        in_holdout = bytearray(train_rows) + bytes([1]) * (len(row_labels) - train_rows)
    else:
        in_holdout = bytearray(_draw(row_labels, percent, random.Random(seed)))  # noqa: S311 (no secret)
    _check_parts(row_labels, labels, in_holdout)
    return in_holdout


def _draw(row_labels: Sequence[int], percent: int, generator: random.Random) -> Iterator[int]:
    """Takes exactly so many rows of each class, in one pass: Knuth's algorithm S (The Art of Computer Programming, 2,
    3.4.2), for which no list of the rows is needed."""
    left = [row_labels.count(label) for label in (0, 1)]
    wanted = [max(1, rows * percent // 100) for rows in left]
    for label in row_labels:
        taken = generator.random() * left[label] < wanted[label]
        left[label] -= 1
        wanted[label] -= taken
        yield taken


def _check_parts(row_labels: Sequence[int], labels: Sequence[str], in_holdout: bytearray) -> None:
    parts = set(zip(row_labels, in_holdout, strict=True))
    for place, label in enumerate(labels):
        for held_out, part in ((1, "newest rows, which are held out"), (0, "rows to train on")):
            if (place, held_out) not in parts:
                raise UnfitHoldout(
                    f"No row with the label {label!r} is among the {part}. Sort the rows by time, or set the "
                    "parameter HoldoutPercent to another share, or HoldoutBy to random."
                )
