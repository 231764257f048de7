"""What scoring has left of each day: the keys of manifests and of refusals."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from autowatch.arrival import REJECTED_PREFIX

_MANIFEST_ENDING = ".manifest.json"
_REFUSAL_ENDING = ".error.json"


@dataclass(frozen=True)
class DayFiles:
    """The ETags of one day's manifests and `.error.json` objects by their keys, each in the order of these."""

    manifests: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes with the objects: when one comes, goes, or is replaced by another."""
        text = json.dumps([self.manifests, self.refused], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def list_days(s3: Any, bucket: str, predictions_prefix: str, first: date, last: date) -> dict[date, DayFiles]:
    """What there is of the days from `first` to `last`; those that are not in it have nothing.

    One listing for all days: most of them are small.
    """
    found: dict[date, DayFiles] = {}
    for day, key, etag in _keys(s3, bucket, predictions_prefix, _MANIFEST_ENDING, first, last):
        found.setdefault(day, DayFiles()).manifests[key] = etag
    for day, key, etag in _keys(s3, bucket, REJECTED_PREFIX, _REFUSAL_ENDING, first, last):
        found.setdefault(day, DayFiles()).refused[key] = etag
    return found


def _keys(
    s3: Any, bucket: str, prefix: str, ending: str, first: date, last: date
) -> Iterator[tuple[date, str, str]]:
    """The keys `<prefix>date=<day>/…<ending>` with their days and ETags, in their order, which is that of the days."""
    stem = f"{prefix}date="
    end = f"{stem}{last.isoformat()}/\U0010ffff"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=stem, StartAfter=f"{stem}{first.isoformat()}"
    )
    for page in pages:
        for item in page.get("Contents", []):
            key = item["Key"]
            if key > end:
                return
            day, slash, _ = key.removeprefix(stem).partition("/")
            if slash and key.endswith(ending) and (known := _day(day)):
                yield known, key, item["ETag"]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
