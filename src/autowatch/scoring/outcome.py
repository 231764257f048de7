"""The outcome of scoring: a commit, where the first run to write the manifest wins and every other deletes its files.

Also: the check before a commit that no row is missing, the report of a scored file in log and metrics, and the refusal
of a whole file: an error object under `rejected/`, a warning in the log and a metric.
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
    """Writes the manifest. If another run was first, deletes what this run wrote and returns that run's manifest.

    The pointer of the rows' ids is written first, so that labels find the rows of every committed file.

    Args:
        counts: those of the scored rows; the manifest contains them.
    """
    write_pointer(bucket, arrival.id_prefix, keys.predictions)
    try:
        bucket.write_json_if_absent(keys.manifest, CountedManifest(**vars(manifest), counts=counts))
    except ObjectChanged:
        # It may be this very manifest, if the response to a first attempt was lost.
        committed = read_manifest(bucket, keys.manifest)
        for written in manifest.written:
            if written.version_id is not None and written not in committed.written:
                bucket.client.delete_object(Bucket=bucket.name, Key=written.key, VersionId=written.version_id)
        return committed
    return manifest


def find_committed(bucket: Bucket, keys: OutputKeys) -> Manifest | None:
    """The manifest if the file is committed already, otherwise None."""
    try:
        return read_manifest(bucket, keys.manifest)
    except ObjectMissing:
        return None


def withdraw_others(bucket: Bucket, keys: OutputKeys, manifest: Manifest) -> None:
    """Deletes what late or killed runs have written over the committed versions."""
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
    """More rows of the file cannot be scored than the settings allow."""


class RowsLost(AutowatchError):
    """Rows went in that did not come out: a defect, so nothing is committed."""


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
        first_line: the line on which the first rejected row begins; ignored if there is none.
        first_reason: why it was rejected, without quoting it.
    """
    if rejected * 100 > max_percent * rows_in:
        raise TooManyRejected(
            f"{rejected} of {rows_in} rows cannot be scored, more than the {max_percent:g} % that "
            f"MaxRejectedPercent allows. The first is on line {first_line}: {first_reason}"
        )


def report_scored(manifest: Manifest, metrics_namespace: str, stack: str) -> None:
    """Reports a commit. Only the run that made it does so, and last of all, since a killed run is retried."""
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
    """Counts a file that waits for the end of a release, on its first wait only."""
    emit(metrics_namespace, {"FilesPostponed": 1}, {"Stack": stack})


def refuse(
    bucket: Bucket, arrival: Arrival, error: AutowatchError, metrics_namespace: str, stack: str
) -> None:
    """Records permanently that the input file cannot be scored as it is, and why."""
    record_refusal(bucket, arrival, error, output_keys(arrival, "").error)
    emit(metrics_namespace, {"FilesRefused": 1}, {"Stack": stack})


def record_refusal(bucket: Bucket, arrival: Arrival, error: AutowatchError, error_key: str) -> None:
    """Stores under `error_key` why a file was refused, and logs it."""
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
