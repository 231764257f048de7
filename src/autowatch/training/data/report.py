"""The data report of a run, `models/<run>/data.json`: what the training data hold, and what looks wrong.

Also: likely leaks, columns that predict the target almost alone. Most of these were recorded after the target was
known.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add, mul, sub
from typing import Any, Literal

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.records.holdout import HoldoutRule
from autowatch.records.keys import data_report_key
from autowatch.records.problem import ProblemType
from autowatch.tabular.cells import PLAIN_FORM, FeatureType, NumberForm, cut, missing_values
from autowatch.training.data.columns import ColumnSurvey, StrayText
from autowatch.training.data.copies import NearCopies
from autowatch.training.data.kinds import Kind, are_identifiers, date_form
from autowatch.training.data.target import TargetNumbers

Role = Literal["feature", "constant", "dropped", "key", "target"]

_STRAY_SHOWN = 5


@dataclass(frozen=True)
class ColumnReport:
    """One column.

    Attributes:
        name: its name.
        role: how the column is used.
        type: how its values are read.
        missing: how many rows have no value.
        distinct: how many different values it has.
        distinct_is_exact: false if there were too many to count, so that `distinct` is an estimate.
        constant: whether it has the same value in every row.
        auc: how well the column alone ranks the rows, from 0.5 to 1 (`single_column_auc`); None for the target.
        form: how a numeric column writes its numbers; None for plain numbers.
        stray: the texts among its numbers that are read as missing values.
        doubt: why it is read as texts although it holds numbers.
        kind: whether its values look like dates or identifiers; otherwise empty.
        date_form: how it writes dates, such as `YYYY-MM-DD`.
    """

    name: str
    role: Role
    type: FeatureType
    missing: int
    distinct: int
    distinct_is_exact: bool
    constant: bool
    auc: float | None
    form: NumberForm | None = None
    stray: tuple[StrayText, ...] = ()
    doubt: str = ""
    kind: Kind = ""
    date_form: str = ""

    def warnings(self, leak_auc: float) -> list[str]:
        """The warnings about the column. For a text that occurs once, they give only the line."""
        if self.role != "feature":
            return []
        found = [_warning(self)] if self.is_likely_leak(leak_auc) else []
        if self.stray:
            shown = [
                f"{cut(each.text)!r} ({each.times:,} times, first on line {each.line:,})"
                if each.times > 1
                else f"one on line {each.line:,}"
                for each in self.stray[:_STRAY_SHOWN]
            ]
            more = len(self.stray) - _STRAY_SHOWN
            found.append(
                f"The column {self.name!r} holds numbers and {sum(each.times for each in self.stray):,} other values, "
                f"which are read as missing: {', '.join(shown)}{f' and {more} more texts' if more > 0 else ''}."
            )
        if self.is_styled:
            found.append(f"{self.how_it_is_read} The predictions files keep them as written.")
        if self.doubt:
            found.append(
                f"The column {self.name!r} is read as texts: {self.doubt}. Write its numbers in one form, with a point "
                "for decimals and without groups, so that the model learns from their size."
            )
        if self.kind == "dates":
            found.append(
                f"The column {self.name!r} holds dates or times ({self.date_form}). A model that learns calendar days "
                "meets new ones every day, and the column drifts every day. Add it to the parameter DropColumns, or "
                "derive a column from it that the model can use: a weekday, an age in days."
            )
        if self.kind == "identifiers":
            found.append(
                f"The column {self.name!r} has a different value in nearly every row, like an identifier or a free "
                "text: a model learns nothing from it that holds for other rows. Add it to the parameter DropColumns, "
                "or set IdColumn to it; either way it is copied to the predictions."
            )
        return found

    @property
    def is_styled(self) -> bool:
        """Whether its numbers are written in another form than a model reads."""
        return self.form is not None and bool(self.form.group or self.form.affix or self.form.decimal != ".")

    @property
    def how_it_is_read(self) -> str:
        """A sentence about the form of its numbers."""
        form = self.form or PLAIN_FORM
        return (
            f"The numbers of the column {self.name!r} are read with the decimal separator {form.decimal!r}"
            + (f", groups separated by {form.group!r}" if form.group else "")
            + (f", each with {form.affix}" if form.affix else "")
            + "."
        )

    def is_likely_leak(self, leak_auc: float) -> bool:
        """Whether it predicts the target almost alone: its AUC is at least `leak_auc`."""
        return self.auc is not None and self.auc >= leak_auc


@dataclass(frozen=True)
class Part:
    """The number of rows in one part, in total and by label."""

    rows: int
    classes: dict[str, int]


@dataclass(frozen=True)
class DataReport:
    """What `models/<run>/data.json` holds. All fields except `unlabelled_rows` are about labelled rows only.

    If numbers are predicted, `classes` is empty and `target_numbers` summarises the numbers. `rule` is the hold-out's;
    `remarks` are warnings that are not about a single column.
    """

    run: str
    files: tuple[ObjectVersion, ...]
    sha256: str
    rows: int
    unlabelled_rows: int
    duplicate_rows: int
    classes: dict[str, int]
    columns: tuple[ColumnReport, ...]
    rule: HoldoutRule
    train: Part
    holdout: Part
    positive_label: str
    positive_label_from: str
    problem_type: ProblemType = "binary"
    problem_type_from: str = ""
    target_numbers: TargetNumbers | None = None
    near_copies: NearCopies | None = None
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON document."""
        leak_auc = LEAK_AUCS[self.problem_type]
        leaks = [column for column in self.columns if column.is_likely_leak(leak_auc)]
        return {
            "run": self.run,
            "files": self.files,
            "sha256": self.sha256,
            "rows": self.rows,
            "unlabelled_rows": self.unlabelled_rows,
            "duplicate_rows": self.duplicate_rows,
            "near_copies": self.near_copies,
            "problem_type": self.problem_type,
            "problem_type_from": self.problem_type_from,
            "target_numbers": self.target_numbers,
            "classes": self.classes,
            "positive_label": self.positive_label,
            "positive_label_from": self.positive_label_from,
            "columns": self.columns,
            "constant_columns": [column.name for column in self.columns if column.constant],
            "dropped_columns": [column.name for column in self.columns if column.role == "dropped"],
            "leak_auc": leak_auc,
            "likely_leaks": [column.name for column in leaks],
            "train": self.train,
            "holdout": {
                "by": self.rule.by,
                "percent": self.rule.percent,
                "columns": self.rule.columns,
                **vars(self.holdout),
            },
            "warnings": [
                *self.remarks,
                *self._of_target(),
                *(warning for column in self.columns for warning in column.warnings(leak_auc)),
            ],
        }

    def _of_target(self) -> list[str]:
        """A remark if the numbers to predict are not plain."""
        return [
            f"{column.how_it_is_read} Predicted numbers are written with a point and without groups."
            for column in self.columns
            if column.role == "target" and column.is_styled and self.target_numbers
        ]


