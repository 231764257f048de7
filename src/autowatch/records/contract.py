"""The contract of a model: which columns it was trained on, and what it predicts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.holdout import HoldoutRule
from autowatch.records.threshold import DecisionThreshold
from autowatch.tabular.cells import PLAIN_FORM, FeatureType, NumberForm

ID_COLUMN = "id"


PREDICTION_DATE_COLUMN = "prediction_date"


@dataclass(frozen=True)
class Feature:
    """One column that the model is given; `form` is how the cells of a numeric one write numbers."""

    name: str
    type: FeatureType
    form: NumberForm = PLAIN_FORM

    def to_json(self) -> dict[str, Any]:
        """One of the contract's `features`."""
        form = {} if self.form.is_plain else {"form": self.form.to_json()}
        return {"name": self.name, "type": self.type, **form}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Feature":
        """The inverse of `to_json`."""
        return cls(document["name"], document["type"], NumberForm.from_json(document.get("form")))


PositiveLabelFrom = Literal["parameter", "champion", "rarer"]
"""Who chose the positive label: the parameter, the champion of that time, or the counts of the training file."""


@dataclass(frozen=True)
class Contract:
    """What `models/<run>/contract.json` holds; the features stand in the model's order.

    `positive_label_from` and `holdout` are None in the contracts of versions that did not record them.
    `decision_threshold` is set by the gate; it is None where the label is the model's own. `id_column` is the user's
    key, empty where there is none.
    """

    run: str
    target: str
    labels: tuple[str, ...]
    positive_label: str
    features: tuple[Feature, ...]
    dropped_columns: tuple[str, ...]
    rows: int
    profile_version: int
    training: ObjectVersion
    positive_label_from: PositiveLabelFrom | None = None
    decision_threshold: DecisionThreshold | None = None
    id_column: str = ""
    holdout: HoldoutRule | None = None

    @property
    def probability_column(self) -> str:
        """The output column with P(positive label)."""
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
        return replace(self, features=tuple(replace(item, form=PLAIN_FORM) for item in self.features))

    def to_json(self) -> dict[str, Any]:
        """The document for `contract.json`."""
        return {
            "run": self.run,
            "target": self.target,
            "labels": list(self.labels),
            "positive_label": self.positive_label,
            "positive_label_from": self.positive_label_from,
            "decision_threshold": self.decision_threshold and asdict(self.decision_threshold),
            "features": [feature.to_json() for feature in self.features],
            "dropped_columns": list(self.dropped_columns),
            "rows": self.rows,
            "profile_version": self.profile_version,
            "training": self.training.to_json(),
            "id_column": self.id_column,
            "holdout": self.holdout and self.holdout.to_json(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Contract":
        """The inverse of `to_json`."""
        return cls(
            run=document["run"],
            target=document["target"],
            labels=tuple(document["labels"]),
            positive_label=document["positive_label"],
            features=tuple(map(Feature.from_json, document["features"])),
            dropped_columns=tuple(document["dropped_columns"]),
            rows=document["rows"],
            profile_version=document["profile_version"],
            training=ObjectVersion.from_json(document["training"]),
            positive_label_from=document.get("positive_label_from"),
            id_column=document.get("id_column", ""),
            holdout=HoldoutRule.from_json(document.get("holdout")),
            decision_threshold=DecisionThreshold.from_json(document.get("decision_threshold")),
        )


def reserved_columns(target: str) -> tuple[str, ...]:
    """The names that predictions files add, so that no input or training file may use them."""
    return (ID_COLUMN, f"{target}_probability", f"{target}_actual", PREDICTION_DATE_COLUMN)


def read_contract(bucket: Bucket, key: str) -> Contract:
    """The contract stored under `key`.

    Raises:
        ObjectMissing: there is none.
    """
    return Contract.from_json(bucket.read_json(key))
