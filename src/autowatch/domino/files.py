"""The files to register with Domino: their names there, and the files of a day that have no receipt yet."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.aws.objects import Bucket, DocumentMalformed
from autowatch.errors import AutowatchError
from autowatch.records.keys import (
    MANIFEST_ENDING,
    RECEIPTS_PREFIX,
    day_folder,
    manifest_key,
    predictions_key,
    receipt_key,
)

DatasetKind = Literal["predictions", "labels"]


_MOST_CHARACTERS_OF_THE_KEY = 80


_DIGITS = 16


@dataclass(frozen=True)
class Dataset:
    """One file to register.

    Attributes:
        kind: what the file holds.
        key: its key in the bucket.
        run: the run that scored its rows.
        version_id: the committed version of the object; None in a bucket without versions.
    """

    kind: DatasetKind
    key: str
    run: str
    version_id: str | None = None

    @property
    def name(self) -> str:
        """A name unique to this version of this object, and the same on every retry.

        The end of the key in ASCII letters, digits, `-` and `_`, and hexadecimal digits of the SHA-256 of key and
        version.
        """
        digest = hashlib.sha256(f"{self.key}\n{self.version_id or ''}".encode()).hexdigest()[:_DIGITS]
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", self.key.removesuffix(".csv"))
        return f"{readable[-_MOST_CHARACTERS_OF_THE_KEY:].strip('-')}-{digest}"


_LABELS = re.compile(r"/run=([^/]+)/([^/].*)\.csv")


_READ_AT_ONCE = 8


class PredictionsGone(AutowatchError):
    """The predictions file that a manifest names does not exist."""


@dataclass(frozen=True)
class NewFiles:
    """The keys of files without a receipt: `keys` exist; `gone` are named by a manifest but do not exist."""

    keys: list[str]
    gone: list[str]


@dataclass(frozen=True)
class FilesByDay:
    """The place of the files of one kind: under `<prefix>date=<day>/`."""

    kind: DatasetKind
    prefix: str


def list_new_files(bucket: Bucket, files: FilesByDay, day: str) -> NewFiles:
    """The day's files without a receipt: committed predictions, or labels."""
    folder = day_folder(files.prefix, day)
    there = {item["Key"] for item in bucket.list(folder)}
    if files.kind == "predictions":
        keys = {predictions_key(key) for key in there if key.endswith(MANIFEST_ENDING)}
    else:
        keys = {key for key in there if _LABELS.fullmatch(key, len(folder) - 1)}
    if not keys:
        return NewFiles([], [])
    receipts = {item["Key"] for item in bucket.list(f"{RECEIPTS_PREFIX}{folder}")}
    new = sorted(key for key in keys if receipt_key(key) not in receipts)
    return NewFiles([key for key in new if key in there], [key for key in new if key not in there])


def read_datasets(
    bucket: Bucket, files: FilesByDay, new: NewFiles
) -> tuple[list[Dataset], list[tuple[str, Exception]]]:
    """The files, oldest first; and the unusable files with their errors."""
    if files.kind == "labels":
        return [_labels(key) for key in sorted(new.keys, key=_labels_age)], []
    commits: list[tuple[str, Dataset]] = []
    failures: list[tuple[str, Exception]] = [(key, _gone(bucket, key)) for key in new.gone]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        readers = [(key, pool.submit(_read_commit, bucket, key)) for key in new.keys]
        for key, reader in readers:
            try:
                commits.append(reader.result())
            except (AutowatchError, ClientError, BotoCoreError) as error:
                failures.append((key, error))
    commits.sort(key=lambda commit: (commit[0], commit[1].key))
    return [dataset for _, dataset in commits], failures


def _gone(bucket: Bucket, key: str) -> PredictionsGone:
    return PredictionsGone(
        f"{bucket.url(key)} no longer exists, but its manifest does. Restore the file, or delete the manifest."
    )


@dataclass(frozen=True)
class _Commit:
    """The fields of a manifest that registration needs."""

    predictions_key: str
    run: str
    finished: str
    predictions_version_id: str | None = None


def _read_commit(bucket: Bucket, key: str) -> tuple[str, Dataset]:
    """When the predictions were finished, and the file to register."""
    where = manifest_key(key)
    manifest = bucket.read_as(where, _Commit)
    if manifest.predictions_key != key:
        raise DocumentMalformed(
            f"{bucket.url(where)} names another file. Restore an earlier version, or delete it."
        )
    return manifest.finished, Dataset("predictions", key, manifest.run, manifest.predictions_version_id)


def _labels(key: str) -> Dataset:
    match = _LABELS.search(key)
    return Dataset("labels", key, match[1] if match else "")


def _labels_age(key: str) -> tuple[str, str]:
    match = _LABELS.search(key)
    return (match[2] if match else "", key)