def report_column(survey: ColumnSurvey, role: Role, auc: float | None, rows: int) -> ColumnReport:
    """The report on a column surveyed in `rows` rows."""
    missing = missing_values(survey.form)
    texts = {text: times for text, times in survey.texts.items() if text not in missing}
    form = date_form(texts)
    is_key = not form and are_identifiers(texts, survey.type, rows - survey.missing, survey.distinct)
    return ColumnReport(
        name=survey.name,
        role=role,
        type=survey.type,
        missing=survey.missing,
        distinct=survey.distinct,
        distinct_is_exact=survey.distinct_is_exact,
        constant=survey.is_constant,
        auc=auc,
        form=None if survey.form.is_plain else survey.form,
        stray=survey.stray,
        doubt=survey.doubt,
        kind="dates" if form else "identifiers" if is_key else "",
        date_form=form,
    )


def count_part(row_labels: Sequence[int], in_part: Sequence[int], labels: Sequence[str]) -> Part:
    """The number of rows for which `in_part` is 1, in total and by label."""
    if not labels:
        return Part(sum(in_part), {})
    counts = [0] * len(labels)
    for label, taken in zip(row_labels, in_part, strict=True):
        counts[label] += taken
    return Part(sum(counts), dict(zip(labels, counts, strict=True)))


