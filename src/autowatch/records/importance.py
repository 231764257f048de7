"""What a model uses: how much of what it predicts rests on each column."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from autowatch.aws.objects import Bucket
from autowatch.records.keys import importance_key


@dataclass(frozen=True)
class ColumnImportance:
    """One column of a model.

    Attributes:
        name: the column's.
        value: by Autopilot the mean of the absolute SHAP values; by permutation what the measure loses when the
            column's values are shuffled, which by chance may be a little below 0.
        share: the value as a share of those of all columns, between 0 and 1; one below 0 counts as 0.
        lower, upper: the ends of the 95 % interval of `value`, where it is known.
    """

    name: str
    value: float
    share: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class ModelImportance:
    """What `models/<run>/importance.json` holds.

    Attributes:
        run: the run that made the model.
        method: `autopilot` where Autopilot explained the model, `permutation` where the gate did; None where neither.
        columns: those of the contract, the most important first; none without a method.
        measure: by permutation what is lost, a name in `evaluation.measures.MEASURES`.
        rows: by permutation how many rows of the hold-out were shuffled.
        note: why Autopilot's own explanation was not used, and why there is none at all.
    """

    run: str
    method: Literal["autopilot", "permutation"] | None
    columns: tuple[ColumnImportance, ...] = ()
    measure: str = ""
    rows: int | None = None
    note: str = ""

    @property
    def shares(self) -> dict[str, float] | None:
        """The columns' shares by their names; None where they are not known."""
        return {column.name: column.share for column in self.columns} or None


def ranked(columns: Iterable[ColumnImportance]) -> tuple[ColumnImportance, ...]:
    """The columns by falling value, those of the same value by name."""
    return tuple(sorted(columns, key=lambda column: (-column.value, column.name)))


def share_of(value: float, values: Iterable[float]) -> float:
    """A value as a share of all of them, rounded to what people read; those below 0 count as 0."""
    whole = sum(max(0.0, each) for each in values)
    return round(max(0.0, value) / whole, 4) if whole else 0.0


def write_importance(bucket: Bucket, importance: ModelImportance) -> None:
    """Keeps it with the run."""
    bucket.write_json(importance_key(importance.run), importance)
