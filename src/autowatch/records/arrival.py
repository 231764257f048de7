"""A file that has arrived: S3's event notifications, and the keys and ids that follow from them."""

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
"""Longest name of an input, in bytes, within a result's key: the rest of the key adds about 80; S3's limit is 1,024."""


@dataclass(frozen=True)
class Arrival:
    """One version of a file, and the time (with a time zone) at which it was announced."""

    file: ObjectVersion
    time: datetime

    @property
    def id_prefix(self) -> str:
        """The beginning of the ids of this file's rows."""
        return id_prefix(self.file)

    @property
    def day(self) -> str:
        """The UTC date of the announcement, as `YYYY-MM-DD`."""
        return self.time.astimezone(UTC).strftime("%Y-%m-%d")


@lru_cache(maxsize=16)
def output_keys(arrival: Arrival, predictions_prefix: str) -> OutputKeys:
    """The keys of the arrival's results, as in `docs/formats.md`."""
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
    """Checks that a file's name ends with `.csv`, in any case.

    Raises:
        NotCsv: it does not. Without this check the file would be ignored silently.
    """
    if is_named_csv(file):
        return
    name = file.key.lower()
    ending = next((ending for ending in _OTHER_NAMES if name.endswith(ending)), None)
    what = _OTHER_NAMES[ending] if ending else "If it is CSV, rename it"
    raise NotCsv(f"Only files whose name ends with .csv are accepted. {what}, and upload it as .csv.")


def id_prefix(file: ObjectVersion) -> str:
    """The beginning of the ids of an input file's rows: 16 hexadecimal digits.

    The key is part of the digest: without versioning, the same content under two keys has the same ETag.
    """
    return _digest(f"{file.key}\n{_version(file)}")


def file_stem(file: ObjectVersion, prefix: str = INFERENCE_PREFIX) -> str:
    """`<name>-<version>`: the name of the results of one version of a file that arrived under `prefix`."""
    name = "/".join(map(_named, file.key.removeprefix(prefix).removesuffix(".csv").split("/")))
    return f"{_fit(name)}-{_digest(_version(file))}"


def _named(part: str) -> str:
    """A part of a key. `.` and `..` are escaped because they would lead a download out of its folder."""
    return part if part.strip(".") or len(part) not in (1, 2) else part.replace(".", "%2E")


def _fit(name: str) -> str:
    """The name itself or, if it is too long, its beginning and a digest of the whole name."""
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
    """The event is not one that S3 sends about the stack's own files."""


_FASTEST_CLOCK = timedelta(hours=1)
"""Tolerance for clocks. An event further ahead would count towards a day that has not begun."""


def arrivals_in(event: dict[str, Any], bucket: str, prefix: str) -> list[Arrival]:
    """The files of `bucket` that an event announces. S3's test event and folder markers announce none.

    Anyone with permission to invoke the function can forge an event, so its parts are checked.

    Args:
        prefix: the prefix under which the function's files arrive.

    Raises:
        ForeignEvent: it announces a file from another bucket, under another prefix or from the future.
    """
    records = event.get("Records", [])
    for name in (record["s3"]["bucket"]["name"] for record in records):
        if name != bucket:
            raise ForeignEvent(
                f"The event is about the bucket {name}, and this function serves only {bucket}. Remove the "
                f"notification of {name} that calls it."
            )
    arrivals = [_arrival(record) for record in records]
    latest = datetime.now(UTC) + _FASTEST_CLOCK
    for arrival in arrivals:
        if not arrival.file.key.startswith(prefix):
            raise ForeignEvent(
                f"The event is about {arrival.file.key!r}, and this function accepts only files under {prefix}."
            )
        if arrival.time > latest:
            raise ForeignEvent(
                f"The event about {arrival.file.key!r} is dated {arrival.time.isoformat()}, in the future."
            )
    return [arrival for arrival in arrivals if not arrival.file.key.endswith("/")]


_FORGOTTEN = "autowatch-forgotten"
"""The metadata with the original upload time of an object that was rewritten without a person's rows."""


def is_rewritten(bucket: Bucket, arrival: Arrival) -> bool:
    """Whether the file is a rewritten copy, without a person's rows, of one that was processed before."""
    return _FORGOTTEN in bucket.metadata(arrival.file.key, arrival.file.version_id)


def upload_time(bucket: Bucket, key: str) -> datetime | None:
    """When the object under `key` was originally uploaded, if it was rewritten since; otherwise None."""
    mark = bucket.metadata(key).get(_FORGOTTEN)
    return from_text(mark) if mark else None


def announcement(arrival: Arrival, bucket: str) -> dict[str, Any]:
    """The inverse of `arrivals_in`: an event that announces this arrival in `bucket` again."""
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
    """The arrival for which an execution for a large file was started, from the execution's input."""
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
