"""The input files of a day that were refused whole."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from autowatch.arrival import REJECTED_PREFIX
from autowatch.objects import read_json

_ENDING = ".error.json"
_READERS = 16
_UNREADABLE = "unreadable"


def refused_keys(s3: Any, bucket: str, day: date) -> list[str]:
    """The keys of the day's `.error.json` objects."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{REJECTED_PREFIX}date={day.isoformat()}/"
    )
    return [
        item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(_ENDING)
    ]


def count_refused(s3: Any, bucket: str, keys: Iterable[str]) -> dict[str, int]:
    """How many files were refused for which error, by its name; an object that is damaged counts as `unreadable`.

    Raises:
        ObjectMissing: an object has gone since it was listed; call again.
    """

    def error_of(key: str) -> str:
        try:
            return str(read_json(s3, bucket, key)["error"])
        except (KeyError, TypeError, ValueError):
            return _UNREADABLE

    with ThreadPoolExecutor(_READERS) as readers:
        return dict(sorted(Counter(readers.map(error_of, keys)).items()))
