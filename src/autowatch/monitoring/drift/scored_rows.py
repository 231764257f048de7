"""The counts of scored rows, read from the manifests and summed for each run."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from autowatch.aws.bulk import read_many
from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.monitoring.drift.baselines import Baselines, BaselineUnusable
from autowatch.records.manifest import CountedManifest, Manifest, PredictionsMissing, WrittenObject
from autowatch.tabular.profile import CsvProfile, Profile, ProfilesDiffer, ProfileSum

_LOGGER = logging.getLogger(__name__)

_READERS = 16
# The most profiles in memory that are not yet added up.
_READ_AHEAD = 256
# Limits the size of a report when files have many columns that the model does not use.
_MOST_COLUMNS = 1000
# The most column names kept of a day's files.
_MOST_NAMES = 100_000


ProfileCsv = Callable[[ObjectVersion, str], CsvProfile]
"""Counts the rows of a CSV in the bucket on the bins of a run."""


@dataclass(frozen=True)
class RunRows:
    """The rows that one run scored; if `profile` is None, `error` says why they cannot be judged."""

    run: str
    files: int
    rows: int
    profile: Profile | None
    error: str | None

    def joined_with(self, others: Sequence["RunRows"]) -> "RunRows":
        """The sum of these rows and the same run's rows of other days."""
        sums = ProfileSum(self.run)
        for each in (self, *others):
            if each.profile is None:
                return replace(self, profile=None, error=each.error)
            sums.add(each.profile)
        return replace(self, profile=sums.build())


@dataclass(frozen=True)
class ScoredRows:
    """All rows of some manifests, newest run first.

    `columns` are all names in the headers of the input files, None if a manifest does not record them. `inputs` are the
    input files.
    """

    runs: tuple[RunRows, ...]
    rejected_rows: int
    columns: frozenset[str] | None
    inputs: tuple[ObjectVersion, ...] = ()

    def of(self, run: str) -> RunRows | None:
        """The rows of one run."""
        return next((rows for rows in self.runs if rows.run == run), None)

    def columns_beside(self, known: Collection[str]) -> list[str] | None:
        """The first 1,000 column names of the files that are not `known`; None if the files' columns are unknown."""
        if self.columns is None or not known:
            return None
        return sorted(self.columns.difference(known))[:_MOST_COLUMNS]


def read_scored_rows(
    bucket: Bucket, keys: Sequence[str], baselines: Baselines, profile_csv: ProfileCsv
) -> ScoredRows:
    """Adds up the counts of the manifests under `keys`.

    A manifest without counts names a profile that has them. If the profile is gone, the rows of the predictions file
    are counted again.

    Raises:
        ObjectMissing: a manifest is gone.
        PredictionsMissing: both the predictions and their profile are gone.
        DocumentMalformed: a manifest or a profile is malformed.
    """
    sums = _Sums()
    without_counts: list[Manifest] = []

    def add(key: str, content: bytes) -> None:
        manifest = bucket.decode(content, CountedManifest, key)
        counts = manifest.counts
        if counts is None:
            without_counts.append(manifest)
        else:
            sums.add(manifest, lambda: counts)

    read_many(bucket, keys, add)
    for manifest, profile in _read_profiles(bucket, without_counts):
        sums.add(manifest, partial(_profile, bucket, baselines, profile_csv, manifest, profile))
    return sums.build(columns_are_known=bool(keys))


class _Sums:
    """The running sums of some manifests."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._rejected_rows = 0
        self._columns: set[str] = set()
        self._columns_are_known = True
        self._inputs: list[ObjectVersion] = []

    def add(self, manifest: Manifest, counts: Callable[[], Profile]) -> None:
        self._runs.setdefault(manifest.run, _Run(manifest.run)).add(manifest, counts)
        self._rejected_rows += manifest.rows.rejected
        self._inputs.append(manifest.input)
        if len(self._columns) < _MOST_NAMES:
            self._columns.update(manifest.columns)
        self._columns_are_known &= bool(manifest.columns)

    def build(self, *, columns_are_known: bool) -> ScoredRows:
        newest_first = sorted(self._runs.values(), key=lambda run: run.name, reverse=True)
        return ScoredRows(
            tuple(run.build() for run in newest_first),
            self._rejected_rows,
            frozenset(self._columns) if columns_are_known and self._columns_are_known else None,
            tuple(self._inputs),
        )


class _Run:
    """The running sums of one run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._files = self._rows = 0
        self._sum = ProfileSum(name)
        self._error: str | None = None

    def add(self, manifest: Manifest, counts: Callable[[], Profile]) -> None:
        self._files += 1
        self._rows += manifest.rows.scored
        if self._error is not None:
            return
        try:
            self._sum.add(counts())
        except (BaselineUnusable, ProfilesDiffer) as error:
            self._error = str(error)

    def build(self) -> RunRows:
        profile = None if self._error else self._sum.build()
        return RunRows(self.name, self._files, self._rows, profile, self._error)


def _read_profiles(
    bucket: Bucket, manifests: Sequence[Manifest]
) -> Iterator[tuple[Manifest, Profile | None]]:
    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(manifests), _READ_AHEAD):
            some = manifests[start : start + _READ_AHEAD]
            profiles = readers.map(lambda manifest: _read_profile(bucket, manifest.profile), some)
            yield from zip(some, profiles, strict=True)


def _read_profile(bucket: Bucket, written: WrittenObject) -> Profile | None:
    try:
        content, _ = bucket.read(written.key, written.version_id)
    except ObjectMissing:
        return None
    return bucket.decode(content, Profile, written.key)


def _profile(
    bucket: Bucket,
    baselines: Baselines,
    profile_csv: ProfileCsv,
    manifest: Manifest,
    profile: Profile | None,
) -> Profile:
    """The profile; if it is gone, the rows are counted again."""
    if profile is not None:
        return profile
    baselines.of(manifest.run)  # Raises BaselineUnusable if there are no bins to count on.
    written = manifest.predictions
    _LOGGER.warning("a profile is gone; the predictions are counted", extra={"key": manifest.profile.key})
    try:
        file = bucket.version(written.key, written.version_id)
    except ObjectMissing as error:
        raise PredictionsMissing(
            f"{bucket.url(written.key)} and its profile are gone although their manifest exists. Restore one of "
            "them, or remove the manifest."
        ) from error
    return profile_csv(file, manifest.run).profile
