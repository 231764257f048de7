"""What one pass over a column finds out: its type, what is missing, how many values it has, and which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autowatch.contract import FeatureType, missing_values, to_number
from autowatch.text_counts import TextCounts


@dataclass(frozen=True)
class ColumnSurvey:
    """A column of the training data.

    Attributes:
        name: its name in the header.
        type: numeric where every value that is there is a number.
        missing: how many rows have none.
        distinct: how many different values it has; estimated if not `distinct_is_exact`.
        distinct_is_exact: whether all values were counted.
        texts: for each text how many rows it stands for: bins are cut from them.
    """

    name: str
    type: FeatureType
    missing: int
    distinct: int
    distinct_is_exact: bool
    texts: Mapping[str, int]

    @property
    def is_constant(self) -> bool:
        """Whether every row is the same there, missing included, so that nothing can be learnt from it."""
        return self.distinct + (self.missing > 0) < 2


class ColumnReader:
    """Surveys a column block by block in about `max_bytes`."""

    def __init__(self, name: str, max_bytes: int) -> None:
        self._name = name
        self._counts = TextCounts(max_bytes, kept=missing_values("numeric"))
        self._is_numeric = True
        self._bounds: list[tuple[float, str]] = []

    def add(self, texts: Sequence[str]) -> None:
        """Takes in the column's fields of some rows."""
        new = self._counts.add(texts)
        if not self._is_numeric:
            return
        try:
            numbers = [(to_number(text), text) for text in new if text not in missing_values("numeric")]
        except ValueError:
            self._is_numeric = False
            return
        known = [*self._bounds, *numbers]
        self._bounds = [min(known), max(known)] if known else []

    def survey(self) -> ColumnSurvey:
        """What was found out."""
        feature_type: FeatureType = "numeric" if self._is_numeric and self._bounds else "categorical"
        missing = missing_values(feature_type)
        texts = self._counts.weights()
        if feature_type == "numeric":
            # The outer bins begin at the smallest and the largest number, also where those were not kept.
            texts = dict.fromkeys((text for _, text in self._bounds), 1) | texts
        return ColumnSurvey(
            name=self._name,
            type=feature_type,
            missing=sum(map(self._counts.times, missing)),
            distinct=self._counts.distinct(ignored=missing),
            distinct_is_exact=self._counts.is_exact,
            texts=texts,
        )
