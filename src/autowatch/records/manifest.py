"""The manifest of a predictions file: its commit, without which no reader considers the file.

Also: the pointers from the ids of scored rows to their predictions file.
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
    """An object that belongs to the commit, and its version (None in a bucket without versioning)."""

    key: str
    version_id: str | None


class RowCounts(msgspec.Struct, frozen=True, rename={"incoming": "in"}):
    """How many rows the input had, and how many were scored and rejected. A Struct: `in` is a Python keyword."""

    incoming: int
    scored: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a `.manifest.json` says of the files; `columns` is the input's header, empty in manifests that lack it.

    `variant` is the endpoint's production variant that answered; empty for Batch Transform. `committed_by` is the
    invocation or transform that committed. Its retries have the same name, so any of them that succeeds counts the file
    in the metrics. It is empty in manifests by earlier versions. `row_id` is the predictions' column of Autowatch's
    ids. `formulas_neutralised` says that the predictions contain no formulas; see `as_written`.

    The counts of the scored rows are left out: code that holds a whole day's manifests has no memory for them.
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
        """How a column name, key or label of the input is written in the predictions."""
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
        """The rows that could not be scored; None if there are none."""
        return WrittenObject(self.rejected_key, self.rejected_version_id) if self.rejected_key else None

    @property
    def written(self) -> tuple[WrittenObject, ...]:
        """The objects that the commit covers."""
        objects = (self.predictions, self.profile)
        return objects if self.rejected is None else (*objects, self.rejected)


@dataclass(frozen=True, kw_only=True)
class CountedManifest(Manifest):
    """A manifest as it is stored, with the counts; None in manifests by earlier versions, which have a profile only."""

    counts: Profile | None = None


def read_manifest(bucket: Bucket, key: str) -> Manifest:
    """The manifest under `key`.

    Raises:
        ObjectMissing: it does not exist.
        DocumentMalformed: the object is not a manifest.
    """
    return bucket.read_as(key, Manifest)


@dataclass(frozen=True)
class _Pointer:
    predictions_key: str


def write_pointer(bucket: Bucket, id_prefix: str, predictions_key: str) -> None:
    """Writes which predictions file contains the ids that begin with the 16 digits `id_prefix`.

    Every attempt to score the file writes the same content, so the write is idempotent.
    """
    bucket.write_json(pointer_key(id_prefix), _Pointer(predictions_key))


def read_pointer(bucket: Bucket, id_prefix: str) -> str | None:
    """The key of the predictions file with these ids, committed or not; None if there was never such a file."""
    try:
        return bucket.read_as(pointer_key(id_prefix), _Pointer).predictions_key
    except ObjectMissing:
        return None
