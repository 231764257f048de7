"""Scoring one file of the bucket: its predictions, its profile and, last, its manifest."""

import csv
import io
import json
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from autowatch import __version__
from autowatch.arrival import Arrival, OutputKeys, output_keys
from autowatch.champion import Champion, read_champion
from autowatch.contract import ID_COLUMN, PREDICTION_DATE_COLUMN, read_contract
from autowatch.csv_lines import csv_lines
from autowatch.endpoint import Endpoint
from autowatch.errors import AutowatchError
from autowatch.manifest import Manifest, WrittenObject
from autowatch.metrics import emit
from autowatch.objects import ObjectChanged, ObjectMissing, read_json, write_json_if_absent
from autowatch.profile import Baseline, ProfileBuilder
from autowatch.scoring import Rejected, ScoredBatch, ScoringLimits, score_table
from autowatch.table import UnreadableFile, read_table
from autowatch.timestamps import to_text
from autowatch.upload import Upload

_LOGGER = logging.getLogger(__name__)
_CHUNK_BYTES = 256 * 1024
_GONE = ("NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412")


class InputGone(UnreadableFile):
    """The file was deleted or replaced before it was read; a replacement is announced by itself."""


class TooManyRejected(UnreadableFile):
    """More of the file's rows cannot be scored than is allowed."""


class RowsLost(AutowatchError):
    """The rows that came out are not as many as went in: a defect, so nothing is committed."""


@dataclass(frozen=True)
class ScoringSettings:
    """How files are scored.

    Attributes:
        bucket: where everything lies.
        endpoint_name: the endpoint that the stack is set to. The champion's is used all the same, since its
            contract says what to send; where the two differ (the parameter was changed since the last release),
            the log has a warning.
        predictions_prefix: under which key prefix the predictions go.
        max_rejected_percent: a file with a larger part of rejected rows is refused whole.
        limits: how much is sent and held at once.
        metrics_namespace: where the metrics go.
        stack: the stack's name, the metrics' dimension.
    """

    bucket: str
    endpoint_name: str
    predictions_prefix: str
    max_rejected_percent: float
    limits: ScoringLimits
    metrics_namespace: str
    stack: str


def score_file(
    s3: Any, runtime: Any, arrival: Arrival, settings: ScoringSettings, seconds_left: Callable[[], float]
) -> Manifest:
    """Scores one file and commits the result; where that has been done already, gives what was committed.

    Any number of these may run at once for one arrival, and any of them may die: whoever writes the manifest first
    has made the result. All write to the same keys, so a manifest names the versions that belong to it; who comes
    second takes its own back, and whoever finds a manifest takes back what others, dead ones, have left above its
    versions. The bucket must keep versions for that; without them the last one's predictions stand, which differ
    only if the champion changed in between.

    Args:
        runtime: boto3's `sagemaker-runtime`, made with `endpoint.client_config`.
        seconds_left: tells how long the caller may still take.

    Raises:
        UnreadableFile: the file cannot be scored as it is, and trying again cannot help.
        NoChampion: there is no model to score it with.
        EndpointError, AnswerMismatch, AnswerUnreadable: the endpoint did not do its part.
        RowsLost: see there.
    """
    keys = output_keys(arrival, settings.predictions_prefix)
    manifest = _read_manifest(s3, settings.bucket, keys)
    if manifest is None:
        manifest = _score_and_commit(s3, runtime, arrival, keys, settings, seconds_left)
    _withdraw_others(s3, settings.bucket, keys, manifest)
    return manifest


def _read_manifest(s3: Any, bucket: str, keys: OutputKeys) -> Manifest | None:
    try:
        return Manifest.from_json(read_json(s3, bucket, keys.manifest))
    except ObjectMissing:
        return None


