"""The files that a run trains on: a single file, or all files under a prefix, read as one."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.errors import AutowatchError
from autowatch.records.arrival import upload_time
from autowatch.records.keys import TRAINING_PREFIX


class NoTrainingFile(AutowatchError):
    """There is no training file."""


class InvalidTrainingKey(AutowatchError):
    """The key names neither a training file nor a prefix of training files."""


@dataclass(frozen=True)
class TrainingFiles:
    """What a run trains on.

    Attributes:
        files: the files in the order in which their rows are read.
        identity: the single file; or the prefix, with a digest of its files as ETag and their total size.
    """

    files: tuple[ObjectVersion, ...]
    identity: ObjectVersion


def find_training_files(bucket: Bucket, key: str | None) -> TrainingFiles:
    """The file `key`; if `key` ends with a slash, all files under it by ascending key; or the newest file.

    Args:
        bucket: the bucket that holds the files.
        key: `training/NAME.csv`, or a prefix such as `training/2026/`; None for the newest .csv under training/.

    Raises:
        InvalidTrainingKey: the key is not under training/, or is neither a .csv nor a prefix.
        NoTrainingFile: there is no such file.
    """
    if key is None:
        return _one_file(bucket, _newest_key(bucket))
    if key.startswith(TRAINING_PREFIX) and key.endswith("/"):
        return _files_below(bucket, key)
    if key.startswith(TRAINING_PREFIX) and key.endswith(".csv"):
        return _one_file(bucket, key)
    raise InvalidTrainingKey(
        f"{key} is not the key of training data. Upload one file as {TRAINING_PREFIX}NAME.csv and give that key, "
        f"or several files under {TRAINING_PREFIX}FOLDER/ and give that prefix with its slash."
    )


def _newest_key(bucket: Bucket) -> str:
    """By the time of upload; the listing's time is later for a file that was rewritten afterwards."""
    found = _list_files(bucket, TRAINING_PREFIX)
    newest = (datetime.min.replace(tzinfo=UTC), "")
    for item in sorted(found, key=lambda item: (item["LastModified"], item["Key"]), reverse=True):
        if newest[0] > item["LastModified"]:
            break
        newest = max(newest, (upload_time(bucket, item["Key"]) or item["LastModified"], item["Key"]))
    return newest[1]


def _files_below(bucket: Bucket, prefix: str) -> TrainingFiles:
    keys = sorted(item["Key"] for item in _list_files(bucket, prefix))
    files = tuple(_head(bucket, key) for key in keys)
    digest = hashlib.sha256(
        json.dumps([(file.key, file.etag) for file in files], allow_nan=False).encode()
    ).hexdigest()[:32]
    return TrainingFiles(files, ObjectVersion(prefix, None, digest, sum(file.size for file in files)))


def _list_files(bucket: Bucket, prefix: str) -> list[Any]:
    found = [item for item in bucket.list(prefix) if item["Key"].endswith(".csv")]
    if not found:
        raise NoTrainingFile(
            f"There is no .csv under {bucket.url(prefix)}. Upload labelled rows there, then start again."
        )
    return found


def _one_file(bucket: Bucket, key: str) -> TrainingFiles:
    file = _head(bucket, key)
    return TrainingFiles((file,), file)


def _head(bucket: Bucket, key: str) -> ObjectVersion:
    try:
        return bucket.version(key)
    except ObjectMissing as error:
        raise NoTrainingFile(f"{error} Upload it, then start again.") from error
