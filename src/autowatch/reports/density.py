"""The density plot of a numeric column: the training data as an area and the judged rows as a line, on one axis.

Bins have unequal widths, with about a tenth of the training rows each. The plot spreads the rows of each bin evenly
between the bin's ends in `drift.json` and counts them in cells of equal width, so that shapes and shifts are true to
scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autowatch.reports.documents.drift import BinBar
from autowatch.reports.text import percent, rounded

WIDTH, HEIGHT = 360, 132

_LEFT, _RIGHT, _TOP, _BOTTOM = 4.0, 356.0, 16.0, 112.0
_CELLS = 44
_MOST_TICKS = 6
_LONG, _THIN = 3.0, 0.25
"""An outer bin that is this many times as long as all others, with less than this share of the rows, is cut off."""


@dataclass(frozen=True)
class Tick:
    """A number on the axis and its position."""

    x: float
    text: str


@dataclass(frozen=True)
class Density:
    """A plot of 360 × 132 units.

    Attributes:
        reference, current: the outlines.
        limits: the ends of the training range, if they are in the plot.
        most: the share of the rows in the fullest cell, which sets the scale.
        beyond: sentences about what is not drawn.
    """

    reference: str
    current: str
    limits: Sequence[float]
    ticks: Sequence[Tick]
    most: str
    beyond: Sequence[str]


@dataclass(frozen=True)
class _Piece:
    low: float
    high: float
    reference: float
    current: float

    @property
    def largest(self) -> float:
        return max(self.reference, self.current)

    def part(self, low: float, high: float, is_last: bool) -> float:
        """The share of its rows in [`low`, `high`), or in [`low`, `high`] for the last cell."""
        if self.high == self.low:
            return float(low <= self.low < high or (is_last and self.low == high))
        return max(0.0, min(high, self.high) - max(low, self.low)) / (self.high - self.low)


def density(bins: Sequence[BinBar], training_range: Sequence[float]) -> Density | None:
    """The density plot of a numeric column; None if a bin has no ends, or if all rows have the same number."""
    used = [bin_ for bin_ in bins if bin_.reference or bin_.current]
    if not used or any((bin_.low is None) != (bin_.high is None) for bin_ in used):
        return None
    pieces = [
        _Piece(bin_.low, bin_.high, max(bin_.reference, 0.0), max(bin_.current, 0.0))
        for bin_ in used
        if bin_.low is not None and bin_.high is not None and bin_.low <= bin_.high
    ]
    low, high = _domain(pieces)
    step = (high - low) / _CELLS
    # Numbers that differ only in their last digits leave no room for cells between them.
    if not step or low + step == low:
        return None
    edges = [low + step * place for place in range(_CELLS)] + [high]
    reference, current = (
        [
            sum(
                share * piece.part(edges[place], edges[place + 1], place == _CELLS - 1)
                for piece, share in shares
            )
            for place in range(_CELLS)
        ]
        for shares in (
            [(piece, piece.reference) for piece in pieces],
            [(piece, piece.current) for piece in pieces],
        )
    )
    most = max(*reference, *current)
    if not most:
        return None

    def across(number: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (number - low) / (high - low), 1)

    return Density(
        reference=_outline([share / most for share in reference]),
        current=_outline([share / most for share in current]),
        limits=[across(end) for end in training_range if low < end < high],
        ticks=[Tick(across(number), rounded(number, 6)) for number in _round_numbers(low, high)],
        most=percent(most),
        beyond=_beyond(pieces, low, high),
    )


def _domain(pieces: Sequence[_Piece]) -> tuple[float, float]:
    """The ends of the drawn range; long and thin tails are cut off."""
    high = _upper_end([(piece.low, piece.high, piece.largest) for piece in pieces])
    low = -_upper_end([(-piece.high, -piece.low, piece.largest) for piece in pieces])
    return low, high


def _upper_end(pieces: Sequence[tuple[float, float, float]]) -> float:
    """The upper end of the drawn range; each piece is given as (low, high, share)."""
    left = sorted(pieces, key=lambda piece: piece[1])
    first, most = min((low for low, _, _ in left), default=0.0), left[-1][1] if left else 0.0
    while len(left) > 1:
        low, end, share = left[-1]
        others = left[-2][1] - first
        if share >= _THIN or not 0 < _LONG * others < end - low:
            break
        left.pop()
    drawn = left[-1][1] if left else 0.0
    return min(most, drawn + (drawn - first) / 2)


def _outline(shares: Sequence[float]) -> str:
    width = (_RIGHT - _LEFT) / len(shares)
    path = f"M{_LEFT:g} {_BOTTOM:g}"
    before = None
    for place, share in enumerate(shares):
        height = round(_BOTTOM - (_BOTTOM - _TOP) * share, 1)
        if height != before:
            path += f"{'' if before is None else f'H{round(_LEFT + width * place, 1):g}'}V{height:g}"
        before = height
    return f"{path}H{_RIGHT:g}V{_BOTTOM:g}"


def _round_numbers(low: float, high: float) -> list[float]:
    """At most about six round numbers between `low` and `high`."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [place * step for place in range(first, math.floor(high / step) + 1)]


def _beyond(pieces: Sequence[_Piece], low: float, high: float) -> list[str]:
    least, most = min(piece.low for piece in pieces), max(piece.high for piece in pieces)
    sentences = []
    for word, end, extreme, outside in (
        ("below", low, least, (-math.inf, low)),
        ("above", high, most, (high, math.inf)),
    ):
        before, now = _share_within(pieces, *outside)
        if extreme != end:
            sentences.append(
                f"Not drawn: {percent(before)} of the training data and {percent(now)} of these rows lie "
                f"{word} {rounded(end, 3)}, reaching {rounded(extreme, 6)}."
            )
    return sentences


def _share_within(pieces: Sequence[_Piece], low: float, high: float) -> tuple[float, float]:
    parts = [(piece, piece.part(low, high, is_last=False)) for piece in pieces]
    return (
        sum(piece.reference * part for piece, part in parts),
        sum(piece.current * part for piece, part in parts),
    )
