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
"""What our ids are called where the user has a column `id`."""


PREDICTION_DATE_COLUMN = "prediction_date"


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column that the model is given; `form` is how the cells of a numeric one write numbers.

    The contract leaves a plain form out, which dataclasses cannot, so this is a Struct.
    """

    name: str
    type: FeatureType
    form: NumberForm = PLAIN_FORM


PositiveLabelFrom = Literal["parameter", "champion", "rarer"]
"""Who chose the positive label: the parameter, the champion of that time, or the counts of the training file."""

ProblemTypeFrom = Literal["parameter", "values"]
"""Who chose what is predicted: the parameter, or the target's values."""


@dataclass(frozen=True)
class Contract:
    """What `models/<run>/contract.json` holds; the features stand in the model's order.

    `labels` are sorted, and empty where a number is predicted; `positive_label` is empty unless there are two labels.
    Contracts of versions that knew nothing else have no `problem_type`. `positive_label_from` and `holdout` are None in
    the contracts of versions that did not record them. `decision_threshold` is set by the gate; it is None where the
    label is the model's own. `probability_of_each_class` says whether predictions have a column for each of several
    labels. `target_form` is how the training file writes the numbers to predict, where it does not write them plainly.
    `id_column` is the user's key, empty where there is none; `row_id` what our own ids are called in
    predictions. `importance` is how much of the model's use falls to each column, as shares of 1; None where it is not
    known.
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
        """What the model is asked for when it scores."""
        return Problem(self.problem_type, self.labels, self.positive_label, self.probability_of_each_class)

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """The columns that predictions add, in their order: the label and its probability, or the number alone.

        Of two labels it is P of the positive one, of several P of the one given; then, where it is asked for, of each.
        """
        if not self.labels:
            return (self.target,)
        each = self.labels if self.problem.each_probability else ()
        of_each = (f"{self.probability_column}_{label}" for label in each)
        return (self.target, self.probability_column, *of_each)

    @property
    def probability_column(self) -> str:
        """The output column with P(positive label) or, of several labels, P of the one given."""
        return f"{self.target}_probability"

    @property
    def negative_label(self) -> str:
        """The label that is not the positive one."""
        return next(label for label in self.labels if label != self.positive_label)

    @property
    def actual_column(self) -> str:
        """The output column that holds the input's own target, where it has one."""
        return f"{self.target}_actual"

    @property
    def of_plain_numbers(self) -> "Contract":
        """The same for rows whose numbers are written plainly already, as in train.csv and holdout.csv."""
        return replace(self, features=tuple(Feature(item.name, item.type) for item in self.features))

    def target_number(self, text: str) -> float | None:
        """The number that a text of the target means, in the training file's form or written plainly; None for none."""
        for form in filter(None, (self.target_form, PLAIN_FORM)):
            with suppress(ValueError):
                return form.read(text)
        return None

    def reserved_columns(self, row_id: str) -> tuple[str, ...]:
        """The names that predictions add beside the target's own, so that no input may use them.

        Args:
            row_id: what our ids are called there.
        """
        return (row_id, *self.prediction_columns[1:], self.actual_column, PREDICTION_DATE_COLUMN)

    def row_id_in(self, header: Collection[str]) -> str:
        """What our ids are called in the predictions of an input with this header: as in all others, if it is free."""
        return self.row_id if self.row_id not in header else row_id_column(header)


def row_id_column(header: Collection[str]) -> str:
    """What our ids are called beside these columns."""
    return OTHER_ID_COLUMN if ID_COLUMN in header else ID_COLUMN


def read_contract(bucket: Bucket, key: str) -> Contract:
    """The contract stored under `key`.

    Raises:
        ObjectMissing: there is none.
        DocumentMalformed: the object is no contract.
    """
    return bucket.read_as(key, Contract)