def rest(rows: int, whole: Mapping[str, int], part: Part) -> Part:
    """The rows that are not in `part`, given the number of all rows and of those with each label."""
    return Part(rows - part.rows, {label: times - part.classes[label] for label, times in whole.items()})


def write_data_report(bucket: Bucket, report: DataReport) -> None:
    """Stores the report with its run."""
    bucket.write_json(data_report_key(report.run), report.to_json())


def read_warnings(bucket: Bucket, run: str) -> list[str]:
    """The warnings about the data of `run`; empty if no data were prepared for it."""
    try:
        return list(bucket.read_json(data_report_key(run))["warnings"])
    except ObjectMissing:
        return []


def _warning(column: ColumnReport) -> str:
    return (
        f"The column {column.name!r} predicts the target almost alone (AUC {column.auc:.2f}). If its values are not "
        "yet known when a prediction is needed, add it to the parameter DropColumns and train again."
    )


LEAK_AUCS: Mapping[ProblemType, float] = {"binary": 0.8, "multiclass": 0.9, "regression": 0.9}
"""The lowest AUC at which a column is a likely leak: few whole models reach it.

In the bank's data the duration of the call, known only after it, has 0.81, and the best honest column 0.78. For several
labels and for numbers, honest columns reach higher AUCs: of two normal numbers with a correlation of 0.95, one ranks
the other's tenths at 0.9.
"""


FEWEST_ROWS_OF_BIN = 50
"""Bins with fewer rows are pooled.

A rate from a handful of rows repeats their labels instead of predicting them, so an identifier, with one row for each
value, would predict all.
"""


def column_auc(problem_type: ProblemType, groups: Sequence[Sequence[int]]) -> float:
    """How well a column alone predicts the target, from 0.5 to 1.

    For several labels, it is the mean AUC of each label against all others.

    Args:
        problem_type: the target's.
        groups: for each group of rows (`RowGroups`), how many are in each bin of the column.
    """
    if problem_type != "multiclass":
        return single_column_auc(*groups)
    whole = [sum(counts) for counts in zip(*groups, strict=True)]
    return statistics.fmean(single_column_auc(list(map(sub, whole, group)), group) for group in groups)


def single_column_auc(*groups: Sequence[int]) -> float:
    """The share of pairs of rows from different groups that the column ranks in the groups' order, from 0.5 to 1.

    A row's score is the mean group number of the rows in its bin. With two groups this is the second group's share, so
    the result is the AUC. It is computed on the rows from which the scores were taken, so it is slightly too high if
    bins are small: see FEWEST_ROWS_OF_BIN. Rows in the same bin are tied and count half (Mann and Whitney).

    Args:
        groups: for each group, in ascending order, how many rows it has in each bin of the column. At least two groups
            have rows.
    """
    bins = _pool_small(list(zip(*groups, strict=True)))
    ordered = sorted(bins, key=lambda counts: sum(map(mul, counts, count())) / sum(counts))
    below, right = [0] * len(groups), 0.0
    for counts in ordered:
        lower = 0.0
        for group, rows in enumerate(counts):
            right += rows * lower
            lower += below[group] + rows / 2
        below = list(map(add, below, counts))
    return right / sum(
        rows * before for rows, before in zip(below, accumulate(below, initial=0), strict=False)
    )


def _pool_small(bins: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    large = [counts for counts in bins if sum(counts) >= FEWEST_ROWS_OF_BIN]
    small = [counts for counts in bins if sum(counts) < FEWEST_ROWS_OF_BIN]
    pooled = tuple(map(sum, zip(*small, strict=True)))
    return [*large, pooled] if any(pooled) else large