def _score_and_commit(
    s3: Any,
    runtime: Any,
    arrival: Arrival,
    keys: OutputKeys,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
) -> Manifest:
    started = datetime.now(UTC)
    champion = read_champion(s3, settings.bucket)
    if champion.endpoint_name != settings.endpoint_name:
        _LOGGER.warning(
            "the champion serves at another endpoint than the one set",
            extra={"champion": champion.endpoint_name, "set": settings.endpoint_name},
        )
    scored = _score(s3, runtime, arrival, keys, champion, settings, seconds_left)
    manifest = Manifest(
        input=arrival.file,
        predictions=scored.predictions,
        profile=scored.profile,
        rejected=scored.rejected,
        rows_in=scored.rows_scored + scored.rows_rejected,
        rows_scored=scored.rows_scored,
        rows_rejected=scored.rows_rejected,
        run=champion.run,
        model_name=champion.model_name,
        endpoint_name=champion.endpoint_name,
        endpoint_config=champion.endpoint_config,
        prediction_date=to_text(arrival.time),
        started=to_text(started),
        finished=to_text(datetime.now(UTC)),
        versions={"autowatch": __version__, "python": platform.python_version()},
    )
    committed = _commit(s3, settings.bucket, keys.manifest, manifest)
    if committed == manifest:
        _report(manifest, settings)
    return committed


def _commit(s3: Any, bucket: str, key: str, manifest: Manifest) -> Manifest:
    """Writes the manifest, unless another run was first: then gives that one and takes back what this run wrote."""
    try:
        write_json_if_absent(s3, bucket, key, manifest.to_json())
    except ObjectChanged:
        # It may be this very manifest, where the answer to a first attempt got lost.
        committed = Manifest.from_json(read_json(s3, bucket, key))
        for written in manifest.written:
            if written.version_id is not None and written not in committed.written:
                s3.delete_object(Bucket=bucket, Key=written.key, VersionId=written.version_id)
        return committed
    return manifest


def _report(manifest: Manifest, settings: ScoringSettings) -> None:
    _LOGGER.info(
        "file scored",
        extra={
            "key": manifest.input.key,
            "predictions_key": manifest.predictions.key,
            "rows_scored": manifest.rows_scored,
            "rows_rejected": manifest.rows_rejected,
            "started": manifest.started,
            "finished": manifest.finished,
        },
    )
    emit(
        settings.metrics_namespace,
        {"FilesScored": 1, "RowsScored": manifest.rows_scored, "RowsRejected": manifest.rows_rejected},
        {"Stack": settings.stack},
    )


@dataclass(frozen=True)
class _Scored:
    predictions: WrittenObject
    profile: WrittenObject
    rejected: WrittenObject | None
    rows_scored: int
    rows_rejected: int


def _score(
    s3: Any,
    runtime: Any,
    arrival: Arrival,
    keys: OutputKeys,
    champion: Champion,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
) -> _Scored:
    """Writes everything but the manifest, and nothing unless all rows are accounted for."""
    contract = read_contract(s3, settings.bucket, champion.contract_key)
    baseline = Baseline.from_json(read_json(s3, settings.bucket, champion.baseline_key))
    endpoint = Endpoint(
        runtime, champion.endpoint_name, contract.labels, contract.positive_label, seconds_left
    )
    with (
        Upload(s3, settings.bucket, keys.predictions, "text/csv; charset=utf-8") as predictions,
        Upload(s3, settings.bucket, keys.rejected, "text/csv; charset=utf-8") as rejected,
        Upload(s3, settings.bucket, keys.profile, "application/json") as profile,
    ):
        table = read_table(_read_chunks(s3, settings.bucket, arrival))
        builder = ProfileBuilder(baseline)
        rows = _Rows(arrival, table.header, predictions, rejected)
        for batch in score_table(table, contract, endpoint, settings.limits):
            rows.write(batch)
            builder.add(batch.columns)
        rows.check(table.rows_read, settings.max_rejected_percent)
        profile.write(json.dumps(builder.build().to_json(), ensure_ascii=False).encode())
        return _Scored(
            predictions=WrittenObject(keys.predictions, predictions.complete()),
            profile=WrittenObject(keys.profile, profile.complete()),
            rejected=None if rejected.is_empty else WrittenObject(keys.rejected, rejected.complete()),
            rows_scored=rows.scored,
            rows_rejected=rows.rejected,
        )


