"""The manifest of a predictions file: the commit, without which the file does not exist for anyone downstream.

The pointers from the ids of scored rows to the predictions files that they are in.
"""

from dataclasses import dataclass

import msgspec

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.errors import AutowatchError
from autowatch.records.contract import ID_COLUMN
from autowatch.records.keys import pointer_key
from autowatch.tabular.csv_lines import no_formula
from autowatch.tabular.profile import Profile

MANIFEST_VERSION = 1


class PredictionsMissing(AutowatchError):
    """A manifest names predictions that are gone."""


@dataclass(frozen=True)
class WrittenObject:
    """An object that belongs to the commit, and which version of it does (None in a bucket without versions)."""

    key: str
    version_id: str | None


class RowCounts(msgspec.Struct, frozen=True, rename={"incoming": "in"}):
    """How many rows the input had, and what became of them; `in` is no name in Python, so this is a Struct."""

    incoming: int
    scored: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a `.manifest.json` says of the files; `columns` are those of the input's header, empty where it lacks them.

    `variant` is the endpoint's production variant that answered, empty where Batch Transform did. `committed_by` is the
    invocation, or the transform, that committed: its retries bear the same name, and whichever of them gets through
    counts the file in the metrics. Empty in manifests of earlier versions. `row_id` is the column of the predictions
    with our ids. `formulas_neutralised` says that the predictions hold no formulas: `as_written`.

    The counts of the scored rows are not part of it: code that holds the manifests of a whole day has no
    memory for them.
    """

    manifest_version: int = MANIFEST_VERSION
    input: ObjectVersion
    predictions_key: str
    predictions_version_id: str | None
    profile_key: str
    profile_version_id: str | None
    rejected_key: str | None = None
    rejected_version_id: str | None = None
    rows: RowCounts
    run: str
    model_name: str
    endpoint_name: str
    endpoint_config: str
    variant: str = ""
    committed_by: str = ""
    prediction_date: str
    started: str
    finished: str
    columns: tuple[str, ...] = ()
    row_id: str = ID_COLUMN
    formulas_neutralised: bool = False
    versions: dict[str, str]

    def as_written(self, text: str) -> str:
        """How a name, a key or a label of the input stands in the predictions."""
        return no_formula(text) if self.formulas_neutralised else text

    @property
    def predictions(self) -> WrittenObject:
        """The scored rows."""
        return WrittenObject(self.predictions_key, self.predictions_version_id)

    @property
    def profile(self) -> WrittenObject:
        """The object with the counts of the scored rows."""
        return WrittenObject(self.profile_key, self.profile_version_id)

    @property
    def rejected(self) -> WrittenObject | None:
        """The rows that could not be scored; None where every row was."""
        return WrittenObject(self.rejected_key, self.rejected_version_id) if self.rejected_key else None

    @property
    def written(self) -> tuple[WrittenObject, ...]:
        """The objects that the commit is about."""
        objects = (self.predictions, self.profile)
        return objects if self.rejected is None else (*objects, self.rejected)


@dataclass(frozen=True, kw_only=True)
class CountedManifest(Manifest):
    """A manifest as it is written, with the counts: None in an old one, whose profile has them alone."""

    counts: Profile | None = None


def read_manifest(bucket: Bucket, key: str) -> Manifest:
    """The manifest under `key`.

    Raises:
        ObjectMissing: there is none.
        DocumentMalformed: the object is not a manifest.
    """
    return bucket.read_as(key, Manifest)


@dataclass(frozen=True)
class _Pointer:
    predictions_key: str


def write_pointer(bucket: Bucket, id_prefix: str, predictions_key: str) -> None:
    """Says which predictions file the ids are in that begin with the 16 digits `id_prefix`.

    Every run that scores the file writes the same content, so it may be written any number of times.
    """
    bucket.write_json(pointer_key(id_prefix), _Pointer(predictions_key))


def read_pointer(bucket: Bucket, id_prefix: str) -> str | None:
    """The key of the predictions file with these ids, which may not be committed; None if there never was one."""
    try:
        return bucket.read_as(pointer_key(id_prefix), _Pointer).predictions_key
    except ObjectMissing:
        return None
