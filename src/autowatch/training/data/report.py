"""The data report of a run, `models/<run>/data.json`: what the training data hold, and what looks wrong with them.

Columns that predict the target almost alone, which mostly means that they were written down after it was known.
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
        role: what became of it.
        type: how its values are read.
        missing: how many rows have none.
        distinct: how many different values it has.
        distinct_is_exact: false where there were too many to count, and `distinct` is an estimate.
        constant: whether it is the same in every row.
        auc: how well it ranks the rows by itself, from 0.5 to 1 (`single_column_auc`); None for the target.
        form: how a numeric column writes its numbers, where it does not write them plainly.
        stray: the texts among its numbers that are taken for missing values.
        doubt: why it is read as texts although it holds numbers.
        kind: whether its values look like dates or identifiers; empty of others.
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
        """What people should look at, a sentence each. Of a text that stands once, only the line is given."""
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
                f"which are taken for missing ones: {', '.join(shown)}{f' and {more} more texts' if more > 0 else ''}."
            )
        if self.is_styled:
            found.append(f"{self.how_it_is_read} The predictions keep them as they are written.")
        if self.doubt:
            found.append(
                f"The column {self.name!r} is read as texts: {self.doubt}. Write its numbers in one form, with a point "
                "for decimals and no groups, so that the model learns from their size."
            )
        if self.kind == "dates":
            found.append(
                f"The column {self.name!r} holds dates or times ({self.date_form}). A model that learnt calendar days "
                "meets new ones every day, and drift of the column will be told every day. Add it to the parameter "
                "DropColumns, or derive from it what the model can use: a weekday, an age in days."
            )
        if self.kind == "identifiers":
            found.append(
                f"The column {self.name!r} has a value of its own in nearly every row, as an identifier or a free text "
                "has: a model learns nothing from it that holds for other rows. Add it to the parameter DropColumns, "
                "or name it as IdColumn; it passes through to the predictions all the same."
            )
        return found

    @property
    def is_styled(self) -> bool:
        """Whether its numbers are written otherwise than a model reads them."""
        return self.form is not None and bool(self.form.group or self.form.affix or self.form.decimal != ".")

    @property
    def how_it_is_read(self) -> str:
        """A sentence on the form of its numbers."""
        form = self.form or PLAIN_FORM
        return (
            f"The numbers of the column {self.name!r} are read with the decimal separator {form.decimal!r}"
            + (f", groups separated by {form.group!r}" if form.group else "")
            + (f", each with {form.affix}" if form.affix else "")
            + "."
        )

    def is_likely_leak(self, leak_auc: float) -> bool:
        """Whether it predicts the target almost alone: from this AUC on."""
        return self.auc is not None and self.auc >= leak_auc


@dataclass(frozen=True)
class Part:
    """The rows of one part: how many there are, and of each label."""

    rows: int
    classes: dict[str, int]


@dataclass(frozen=True)
class DataReport:
    """What `models/<run>/data.json` holds. All but `unlabelled_rows` is about the rows that have a label.

    `classes` are empty where numbers are predicted; then `target_numbers` says which. `rule` is that of the hold-out;
    `remarks` are warnings that are not about one column.
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
        """The document for `data.json`."""
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
        """What to say of numbers to predict that are not written plainly."""
        return [
            f"{column.how_it_is_read} What is predicted of it is written with a point and no groups."
            for column in self.columns
            if column.role == "target" and column.is_styled and self.target_numbers
        ]


def report_column(survey: ColumnSurvey, role: Role, auc: float | None, rows: int) -> ColumnReport:
    """The report on a column that was surveyed in so many rows."""
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
    """How many rows there are for which `in_part` is 1, and of each label."""
    if not labels:
        return Part(sum(in_part), {})
    counts = [0] * len(labels)
    for label, taken in zip(row_labels, in_part, strict=True):
        counts[label] += taken
    return Part(sum(counts), dict(zip(labels, counts, strict=True)))


def rest(rows: int, whole: Mapping[str, int], part: Part) -> Part:
    """Those of so many rows, and of each label, that are not in `part`."""
    return Part(rows - part.rows, {label: times - part.classes[label] for label, times in whole.items()})


def write_data_report(bucket: Bucket, report: DataReport) -> None:
    """Keeps the report with its run."""
    bucket.write_json(data_report_key(report.run), report.to_json())


def read_warnings(bucket: Bucket, run: str) -> list[str]:
    """What people should look at in the data of `run`, a sentence each; nothing where no data were prepared for it."""
    try:
        return list(bucket.read_json(data_report_key(run))["warnings"])
    except ObjectMissing:
        return []


def _warning(column: ColumnReport) -> str:
    return (
        f"The column {column.name!r} predicts the target almost alone (AUC {column.auc:.2f}). If its values are not "
        "known yet when a prediction is needed, add it to the parameter DropColumns and train again."
    )


LEAK_AUCS: Mapping[ProblemType, float] = {"binary": 0.8, "multiclass": 0.9, "regression": 0.9}
"""From here on a column is a likely leak: by itself it ranks the rows as whole models hardly do. In the bank's data the
duration of the call, known only after it, has 0.81, and the best of the honest columns 0.78. Of several labels and of
numbers honest columns tell more: of two normal numbers with a correlation of 0.95, one ranks the other's tenths at
0.9."""


FEWEST_ROWS_OF_BIN = 50
"""Bins with fewer rows count as one: a rate taken from a handful of rows repeats their labels instead of
predicting them, and an identifier, with a row for each value, would predict them all."""


def column_auc(problem_type: ProblemType, groups: Sequence[Sequence[int]]) -> float:
    """How well a column tells the target by itself, from 0.5 upwards.

    Of several labels it is the mean of each one's AUC against all others.

    Args:
        problem_type: of the target.
        groups: for each group of rows (`RowGroups`) how many of them are in each bin of the column.
    """
    if problem_type != "multiclass":
        return single_column_auc(*groups)
    whole = [sum(counts) for counts in zip(*groups, strict=True)]
    return statistics.fmean(single_column_auc(list(map(sub, whole, group)), group) for group in groups)


def single_column_auc(*groups: Sequence[int]) -> float:
    """The share of the pairs of rows of two groups which the column ranks as the groups stand, from 0.5 upwards.

    The score of a row is the mean place of the groups of the rows in its bin: with two groups the share of the second,
    so that this is the AUC. It is computed on the rows that the scores come from, so it is a little too high where bins
    are small: see FEWEST_ROWS_OF_BIN. Rows in the same bin are tied and count half (Mann and Whitney).

    Args:
        groups: for each group, in rising order, how many rows it has in each bin of the column. Two have rows at least.
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
