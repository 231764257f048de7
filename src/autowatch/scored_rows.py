"""The rows that were scored: their counts, read from the manifests and added up by the run that scored them."""

import json
import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from autowatch.baselines import Baselines, BaselineUnusable
from autowatch.errors import AutowatchError
from autowatch.manifest import Manifest, WrittenObject, counts_from_json
from autowatch.objects import ObjectMissing, get_object, read_json
from autowatch.profile import Profile, ProfilesDiffer
from autowatch.profile_sum import ProfileSum
from autowatch.raw_profile import profile_csv

_LOGGER = logging.getLogger(__name__)

# Reading waits on S3 more than on the processor; a client needs as many connections.
READERS = 16

# Profiles that are read and not yet added up stay within this many.
_READ_AHEAD = 256

# A report must not grow with whatever somebody puts beside the model's columns.
_MOST_COLUMNS = 1000


class UnusableObject(AutowatchError):
    """A manifest or a profile does not hold what it should."""


class PredictionsMissing(AutowatchError):
    """A manifest names a profile and a predictions file, and neither is there."""


@dataclass(frozen=True)
class RunRows:
    """The rows that one run scored; the profile is None where `error` says why there is none to judge."""

    run: str
    files: int
    rows: int
    profile: Profile | None
    error: str | None


@dataclass(frozen=True)
class ScoredRows:
    """All rows of some manifests, the newest run's first.

    `columns` are all names in the headers of the input files, None where a manifest does not tell them.
    """

    runs: tuple[RunRows, ...]
    rejected_rows: int
    columns: frozenset[str] | None

    def columns_beside(self, known: Collection[str]) -> list[str] | None:
        """The first 1,000 names that are not among the `known` ones; None where it is not known what the files had."""
        if self.columns is None or not known:
            return None
        return sorted(self.columns.difference(known))[:_MOST_COLUMNS]


def read_scored_rows(s3: Any, bucket: str, keys: Sequence[str], baselines: Baselines) -> ScoredRows:
    """Adds up the counts of the manifests under `keys`; only what a manifest speaks of exists.

    A manifest without counts names a profile that has them. Where that is gone, the rows of its predictions file are
    counted anew.

    Raises:
        PredictionsMissing: they are gone as well.
        UnusableObject: a manifest or its profile was not written by scoring, or was changed since.
    """

    def read(key: str) -> tuple[Manifest, Profile | None]:
        try:
            document = read_json(s3, bucket, key)
            manifest = Manifest.from_json(document)
            return manifest, counts_from_json(document) or _read_profile(s3, bucket, manifest.profile)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnusableObject(
                f"s3://{bucket}/{key} or its profile cannot be read ({type(error).__name__}). "
                "Restore an earlier version, or remove the manifest and upload the input file again."
            ) from error

    runs: dict[str, _Run] = {}
    rejected_rows = 0
    columns: set[str] | None = set() if keys else None
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(keys), _READ_AHEAD):
            for manifest, profile in readers.map(read, keys[start : start + _READ_AHEAD]):
                runs.setdefault(manifest.run, _Run(manifest.run)).add(
                    s3, bucket, baselines, manifest, profile
                )
                rejected_rows += manifest.rows_rejected
                columns = (
                    columns.union(manifest.columns) if columns is not None and manifest.columns else None
                )
    newest_first = sorted(runs.values(), key=lambda run: run.name, reverse=True)
    return ScoredRows(
        tuple(run.build() for run in newest_first),
        rejected_rows,
        None if columns is None else frozenset(columns),
    )


class _Run:
    """The rows of one run while they are added up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._files = self._rows = 0
        self._sum = ProfileSum(name)
        self._error: str | None = None

    def add(
        self, s3: Any, bucket: str, baselines: Baselines, manifest: Manifest, profile: Profile | None
    ) -> None:
        self._files += 1
        self._rows += manifest.rows_scored
        if self._error is not None:
            return
        try:
            self._sum.add(profile or _count_anew(s3, bucket, manifest, baselines))
        except (BaselineUnusable, ProfilesDiffer) as error:
            self._error = str(error)

    def build(self) -> RunRows:
        profile = None if self._error else self._sum.build()
        return RunRows(self.name, self._files, self._rows, profile, self._error)


def _read_profile(s3: Any, bucket: str, written: WrittenObject) -> Profile | None:
    try:
        answer = get_object(s3, bucket, written.key, written.version_id)
    except ObjectMissing:
        return None
    return Profile.from_json(json.loads(answer["Body"].read()))


def _count_anew(s3: Any, bucket: str, manifest: Manifest, baselines: Baselines) -> Profile:
    baseline = baselines.of(manifest.run)
    written = manifest.predictions
    _LOGGER.warning("a profile is gone; the predictions are counted", extra={"key": manifest.profile.key})
    try:
        answer = get_object(s3, bucket, written.key, written.version_id)
    except ObjectMissing as error:
        raise PredictionsMissing(
            f"s3://{bucket}/{written.key} and its profile are gone although their manifest is there. Restore one of "
            "them, or remove the manifest."
        ) from error
    return profile_csv(answer["Body"], baseline).profile
