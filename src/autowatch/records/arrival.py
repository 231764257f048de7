"""A file that has arrived, and the keys and ids that follow from it.

Reading S3's event notifications.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.keys import INFERENCE_PREFIX, OutputKeys, scored_keys
from autowatch.records.timestamps import from_text

_LONGEST_NAME = 900
"""Bytes of the input's name in the keys of its results, which add some 80 bytes to it; S3 takes keys of 1,024."""


@dataclass(frozen=True)
class Arrival:
    """One version of a file, and the moment (with a time zone) at which it was announced."""

    file: ObjectVersion
    time: datetime

    @property
    def id_prefix(self) -> str:
        """What the ids of this file's rows begin with."""
        return id_prefix(self.file)

    @property
    def day(self) -> str:
        """The UTC date of the announcement, as `YYYY-MM-DD`."""
        return self.time.astimezone(UTC).strftime("%Y-%m-%d")


@lru_cache(maxsize=16)
def output_keys(arrival: Arrival, predictions_prefix: str) -> OutputKeys:
    """The keys as `docs/formats.md` gives them."""
    return scored_keys(predictions_prefix, arrival.day, file_stem(arrival.file))


class NotCsv(UnreadableFile):
    """The name of a file does not end with `.csv`."""


_OTHER_NAMES = {
    ".gz": "It is compressed. Unpack it",
    ".zip": "It is an archive. Unpack it",
    ".xlsx": "It is an Excel workbook. Save the sheet as CSV",
    ".xls": "It is an Excel workbook. Save the sheet as CSV",
    ".parquet": "It is a Parquet file. Write the table as CSV",
    ".json": "It is JSON. Write the rows as CSV",
}


def is_named_csv(file: ObjectVersion) -> bool:
    """Whether the name of a file ends with `.csv`, in any case."""
    return file.key.lower().endswith(".csv")


def check_name(file: ObjectVersion) -> None:
    """Checks that the name of a file ends with `.csv`, in any case.

    Raises:
        NotCsv: it does not. Otherwise the file would be ignored without a message.
    """
    if is_named_csv(file):
        return
    name = file.key.lower()
    ending = next((ending for ending in _OTHER_NAMES if name.endswith(ending)), None)
    what = _OTHER_NAMES[ending] if ending else "If it is CSV, rename it"
    raise NotCsv(f"Only files whose name ends with .csv are taken. {what}, and upload it as .csv.")


def id_prefix(file: ObjectVersion) -> str:
    """What the ids of an input file's rows begin with: 16 hexadecimal digits.

    They come from the key too, since the same content under two keys of a bucket without versions has one ETag.
    """
    return _digest(f"{file.key}\n{_version(file)}")


def file_stem(file: ObjectVersion, prefix: str = INFERENCE_PREFIX) -> str:
    """`<name>-<version>`: what the results of one version of a file that arrived under `prefix` are called."""
    name = "/".join(map(_named, file.key.removeprefix(prefix).removesuffix(".csv").split("/")))
    return f"{_fit(name)}-{_digest(_version(file))}"


def _named(part: str) -> str:
    """A part of a key; `.` and `..` are escaped, which would lead a download out of its folder."""
    return part if part.strip(".") or len(part) not in (1, 2) else part.replace(".", "%2E")


def _fit(name: str) -> str:
    """The name itself, or, where that is too long, its beginning and a digest of the whole."""
    whole = name.encode()
    if len(whole) <= _LONGEST_NAME:
        return name
    digest = _digest(name)
    return f"{whole[: _LONGEST_NAME - len(digest) - 1].decode(errors='ignore')}-{digest}"


def _version(file: ObjectVersion) -> str:
    return file.version_id or file.etag


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class ForeignEvent(AutowatchError):
    """An event is not one that S3 sends about the stack's own files."""


_FASTEST_CLOCK = timedelta(hours=1)
"""An event that is further ahead would be counted to a day that has not begun."""


def arrivals_in(event: dict[str, Any], bucket: str, prefix: str) -> list[Arrival]:
    """The files of `bucket` that an event announces: none in S3's own test event, and none for folder markers.

    Anyone with the right to call the function can make an event up, so its parts are checked.

    Args:
        prefix: below which the function's files arrive.

    Raises:
        ForeignEvent: it announces a file of another bucket, of another prefix or of the future.
    """
    records = event.get("Records", [])
    for name in (record["s3"]["bucket"]["name"] for record in records):
        if name != bucket:
            raise ForeignEvent(
                f"The event is about the bucket {name}, and this function works on {bucket} alone. Remove the "
                f"notification of {name} that calls it."
            )
    arrivals = [_arrival(record) for record in records]
    latest = datetime.now(UTC) + _FASTEST_CLOCK
    for arrival in arrivals:
        if not arrival.file.key.startswith(prefix):
            raise ForeignEvent(
                f"The event is about {arrival.file.key!r}, and this function takes files below {prefix} alone."
            )
        if arrival.time > latest:
            raise ForeignEvent(
                f"The event about {arrival.file.key!r} is of {arrival.time.isoformat()}, which is yet to come."
            )
    return [arrival for arrival in arrivals if not arrival.file.key.endswith("/")]


_FORGOTTEN = "autowatch-forgotten"
"""In the metadata of an object that was written anew when rows of a person were taken out: when it was uploaded."""


def is_rewritten(bucket: Bucket, arrival: Arrival) -> bool:
    """Whether the file is an earlier one without the rows of a person, and so was scored or taken in before."""
    return _FORGOTTEN in bucket.metadata(arrival.file.key, arrival.file.version_id)


def upload_time(bucket: Bucket, key: str) -> datetime | None:
    """When the object that is under `key` was uploaded, if it was rewritten since; else None."""
    mark = bucket.metadata(key).get(_FORGOTTEN)
    return from_text(mark) if mark else None


def announcement(arrival: Arrival, bucket: str) -> dict[str, Any]:
    """The inverse of `arrivals_in`: an event that announces this arrival in `bucket` once more."""
    file = arrival.file
    written: dict[str, Any] = {"key": quote_plus(file.key, safe="/"), "eTag": file.etag, "size": file.size}
    if file.version_id is not None:
        written["versionId"] = file.version_id
    return {
        "Records": [
            {"eventTime": arrival.time.isoformat(), "s3": {"bucket": {"name": bucket}, "object": written}}
        ]
    }


def arrival_in_execution(document: dict[str, Any]) -> Arrival:
    """The arrival that an execution for a large file was started for, from its input."""
    return Arrival(ObjectVersion(**document["input"]), from_text(document["time"]))


def _arrival(record: dict[str, Any]) -> Arrival:
    written = record["s3"]["object"]
    file = ObjectVersion(
        key=unquote_plus(written["key"]),
        version_id=written.get("versionId"),
        etag=written["eTag"].strip('"'),
        size=written["size"],
    )
    return Arrival(file, from_text(record["eventTime"]))
