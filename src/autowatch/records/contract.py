"""The contract of a model: which columns it was trained on, and what it predicts."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.holdout import HoldoutRule
from autowatch.records.problem import Problem, ProblemType
from autowatch.records.threshold import DecisionThreshold
from autowatch.tabular.cells import PLAIN_FORM, FeatureType, NumberForm

ID_COLUMN = "id"

OTHER_ID_COLUMN = "autowatch_id"
"""The column of Autowatch's ids where the user has a column `id`."""


PREDICTION_DATE_COLUMN = "prediction_date"


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column of the model's input; `form` is how a numeric column writes its numbers.

    A Struct, because the contract omits a plain form, which dataclasses cannot do.
    """

    name: str
    type: FeatureType
    form: NumberForm = PLAIN_FORM


PositiveLabelFrom = Literal["parameter", "champion", "rarer"]
"""What chose the positive label: the parameter, the champion at the time, or the label counts of the training file."""

ProblemTypeFrom = Literal["parameter", "values"]
"""What chose the problem type: the parameter, or the target's values."""


@dataclass(frozen=True)
class Contract:
    """What `models/<run>/contract.json` holds; the features are in the model's order.

    `labels` are sorted, and empty for a numeric target; `positive_label` is empty unless there are two labels.
    Contracts by the first versions have no `problem_type`; it is then binary. `positive_label_from` and `holdout` are
    None in contracts that do not record them. The gate sets `decision_threshold`; it is None if the model itself
    chooses the label. `probability_of_each_class` says whether predictions have a column for each of several labels.
    `target_form` is the training file's number form of a numeric target, if it is not plain. `id_column` is the user's
    key, empty if there is none; `row_id` is the column of Autowatch's ids in predictions. `importance` is each column's
    share of the total importance, up to 1; None where it is unknown.
    """

    run: str
    target: str
    labels: tuple[str, ...]
    positive_label: str
    positive_label_from: PositiveLabelFrom | None = field(default=None, kw_only=True)
    decision_threshold: DecisionThreshold | None = field(default=None, kw_only=True)
    features: tuple[Feature, ...]
    dropped_columns: tuple[str, ...]
    rows: int
    profile_version: int
    training: ObjectVersion
    id_column: str = ""
    row_id: str = ID_COLUMN
    holdout: HoldoutRule | None = None
    problem_type: ProblemType = "binary"
    problem_type_from: ProblemTypeFrom | None = None
    probability_of_each_class: bool = False
    target_form: NumberForm | None = None
    importance: dict[str, float] | None = None

    @property
    def problem(self) -> Problem:
        """The problem that the model solves."""
        return Problem(self.problem_type, self.labels, self.positive_label, self.probability_of_each_class)

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """The columns that predictions add, in order: the label and its probability, or only the number.

        With two labels the probability is that of the positive label, with several that of the predicted label,
        followed on request by that of each label.
        """
        if not self.labels:
            return (self.target,)
        each = self.labels if self.problem.each_probability else ()
        of_each = (f"{self.probability_column}_{label}" for label in each)
        return (self.target, self.probability_column, *of_each)

    @property
    def probability_column(self) -> str:
        """The output column with the probability of the positive (or, with several labels, the predicted) label."""
        return f"{self.target}_probability"

    @property
    def negative_label(self) -> str:
        """The label that is not the positive one."""
        return next(label for label in self.labels if label != self.positive_label)

    @property
    def actual_column(self) -> str:
        """The output column with the input's own target, if it has one."""
        return f"{self.target}_actual"

    @property
    def of_plain_numbers(self) -> "Contract":
        """The same contract for rows whose numbers are already plain, as in train.csv and holdout.csv."""
        return replace(self, features=tuple(Feature(item.name, item.type) for item in self.features))

    def target_number(self, text: str) -> float | None:
        """The number that a target's text means; None if it is not a number, or could mean either of two."""
        readings = self.target_readings(text)
        return readings.pop() if len(readings) == 1 else None

    def target_readings(self, text: str) -> set[float]:
        """The numbers that a target's text may mean, in the training file's form or plain.

        `1.125` in a training file of numbers such as `1.234,5` means 1125, and in a file of plain numbers 1.125.
        """
        readings = set[float]()
        for form in filter(None, (self.target_form, PLAIN_FORM)):
            with suppress(ValueError):
                number = form.read(text)
                readings |= set() if number is None else {number}
        return readings

    def reserved_columns(self, row_id: str) -> tuple[str, ...]:
        """The names of the columns that predictions add besides the target's own; no input may use them.

        Args:
            row_id: the column of Autowatch's ids.
        """
        return (row_id, *self.prediction_columns[1:], self.actual_column, PREDICTION_DATE_COLUMN)

    def row_id_in(self, header: Collection[str]) -> str:
        """The column of Autowatch's ids in the predictions of an input with this header: the usual name if free."""
        return self.row_id if self.row_id not in header else row_id_column(header)


def row_id_column(header: Collection[str]) -> str:
    """The name of the column of Autowatch's ids next to these columns."""
    return OTHER_ID_COLUMN if ID_COLUMN in header else ID_COLUMN


def read_contract(bucket: Bucket, key: str) -> Contract:
    """The contract stored under `key`.

    Raises:
        ObjectMissing: it does not exist.
        DocumentMalformed: the object is not a contract.
    """
    return bucket.read_as(key, Contract)
