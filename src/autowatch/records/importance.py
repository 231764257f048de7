"""Feature importance: how much of a model's predictions rests on each column."""

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
        value: by `autopilot` the mean of the absolute SHAP values; by `permutation` the measure's loss when the
            column's values are shuffled, which may by chance be slightly negative.
        share: the value as a share of the sum over all columns, between 0 and 1; a negative value counts as 0.
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
        method: `autopilot` where Autopilot explained the model, `permutation` where the gate did; None where neither
            did.
        columns: those of the contract, most important first; empty without a method.
        measure: by permutation, the measure whose loss counts; a name in `evaluation.measures.MEASURES`.
        rows: by permutation, how many rows of the hold-out were shuffled.
        note: why Autopilot's explanation was not used, or why there is no explanation.
    """

    run: str
    method: Literal["autopilot", "permutation"] | None
    columns: tuple[ColumnImportance, ...] = ()
    measure: str = ""
    rows: int | None = None
    note: str = ""

    @property
    def shares(self) -> dict[str, float] | None:
        """Each column's share by its name; None where no shares are known."""
        return {column.name: column.share for column in self.columns} or None


def ranked(columns: Iterable[ColumnImportance]) -> tuple[ColumnImportance, ...]:
    """The columns by descending value; ties by name."""
    return tuple(sorted(columns, key=lambda column: (-column.value, column.name)))


def share_of(value: float, values: Iterable[float]) -> float:
    """A value as a share of the sum of all, rounded for display; negative values count as 0."""
    whole = sum(max(0.0, each) for each in values)
    return round(max(0.0, value) / whole, 4) if whole else 0.0


def write_importance(bucket: Bucket, importance: ModelImportance) -> None:
    """Stores the importance with the run."""
    bucket.write_json(importance_key(importance.run), importance)
