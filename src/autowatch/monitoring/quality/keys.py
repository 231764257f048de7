"""The user's own keys: which of our ids have them."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from autowatch.aws.bulk import read_many
from autowatch.aws.objects import Bucket
from autowatch.aws.reading import read_input
from autowatch.monitoring.quality.scored_files import READERS
from autowatch.records.keys import MANIFEST_ENDING, PREDICTIONS_PREFIX, day_folder
from autowatch.records.manifest import Manifest, manifest_from_bytes
from autowatch.tabular.table import NoRows, read_table

DAYS_LOOKED_BACK = 90
"""Labels may come late; every day of predictions that is looked at is read."""

_ROWS_AT_ONCE = 10_000


def find_ids(bucket: Bucket, id_column: str, keys: Collection[str], last: date) -> dict[str, str]:
    """For each of the keys that was scored, our id of its newest row.

    The days are gone through backwards from `last`, until every key is found or `DAYS_LOOKED_BACK` days have been read.

    Args:
        id_column: the column of the predictions that holds the keys.
        keys: those to look for.
        last: the newest day.
    """
    wanted, found = set(keys) - {""}, dict[str, str]()
    for days in range(DAYS_LOOKED_BACK + 1):
        if not wanted:
            break
        manifests = [
            manifest
            for manifest in _manifests(bucket, last - timedelta(days=days))
            if id_column in manifest.columns
        ]
        with ThreadPoolExecutor(READERS) as readers:
            parts = list(readers.map(lambda each: _read(bucket, each, id_column, wanted), manifests))
        # The newest file's stand, and in a file the last row's.
        for _, part in sorted(zip(manifests, parts, strict=True), key=lambda each: each[0].prediction_date):
            found.update(part)
        wanted.difference_update(found)
    return found


def _manifests(bucket: Bucket, day: date) -> list[Manifest]:
    listed = [item["Key"] for item in bucket.list(day_folder(PREDICTIONS_PREFIX, day))]
    read: list[Manifest] = []
    read_many(
        bucket,
        [key for key in listed if key.endswith(MANIFEST_ENDING)],
        lambda key, content: read.append(manifest_from_bytes(content, bucket, key)),
    )
    return read


def _read(bucket: Bucket, manifest: Manifest, id_column: str, wanted: Collection[str]) -> dict[str, str]:
    return {
        key: row_id
        for keys, row_ids in _columns(bucket, manifest, (id_column, manifest.row_id))
        for key, row_id in zip(keys, row_ids, strict=True)
        if key in wanted
    }


def _columns(bucket: Bucket, manifest: Manifest, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """These columns of a predictions file, some rows at a time."""
    file = bucket.version(manifest.predictions.key, manifest.predictions.version_id)
    table = read_table(read_input(bucket, file))
    places = [table.header.index(name) for name in names]
    try:
        for block in table.blocks(_ROWS_AT_ONCE):
            yield [block.columns[place] for place in places]
    except NoRows:
        # All rows of the input were rejected.
        return
