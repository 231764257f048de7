"""Finds Autowatch's ids of rows by the user's own keys."""

from collections import defaultdict
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality.scored_files import READERS, read_manifests
from autowatch.records.keys import MANIFEST_ENDING, PREDICTIONS_PREFIX, day_folder
from autowatch.records.manifest import Manifest
from autowatch.records.predictions import read_columns

DAYS_LOOKED_BACK = 90
"""Days. Labels may arrive late, but each day searched costs reading all of its predictions."""


def find_ids(bucket: Bucket, id_column: str, keys: Collection[str], last: date) -> dict[str, str]:
    """Returns the id of the newest row of each key; keys that were not scored are left out.

    The search goes back from `last` until every key is found or `DAYS_LOOKED_BACK` days have been read.

    Args:
        id_column: the column of the predictions with the keys.
        keys: the keys to look for.
        last: the newest day.
    """
    wanted, found = set(keys) - {""}, dict[str, str]()
    for days in range(DAYS_LOOKED_BACK + 1):
        if not wanted:
            break
        listed = bucket.list(day_folder(PREDICTIONS_PREFIX, last - timedelta(days=days)))
        committed = [item["Key"] for item in listed if item["Key"].endswith(MANIFEST_ENDING)]
        manifests = [each for each in read_manifests(bucket, committed) if id_column in each.columns]
        with ThreadPoolExecutor(READERS) as readers:
            parts = list(readers.map(lambda each: _read(bucket, each, id_column, wanted), manifests))
        # Later entries win: the newest file's, and within a file the last row's.
        for _, part in sorted(zip(manifests, parts, strict=True), key=lambda each: each[0].prediction_date):
            found.update(part)
        wanted.difference_update(found)
    return found


def _read(bucket: Bucket, manifest: Manifest, id_column: str, wanted: Collection[str]) -> dict[str, str]:
    written: dict[str, list[str]] = defaultdict(list)
    for key in wanted:
        written[manifest.as_written(key)].append(key)
    return {
        key: row_id
        for texts, row_ids in read_columns(bucket, manifest, (id_column, manifest.row_id))
        for text, row_id in zip(texts, row_ids, strict=True)
        if text in written
        for key in written[text]
    }
