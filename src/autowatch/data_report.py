"""The data report of a run, `models/<run>/data.json`: what the training data hold, and what looks wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from autowatch.column_survey import ColumnSurvey
from autowatch.contract import FeatureType
from autowatch.holdout import HoldoutBy
from autowatch.leaks import LEAK_AUC
from autowatch.objects import ObjectMissing, ObjectVersion, read_json, write_json

Role = Literal["feature", "dropped", "target"]


@dataclass(frozen=True)
class ColumnReport:
    """One column.

    Attributes:
        name: its name.
        role: what became of it.
        type: how its values are read.
        missing: how many rows have none.
        distinct: how many different values it has.
        distinct_is_exact: false where there were too many to count, and `distinct` is an estimate.
        constant: whether it is the same in every row.
        auc: how well it tells the classes apart by itself, from 0.5 to 1; None for the target.
    """

    name: str
    role: Role
    type: FeatureType
    missing: int
    distinct: int
    distinct_is_exact: bool
    constant: bool
    auc: float | None

    @property
    def is_likely_leak(self) -> bool:
        """Whether it predicts the target almost alone."""
        return self.auc is not None and self.auc >= LEAK_AUC


@dataclass(frozen=True)
class Part:
    """The rows of one part: how many there are of each label."""

    rows: int
    classes: dict[str, int]


@dataclass(frozen=True)
class DataReport:
    """What `models/<run>/data.json` holds. All but `unlabelled_rows` is about the rows that have a label."""

    run: str
    files: tuple[ObjectVersion, ...]
    sha256: str
    rows: int
    unlabelled_rows: int
    duplicate_rows: int
    classes: dict[str, int]
    columns: tuple[ColumnReport, ...]
    holdout_by: HoldoutBy
    train: Part
    holdout: Part

    def to_json(self) -> dict[str, Any]:
        """The document for `data.json`."""
        leaks = [column for column in self.columns if column.is_likely_leak]
        return {
            "run": self.run,
            "files": [file.to_json() for file in self.files],
            "sha256": self.sha256,
            "rows": self.rows,
            "unlabelled_rows": self.unlabelled_rows,
            "duplicate_rows": self.duplicate_rows,
            "classes": self.classes,
            "columns": [asdict(column) for column in self.columns],
            "constant_columns": [column.name for column in self.columns if column.constant],
            "dropped_columns": [column.name for column in self.columns if column.role == "dropped"],
            "leak_auc": LEAK_AUC,
            "likely_leaks": [column.name for column in leaks],
            "train": asdict(self.train),
            "holdout": {"by": self.holdout_by, **asdict(self.holdout)},
            "warnings": [_warning(column) for column in leaks if column.role == "feature"],
        }


def report_column(survey: ColumnSurvey, role: Role, auc: float | None) -> ColumnReport:
    """The report on a column that was surveyed."""
    return ColumnReport(
        name=survey.name,
        role=role,
        type=survey.type,
        missing=survey.missing,
        distinct=survey.distinct,
        distinct_is_exact=survey.distinct_is_exact,
        constant=survey.is_constant,
        auc=auc,
    )


def count_part(row_labels: Sequence[int], in_part: Sequence[int], labels: Sequence[str]) -> Part:
    """How many of the rows for which `in_part` is 1 there are of each label."""
    counts = [0] * len(labels)
    for label, taken in zip(row_labels, in_part, strict=True):
        counts[label] += taken
    return Part(sum(counts), dict(zip(labels, counts, strict=True)))


def rest(whole: Mapping[str, int], part: Part) -> Part:
    """The rows of the whole that are not in `part`."""
    classes = {label: rows - part.classes[label] for label, rows in whole.items()}
    return Part(sum(classes.values()), classes)


def data_report_key(run: str) -> str:
    """Where the run's data report lies."""
    return f"models/{run}/data.json"


def write_data_report(s3: Any, bucket: str, report: DataReport) -> None:
    """Keeps the report with its run."""
    write_json(s3, bucket, data_report_key(report.run), report.to_json())


def read_warnings(s3: Any, bucket: str, run: str) -> list[str]:
    """What people should look at in the data of `run`, a sentence each; nothing where no data were prepared for it."""
    try:
        return list(read_json(s3, bucket, data_report_key(run))["warnings"])
    except ObjectMissing:
        return []


def _warning(column: ColumnReport) -> str:
    return (
        f"The column {column.name!r} predicts the target almost alone (AUC {column.auc:.2f}). If its values are not "
        "known yet when a prediction is needed, add it to the parameter DropColumns and train again."
    )
