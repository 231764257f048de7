"""The record of a run's model: the containers to create it again, and the digests of its artefacts.

The gate judges the artefacts as they are when the challenger is staged. If an artefact were replaced afterwards, the
released model would not be the one that passed.
"""

import hashlib
import logging
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import ResumedBody
from autowatch.errors import AutowatchError
from autowatch.records.keys import MODELS_PREFIX, model_record_key

_CHUNK_BYTES = 1024 * 1024

_LOGGER = logging.getLogger(__name__)


class ArtefactChanged(AutowatchError):
    """An artefact of the model was replaced since the run's gate judged it."""


@dataclass(frozen=True)
class Artefact:
    """The file behind one container's `ModelDataUrl`, as it was when the challenger was staged.

    Attributes:
        sha256: in hexadecimal; None if the stack may not read the file.
        version_id: of the object; None in a bucket without versions.
        skipped: why there is no digest; otherwise empty.
    """

    url: str
    sha256: str | None = None
    version_id: str | None = None
    skipped: str = ""


@dataclass(frozen=True)
class ModelRecord:
    """`models/<run>/model.json`: the containers in CreateModel's form; `artefacts` is None in old records."""

    run: str
    containers: list[dict[str, Any]]
    artefacts: list[Artefact] | None = None


def keep_model_record(bucket: Bucket, run: str, containers: list[dict[str, Any]]) -> None:
    """Records the containers and the digests of their artefacts.

    An existing record of the same containers stays unchanged: a retried state must not take the digest of an artefact
    that was replaced in between.

    Raises:
        ObjectMissing: an artefact does not exist.
    """
    try:
        if read_model_record(bucket, run).containers == containers:
            return
    except ObjectMissing:
        pass
    urls = [container["ModelDataUrl"] for container in containers if "ModelDataUrl" in container]
    record = ModelRecord(run, containers, [_measure(bucket, url) for url in urls])
    bucket.write_json(model_record_key(run), record)


def read_model_record(bucket: Bucket, run: str) -> ModelRecord:
    """The record of the run's model.

    Raises:
        ObjectMissing: the run has no model yet.
        DocumentMalformed: the record cannot be read.
    """
    return bucket.read_as(model_record_key(run), ModelRecord)


def check_artefacts(bucket: Bucket, run: str) -> None:
    """Compares the artefacts of the run's model with their digests; one without a digest passes with a warning.

    Raises:
        ArtefactChanged: an artefact has another digest.
        ObjectMissing: an artefact was deleted, or the run has no record of its model.
        DocumentMalformed: the record cannot be read.
    """
    artefacts = read_model_record(bucket, run).artefacts
    if artefacts is None:
        _LOGGER.warning("the run was staged by a version without digests; not compared", extra={"run": run})
    for artefact in artefacts or ():
        if artefact.sha256 is None:
            _LOGGER.warning("an artefact is not compared", extra={"run": run, "reason": artefact.skipped})
            continue
        found = _measure(bucket, artefact.url)
        if found.sha256 != artefact.sha256:
            version = artefact.version_id or "that had this digest"
            raise ArtefactChanged(
                f"{artefact.url} is not what the gate of run {run} judged: its SHA-256 is {found.sha256} and was "
                f"{artefact.sha256}. Its model is not released. Find out who wrote the object; then restore its "
                f"version {version} and start again, or train a new model."
            )


def _measure(bucket: Bucket, url: str) -> Artefact:
    """The digest of the object as SageMaker would read it now, in pieces of 1 MiB."""
    place, _, key = url.removeprefix("s3://").partition("/")
    if place != bucket.name or not key.startswith(MODELS_PREFIX):
        return Artefact(url, skipped="It is outside models/ of the stack's bucket.")
    newest, digest = bucket.version(key), hashlib.sha256()
    # By its ETag: reading by version needs a permission that the training machine does not need otherwise.
    with closing(ResumedBody(bucket, replace(newest, version_id=None))) as body:
        while chunk := body.read(_CHUNK_BYTES):
            digest.update(chunk)
    return Artefact(url, digest.hexdigest(), newest.version_id)