def _read_chunks(s3: Any, bucket: str, arrival: Arrival) -> Iterator[bytes]:
    """The content of exactly the version that was announced."""
    file = arrival.file
    which = {"VersionId": file.version_id} if file.version_id else {"IfMatch": f'"{file.etag}"'}
    try:
        answer = s3.get_object(Bucket=bucket, Key=file.key, **which)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise InputGone(
                "The file was deleted or replaced before it was read. Upload it again if it is still to be scored."
            ) from error
        raise
    with closing(answer["Body"]) as body:
        yield from body.iter_chunks(_CHUNK_BYTES)


class _Rows:
    """The rows on their way out, counted."""

    def __init__(
        self, arrival: Arrival, header: tuple[str, ...], predictions: Upload, rejected: Upload
    ) -> None:
        self.scored = self.rejected = 0
        self._id_prefix = arrival.id_prefix
        self._date = to_text(arrival.time)
        self._header = header
        self._predictions_file = predictions
        self._rejected_file = rejected
        self._first_rejection: Rejected | None = None

    def write(self, batch: ScoredBatch) -> None:
        self._write_predictions(batch)
        self._write_rejected(batch.rejected)
        self.scored += len(batch.row_numbers)
        self.rejected += len(batch.rejected)

    def check(self, rows_read: int, max_rejected_percent: float) -> None:
        """Raises RowsLost or TooManyRejected unless the rows may be committed."""
        if self.scored + self.rejected != rows_read:
            raise RowsLost(
                f"{rows_read} rows went in, {self.scored} were scored and {self.rejected} rejected. "
                "Nothing was committed."
            )
        if self._first_rejection and self.rejected * 100 > max_rejected_percent * rows_read:
            raise TooManyRejected(
                f"{self.rejected} of {rows_read} rows cannot be scored, more than the "
                f"{max_rejected_percent:g} % that MaxRejectedPercent allows. The first is on line "
                f"{self._first_rejection.line}: {self._first_rejection.reason}"
            )

    def _write_predictions(self, batch: ScoredBatch) -> None:
        *own, label, probability = batch.columns.items()
        ids = [f"{self._id_prefix}-{number}" for number in batch.row_numbers]
        dates = [self._date] * len(ids)
        columns = dict([*own, (ID_COLUMN, ids), label, probability, (PREDICTION_DATE_COLUMN, dates)])
        header = csv_lines([[name] for name in columns]) if self._predictions_file.is_empty else []
        lines = [*header, *csv_lines(list(columns.values())), ""]
        self._predictions_file.write("\n".join(lines).encode())

    def _write_rejected(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._first_rejection is None:
            self._first_rejection = rejected[0]
            writer.writerow(["line", "reason", *self._header])
        for row in rejected:
            writer.writerow([row.line, f"{row.reason} {row.model_reason}".rstrip(), *row.fields])
        self._rejected_file.write(text.getvalue().encode())


def _withdraw_others(s3: Any, bucket: str, keys: OutputKeys, manifest: Manifest) -> None:
    """Deletes what runs that came too late, or died, have put above the versions of the commit."""
    if manifest.predictions.version_id is None:
        return
    committed = {written.key: written.version_id for written in manifest.written}
    for key in (keys.predictions, keys.profile, keys.rejected):
        while (current := _current_version(s3, bucket, key)) not in (None, committed.get(key)):
            s3.delete_object(Bucket=bucket, Key=key, VersionId=current)
            _LOGGER.info("withdrew a duplicate", extra={"key": key, "version_id": current})


def _current_version(s3: Any, bucket: str, key: str) -> str | None:
    try:
        version: str | None = s3.head_object(Bucket=bucket, Key=key).get("VersionId")
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            return None
        raise
    return version
