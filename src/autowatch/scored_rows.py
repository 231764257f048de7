"""The rows that were scored: read from what the manifests name, and added up."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError
from autowatch.manifest import Manifest, WrittenObject
from autowatch.objects import read_json
from autowatch.profile import Baseline, Profile, ProfileBuilder, total

# Reading waits on S3 more than on the processor; a client needs as many connections.
READERS = 16

_MANIFEST_ENDING = ".manifest.json"
_ABSENT = ("NoSuchKey", "NoSuchVersion")


class UnusableObject(AutowatchError):
    """A manifest or a profile does not hold what it should."""


class ProfileMissing(AutowatchError):
    """A manifest names a profile that is not there."""


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one model as a profile, and those of other models as counts."""

    profile: Profile
    files: int
    other_files: int
    other_rows: int


def manifest_keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """The keys of the manifests under a prefix, in their order."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if item["Key"].endswith(_MANIFEST_ENDING):
                yield item["Key"]


def read_scored_rows(s3: Any, bucket: str, keys: list[str], baseline: Baseline) -> ScoredRows:
    """Adds up what the manifests under `keys` name; only what a manifest names exists.

    Raises:
        ProfileMissing: a profile that a manifest names is gone.
        UnusableObject: a manifest or its profile was not written by scoring, or was changed since.
        ProfilesDiffer: a profile does not have the bins that its run's baseline has.
    """

    def read(key: str) -> tuple[Manifest, Profile | None]:
        try:
            manifest = Manifest.from_json(read_json(s3, bucket, key))
            profile = _read_profile(s3, bucket, manifest.profile) if manifest.run == baseline.run else None
        except (KeyError, TypeError, ValueError) as error:
            raise UnusableObject(
                f"s3://{bucket}/{key} or its profile cannot be read ({type(error).__name__}). "
                "Restore an earlier version, or remove the manifest and upload the input file again."
            ) from error
        return manifest, profile

    other_files = other_rows = 0

    def champions(results: Iterator[tuple[Manifest, Profile | None]]) -> Iterator[Profile]:
        nonlocal other_files, other_rows
        for manifest, profile in results:
            if profile is None:
                other_files += 1
                other_rows += manifest.rows_scored
            else:
                yield profile

    nothing = ProfileBuilder(baseline).build()
    with ThreadPoolExecutor(READERS) as readers:
        profile = total(chain([nothing], champions(readers.map(read, keys))))
    return ScoredRows(profile, len(keys) - other_files, other_files, other_rows)


def _read_profile(s3: Any, bucket: str, written: WrittenObject) -> Profile:
    version = {"VersionId": written.version_id} if written.version_id else {}
    try:
        answer = s3.get_object(Bucket=bucket, Key=written.key, **version)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ABSENT:
            raise
        raise ProfileMissing(
            f"s3://{bucket}/{written.key} is gone although its manifest is there. Restore it, or remove the manifest."
        ) from error
    return Profile.from_json(json.loads(answer["Body"].read()))
