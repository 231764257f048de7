"""Values beyond the training data: the most frequent new texts, and the extremes of numbers out of range.

Sentences may leave the bucket by mail, so they only quote texts that several rows have, cut to a maximum length
(docs/security.md). `drift.json` stays in the bucket and has everything that the profiles kept.
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
    """A text never seen in training.

    Attributes:
        rows: how many rows have it.
        like: the known value that differs from it only by capitals, spaces or Unicode form; empty if there is none.
        like_is_frequent: whether several training rows are known to have `like`.
    """

    text: str
    rows: int
    like: str = ""
    like_is_frequent: bool = False


@dataclass(frozen=True)
class Beyond:
    """A column's values beyond the training data.

    Attributes:
        unknown: the most frequent texts never seen, most frequent first.
        undercount: by how many rows each of their counts may be too low.
        training: the smallest and the largest number of the training data; None for columns of texts.
        low, high: the smallest number below that range and the largest above it; None if there is none.
    """

    unknown: tuple[UnknownValue, ...] = ()
    undercount: int = 0
    training: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def sentence(self) -> str:
        """The values in sentences that may leave the bucket; empty if no value may be quoted."""
        if self.training and (self.low is not None or self.high is not None):
            return f" {self._range}"
        # A count no larger than its possible error does not show that a value is frequent.
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
    """The values beyond the training data in a sketch of the scored rows."""
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
