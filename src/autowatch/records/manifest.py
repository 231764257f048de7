"""The manifest of a predictions file: the commit, without which the file does not exist for anyone downstream.

The pointers from the ids of scored rows to the predictions files that they are in.
"""

import json
from dataclasses import dataclass
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.errors import AutowatchError
from autowatch.records.keys import pointer_key
from autowatch.tabular.profile import Profile

MANIFEST_VERSION = 1


class PredictionsMissing(AutowatchError):
    """A manifest names predictions that are gone."""


class ManifestUnusable(AutowatchError):
    """A manifest is not of the form that manifests have."""


@dataclass(frozen=True)
class WrittenObject:
    """An object that belongs to the commit, and which version of it does (None in a bucket without versions)."""

    key: str
    version_id: str | None


@dataclass(frozen=True)
class Manifest:
    """What a `.manifest.json` says of the files; `columns` are those of the input's header, empty where it lacks them.

    `variant` is the endpoint's production variant that answered, empty where Batch Transform did. `committed_by` is the
    invocation, or the transform, that committed: its retries bear the same name, and whichever of them gets through
    counts the file in the metrics. Empty in manifests of earlier versions.

    The counts of the scored rows are not part of it: code that holds the manifests of a whole day has no
    memory for them.
    """

    input: ObjectVersion
    predictions: WrittenObject
    profile: WrittenObject
    rejected: WrittenObject | None
    rows_in: int
    rows_scored: int
    rows_rejected: int
    run: str
    model_name: str
    endpoint_name: str
    endpoint_config: str
    prediction_date: str
    started: str
    finished: str
    versions: dict[str, str]
    columns: tuple[str, ...] = ()
    variant: str = ""
    committed_by: str = ""

    @property
    def written(self) -> tuple[WrittenObject, ...]:
        """The objects that the commit is about."""
        objects = (self.predictions, self.profile)
        return objects if self.rejected is None else (*objects, self.rejected)

    def to_json(self) -> dict[str, Any]:
        """The document for `.manifest.json`, without the counts: see `manifest_document`."""
        rejected = self.rejected or WrittenObject("", None)
        return {
            "manifest_version": MANIFEST_VERSION,
            "input": self.input.to_json(),
            "predictions_key": self.predictions.key,
            "predictions_version_id": self.predictions.version_id,
            "profile_key": self.profile.key,
            "profile_version_id": self.profile.version_id,
            "rejected_key": rejected.key or None,
            "rejected_version_id": rejected.version_id,
            "rows": {"in": self.rows_in, "scored": self.rows_scored, "rejected": self.rows_rejected},
            "run": self.run,
            "model_name": self.model_name,
            "endpoint_name": self.endpoint_name,
            "endpoint_config": self.endpoint_config,
            "variant": self.variant,
            "committed_by": self.committed_by,
            "prediction_date": self.prediction_date,
            "started": self.started,
            "finished": self.finished,
            "columns": list(self.columns),
            "versions": self.versions,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Manifest":
        """The inverse of `to_json`."""
        return cls(
            input=ObjectVersion.from_json(document["input"]),
            predictions=WrittenObject(document["predictions_key"], document["predictions_version_id"]),
            profile=WrittenObject(document["profile_key"], document["profile_version_id"]),
            rejected=(
                WrittenObject(document["rejected_key"], document["rejected_version_id"])
                if document["rejected_key"]
                else None
            ),
            rows_in=document["rows"]["in"],
            rows_scored=document["rows"]["scored"],
            rows_rejected=document["rows"]["rejected"],
            columns=tuple(document.get("columns", ())),
            variant=document.get("variant", ""),
            committed_by=document.get("committed_by", ""),
            **{
                name: document[name]
                for name in (
                    "run",
                    "model_name",
                    "endpoint_name",
                    "endpoint_config",
                    "prediction_date",
                    "started",
                    "finished",
                    "versions",
                )
            },
        )


def manifest_document(manifest: Manifest, counts: Profile) -> dict[str, Any]:
    """The document for `.manifest.json`: what people look for first, the counts last."""
    return manifest.to_json() | {"counts": counts.to_json()}


def counts_from_json(document: dict[str, Any]) -> Profile | None:
    """The counts of the scored rows; None in a manifest without them, whose profile's object has them alone."""
    counts = document.get("counts")
    return None if counts is None else Profile.from_json(counts)


def read_manifest(bucket: Bucket, key: str) -> Manifest:
    """The manifest under `key`.

    Raises:
        ObjectMissing: there is none.
        ManifestUnusable: the object is not a manifest.
    """
    return manifest_from_bytes(bucket.read(key)[0], bucket, key)


def manifest_from_bytes(content: bytes, bucket: Bucket, key: str) -> Manifest:
    """The manifest that was read from `key`.

    Raises:
        ManifestUnusable: it is not a manifest.
    """
    try:
        return Manifest.from_json(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestUnusable(
            f"{bucket.url(key)} is no manifest ({type(error).__name__}). Restore its earlier version, or remove it."
        ) from error


def write_pointer(bucket: Bucket, id_prefix: str, predictions_key: str) -> None:
    """Says which predictions file the ids are in that begin with the 16 digits `id_prefix`.

    Every run that scores the file writes the same content, so it may be written any number of times.
    """
    bucket.write_json(pointer_key(id_prefix), {"predictions_key": predictions_key})


def read_pointer(bucket: Bucket, id_prefix: str) -> str | None:
    """The key of the predictions file with these ids, which may not be committed; None if there never was one."""
    try:
        key: str = bucket.read_json(pointer_key(id_prefix))["predictions_key"]
    except ObjectMissing:
        return None
    return key
