"""The commit of a result: the run that writes the manifest first commits, every other deletes what it wrote.

The balance of a file's rows, which must be right before anything is committed.

Reporting to log and metrics that a file was scored.

Refusing a file whole: an error object under `rejected/`, a warning in the log and a metric.
"""

import logging
from datetime import UTC, datetime

from autowatch.aws.metrics import emit
from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.arrival import Arrival, output_keys
from autowatch.records.keys import OutputKeys
from autowatch.records.manifest import CountedManifest, Manifest, read_manifest, write_pointer
from autowatch.records.timestamps import to_text
from autowatch.tabular.profile import Profile

_LOGGER = logging.getLogger(__name__)


_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")


def commit(
    bucket: Bucket, arrival: Arrival, keys: OutputKeys, manifest: Manifest, counts: Profile
) -> Manifest:
    """Writes the manifest, unless another run was first: then gives that one and takes back what this run wrote.

    The pointer of the rows' ids goes first, so that labels find the rows of every file that is committed.

    Args:
        counts: of the scored rows; the manifest carries them.
    """
    write_pointer(bucket, arrival.id_prefix, keys.predictions)
    try:
        bucket.write_json_if_absent(keys.manifest, CountedManifest(**vars(manifest), counts=counts))
    except ObjectChanged:
        # It may be this very manifest, where the answer to a first attempt got lost.
        committed = read_manifest(bucket, keys.manifest)
        for written in manifest.written:
            if written.version_id is not None and written not in committed.written:
                bucket.client.delete_object(Bucket=bucket.name, Key=written.key, VersionId=written.version_id)
        return committed
    return manifest


def find_committed(bucket: Bucket, keys: OutputKeys) -> Manifest | None:
    """What has been committed already, None if nothing has."""
    try:
        return read_manifest(bucket, keys.manifest)
    except ObjectMissing:
        return None


def withdraw_others(bucket: Bucket, keys: OutputKeys, manifest: Manifest) -> None:
    """Deletes what runs that came too late, or died, have put above the versions of the commit."""
    if manifest.predictions.version_id is None:
        return
    committed = {written.key: written.version_id for written in manifest.written}
    for key in (keys.predictions, keys.profile, keys.rejected):
        while (current := _current_version(bucket, key)) is not None and current != committed.get(key):
            bucket.client.delete_object(Bucket=bucket.name, Key=key, VersionId=current)
            _LOGGER.info("withdrew a duplicate", extra={"key": key, "version_id": current})


def _current_version(bucket: Bucket, key: str) -> str | None:
    try:
        return bucket.version(key).version_id
    except ObjectMissing:
        return None


class TooManyRejected(UnreadableFile):
    """More of the file's rows cannot be scored than is allowed."""


class RowsLost(AutowatchError):
    """The rows that came out are not as many as went in: a defect, so nothing is committed."""


def check_balance(rows_in: int, scored: int, rejected: int) -> None:
    """Raises RowsLost unless every row that went in was scored or rejected."""
    if scored + rejected != rows_in:
        raise RowsLost(
            f"{rows_in} rows went in, {scored} were scored and {rejected} rejected. Nothing was committed."
        )


def check_rejected(
    rows_in: int, rejected: int, max_percent: float, first_line: int, first_reason: str
) -> None:
    """Raises TooManyRejected if more than `max_percent` of the rows were rejected.

    Args:
        first_line: on which the first rejected row begins; without a meaning if there is none.
        first_reason: why it was rejected, in words that quote nothing of it.
    """
    if rejected * 100 > max_percent * rows_in:
        raise TooManyRejected(
            f"{rejected} of {rows_in} rows cannot be scored, more than the {max_percent:g} % that "
            f"MaxRejectedPercent allows. The first is on line {first_line}: {first_reason}"
        )


def report_scored(manifest: Manifest, metrics_namespace: str, stack: str) -> None:
    """Reports a commit; for the run that made it alone, and last of all, since one that is killed is tried again."""
    _LOGGER.info(
        "file scored",
        extra={
            "key": manifest.input.key,
            "predictions_key": manifest.predictions.key,
            "rows_scored": manifest.rows.scored,
            "rows_rejected": manifest.rows.rejected,
            "started": manifest.started,
            "finished": manifest.finished,
        },
    )
    emit(
        metrics_namespace,
        {"FilesScored": 1, "RowsScored": manifest.rows.scored, "RowsRejected": manifest.rows.rejected},
        {"Stack": stack},
    )


def report_postponed(metrics_namespace: str, stack: str) -> None:
    """Counts a file that waits for the end of a release; for the first wait alone."""
    emit(metrics_namespace, {"FilesPostponed": 1}, {"Stack": stack})


def refuse(
    bucket: Bucket, arrival: Arrival, error: AutowatchError, metrics_namespace: str, stack: str
) -> None:
    """Records for good that the input file cannot be scored as it is, and why."""
    record_refusal(bucket, arrival, error, output_keys(arrival, "").error)
    emit(metrics_namespace, {"FilesRefused": 1}, {"Stack": stack})


def record_refusal(bucket: Bucket, arrival: Arrival, error: AutowatchError, error_key: str) -> None:
    """Keeps under `error_key` why a file was refused, and says so in the log."""
    document = {
        "input": arrival.file,
        "error": type(error).__name__,
        "reason": str(error),
        "time": to_text(datetime.now(UTC)),
    }
    bucket.write_json(error_key, document)
    _LOGGER.warning(
        "file refused",
        extra={
            "key": arrival.file.key,
            "error": document["error"],
            "reason": document["reason"],
            "error_key": error_key,
        },
    )
