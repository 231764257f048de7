"""Autopilot's explanation of a model: SageMaker Clarify's analysis of the best candidate."""

import math
from dataclasses import dataclass
from itertools import islice

from autowatch.aws.objects import Bucket, DocumentMalformed, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.contract import Contract
from autowatch.records.importance import ColumnImportance, ModelImportance, ranked, share_of
from autowatch.records.keys import autopilot_folder, leaderboard_key
from autowatch.training.autopilot import Leaderboard

_ARTEFACT = "Explainability"
_FILE = "analysis.json"

_MOST_OBJECTS = 1_000
"""The most objects listed: Clarify writes the analysis, a report, a notebook and a few tables."""


_LARGEST = 8 * 1024 * 1024
"""Bytes: enough for 5,000 columns with the longest names for each of ten labels."""


class NotExplained(AutowatchError):
    """Autopilot did not explain the model, or its explanation does not fit the columns; the message says which."""


@dataclass(frozen=True)
class _Label:
    global_shap_values: dict[str, float]


@dataclass(frozen=True)
class _Explanations:
    kernel_shap: dict[str, _Label]


@dataclass(frozen=True)
class _Analysis:
    """The part of Clarify's `analysis.json` that is read here.

    For each label (a single one for two labels and for numbers), it holds the mean absolute SHAP value of each of the
    job's columns before encoding.
    """

    explanations: _Explanations


def read_explanation(bucket: Bucket, contract: Contract) -> ModelImportance:
    """The importance of the columns in the model of the contract's run, according to Autopilot.

    Raises:
        NotExplained: there is no explanation, or it names other columns.
    """
    analysis = _read_analysis(bucket, contract.run)
    values = {feature.name: 0.0 for feature in contract.features}
    for label in analysis.explanations.kernel_shap.values():
        for name, value in label.global_shap_values.items():
            if name not in values:
                raise NotExplained("Autopilot's explanation names columns that the model was not given.")
            values[name] += abs(value)
    if not 0 < sum(values.values()) < math.inf:
        raise NotExplained("The weights in Autopilot's explanation are all zero, or their sum is infinite.")
    columns = (
        ColumnImportance(name, value, share_of(value, values.values())) for name, value in values.items()
    )
    return ModelImportance(contract.run, "autopilot", ranked(columns))


def _read_analysis(bucket: Bucket, run: str) -> _Analysis:
    """The analysis that the leaderboard names, if it is in the folder of this run's job."""
    try:
        place = bucket.read_as(leaderboard_key(run), Leaderboard).artefacts.get(_ARTEFACT)
    except (ObjectMissing, DocumentMalformed) as error:
        raise NotExplained(f"The leaderboard cannot be read: {error}") from error
    if not place:
        raise NotExplained("Autopilot did not explain its best candidate.")
    if not place.startswith(f"{bucket.url(autopilot_folder(run))}/"):
        raise NotExplained("Autopilot's explanation is outside the folder of the run's job.")
    prefix = place.removeprefix(bucket.url("")).rstrip("/")
    found = islice(bucket.list(f"{prefix}/"), _MOST_OBJECTS)
    analyses = [each for each in found if each["Key"].endswith(f"/{_FILE}")]
    if not analyses:
        raise NotExplained(f"There is no {_FILE} under {place}.")
    if analyses[0]["Size"] > _LARGEST:
        raise NotExplained(
            f"Autopilot's {_FILE} has {analyses[0]['Size']:,} bytes, more than the {_LARGEST:,} allowed."
        )
    try:
        return bucket.read_as(analyses[0]["Key"], _Analysis)
    except (ObjectMissing, DocumentMalformed, RecursionError) as error:
        raise NotExplained(f"Autopilot's {_FILE} has an unknown form.") from error
