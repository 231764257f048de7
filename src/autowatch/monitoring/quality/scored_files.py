"""Finds the committed predictions files that ids belong to."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from autowatch.aws.bulk import read_many
from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.contract import Contract, read_contract
from autowatch.records.keys import contract_key, manifest_key
from autowatch.records.manifest import Manifest, read_manifest, read_pointer

READERS = 16
"""Threads. Reading mostly waits for S3; the client needs as many connections."""


@dataclass(frozen=True)
class ScoredFile:
    """A predictions file, reduced to what labels need.

    Attributes:
        id_prefix: the prefix of its rows' ids.
        day: the UTC date of its folder, as `YYYY-MM-DD`.
        rows: the number of rows in its input; ids are numbered from 1.
        contract: of the model that made the predictions.
    """

    id_prefix: str
    day: str
    rows: int
    contract: Contract


class ScoredFiles:
    """Finds predictions files by id prefix; each prefix is looked up once."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._found: dict[str, ScoredFile | None] = {}
        self._contracts: dict[str, Contract] = {}

    def __len__(self) -> int:
        """The number of prefixes that have been looked up."""
        return len(self._found)

    def __getitem__(self, id_prefix: str) -> ScoredFile | None:
        """The committed file with this prefix; None if there is none. Call `look_for` with the prefix first."""
        return self._found[id_prefix]

    def look_for(self, id_prefixes: Iterable[str]) -> None:
        """Looks up the files of these prefixes, several in parallel."""
        wanted = sorted(set(id_prefixes) - self._found.keys())
        with ThreadPoolExecutor(READERS) as readers:
            manifests = list(readers.map(partial(_find_manifest, self._bucket), wanted))
        for id_prefix, manifest in zip(wanted, manifests, strict=True):
            self._found[id_prefix] = None if manifest is None else self._scored_file(id_prefix, manifest)

    def _scored_file(self, id_prefix: str, manifest: Manifest) -> ScoredFile:
        contract = self._contract(manifest.run)
        return ScoredFile(id_prefix, manifest.prediction_date[:10], manifest.rows.incoming, contract)

    def _contract(self, run: str) -> Contract:
        if run not in self._contracts:
            self._contracts[run] = read_contract(self._bucket, contract_key(run))
        return self._contracts[run]


def _find_manifest(bucket: Bucket, id_prefix: str) -> Manifest | None:
    predictions_key = read_pointer(bucket, id_prefix)
    if predictions_key is None:
        return None
    try:
        return read_manifest(bucket, manifest_key(predictions_key))
    except ObjectMissing:
        return None


def read_manifests(bucket: Bucket, keys: Sequence[str]) -> list[Manifest]:
    """The manifests in the order of their keys."""
    read: dict[str, Manifest] = {}

    def keep(key: str, content: bytes) -> None:
        read[key] = bucket.decode(content, Manifest, key)

    read_many(bucket, keys, keep)
    return [read[key] for key in keys]
