"""The values that lie beyond the training data, by name: the most frequent new ones, and how far numbers reach.

What a sentence quotes may leave the bucket by mail, so a text stands there only if several rows have it, and cut
(docs/security.md). `drift.json` stays in the bucket and has all that the profiles kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autowatch.tabular.bins import Bins, NumericBins, rising_texts
from autowatch.tabular.cells import bare, cut, in_quotes
from autowatch.tabular.sketches import ColumnSketch

_MOST_SHOWN = 20
_MOST_QUOTED = 3
_DIGITS = 6


@dataclass(frozen=True)
class UnknownValue:
    """A text never seen in training, and how many rows have it.

    Attributes:
        like: the known value that differs from it by capitals, spaces or Unicode form alone; empty where there is none.
        like_is_frequent: whether several rows of the training data are known to have that one.
    """

    text: str
    rows: int
    like: str = ""
    like_is_frequent: bool = False


@dataclass(frozen=True)
class Beyond:
    """What of a column's values lies beyond the training data.

    Attributes:
        unknown: the most frequent texts never seen, worst first.
        undercount: by how many rows each of their numbers may be too low.
        training: the smallest and the largest number of the training data; None of a column of texts.
        low, high: the smallest number below, the largest above them; None where there is none.
    """

    unknown: tuple[UnknownValue, ...] = ()
    undercount: int = 0
    training: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def sentence(self) -> str:
        """The values in a sentence that may leave the bucket; empty where nothing may be quoted."""
        if self.training and (self.low is not None or self.high is not None):
            return f" {self._range}"
        # Numbers that may be too low by as much as they are say nothing of which value is frequent.
        frequent = [value for value in self.unknown if value.rows > max(self.undercount, 1)]
        quoted = [self._quoted(value) for value in frequent[:_MOST_QUOTED]]
        more = f" The most frequent: {', '.join(quoted)}." if quoted else ""
        if any(value.like for value in self.unknown):
            more += " Some differ from known values only by capitals, spaces or Unicode form."
        return more

    def _quoted(self, value: UnknownValue) -> str:
        known = f", known as {_short(value.like)}" if value.like and value.like_is_frequent else ""
        least = "at least " if self.undercount else ""
        return f"{_short(value.text)} ({least}{value.rows:,} rows{known})"

    @property
    def _range(self) -> str:
        least, most = self.training or (0.0, 0.0)
        numbers = [number for number in (self.low, least, most, self.high) if number is not None]
        texts = dict(zip(numbers, rising_texts(numbers, _DIGITS), strict=True))
        ends = [
            f"the {word} is {texts[number]}"
            for word, number in (("smallest", self.low), ("largest", self.high))
            if number is not None
        ]
        found = " and ".join(ends)
        return f"{found[0].upper()}{found[1:]}; the training data have {texts[least]} to {texts[most]}."

    def to_json(self) -> dict[str, Any]:
        """The column's part of `drift.json`."""
        if self.training:
            return {"range": {"reference": list(self.training), "current": [self.low, self.high]}}
        unknown = [{"text": each.text, "rows": each.rows, "like": each.like} for each in self.unknown]
        return {"unknown": unknown, "unknown_undercount": self.undercount}


def beyond(bins: Bins, sketch: ColumnSketch) -> Beyond:
    """What a sketch says of a column."""
    if isinstance(bins, NumericBins):
        training = (bins.edges[0], bins.edges[-1]) if bins.edges else None
        return Beyond(training=training, low=sketch.low, high=sketch.high)
    known = {bare(value): value for value in (*reversed(bins.other), *reversed(bins.values))}
    return Beyond(
        tuple(
            _named(text, rows, known, set(bins.values)) for text, rows in sketch.by_frequency[:_MOST_SHOWN]
        ),
        sketch.undercount,
    )


def _named(text: str, rows: int, known: Mapping[str, str], frequent: set[str]) -> UnknownValue:
    like = known.get(bare(text), "")
    return UnknownValue(text, rows, like, like in frequent)


def _short(text: str) -> str:
    return in_quotes(cut(text))
