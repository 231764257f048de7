"""Scores one file of the bucket: writes its predictions, its profile and, last, its manifest."""

import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from autowatch import __version__
from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import ResumedBody
from autowatch.aws.uploads import Upload, UploadGone, abort_uploads
from autowatch.records.arrival import Arrival, output_keys
from autowatch.records.champion import Champion
from autowatch.records.contract import read_contract
from autowatch.records.keys import OutputKeys
from autowatch.records.manifest import Manifest, RowCounts
from autowatch.records.smoke import read_witness
from autowatch.records.timestamps import to_text
from autowatch.scoring.answer_columns import read_answer
from autowatch.scoring.batches import ScoredBatch, score_table
from autowatch.scoring.endpoint import Endpoint
from autowatch.scoring.in_force import InForce, score_in_force
from autowatch.scoring.outcome import (
    check_balance,
    check_rejected,
    commit,
    find_committed,
    report_scored,
    withdraw_others,
)
from autowatch.scoring.output import predictions_header, rejected_header, rejected_rows
from autowatch.scoring.requests import Rejected, ScoringLimits
from autowatch.scoring.rows import predictions_rows
from autowatch.tabular.profile import Baseline, Profile, ProfileSum
from autowatch.tabular.table import read_table

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_LOGGER = logging.getLogger(__name__)

_SMALLEST_CHUNK, _LARGEST_CHUNK = 64 * 1024, 1024 * 1024
"""Bytes that are read and prepared at once: for a small file few enough to keep all connections to the endpoint busy,
for a large one enough to make Arrow's cost per call negligible."""


_FILLED = 0.97
"""How full requests are planned to be, because rows differ in length."""


_BATCHES_A_RELEASE = 16
"""After this many, memory that freed arrays left fragmented is returned; otherwise it would grow with the file."""


@dataclass(frozen=True)
class ScoringSettings:
    """How files are scored.

    Attributes:
        bucket: the bucket of all objects.
        endpoint_name: the endpoint in the stack's settings. The champion's endpoint is used nevertheless, since its
            contract says what to send; if the two differ (the parameter has changed since the last release), a warning
            is logged.
        predictions_prefix: the key prefix of the predictions.
        max_rejected_percent: a file with a larger share of rejected rows is refused as a whole.
        limits: how much is sent and held at once.
        metrics_namespace: the metrics' namespace.
        stack: the stack's name, the metrics' dimension.
        neutralise_formulas: whether a `'` is put before a field, name or label that a spreadsheet would take for a
            formula; otherwise every cell is as in the input.
    """

    endpoint_name: str
    predictions_prefix: str
    max_rejected_percent: float
    limits: ScoringLimits
    metrics_namespace: str
    stack: str
    neutralise_formulas: bool = False


def score_file(
    bucket: Bucket,
    runtime: "SageMakerRuntimeClient",
    arrival: Arrival,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    invocation: str,
) -> Manifest:
    """Scores one file and commits the result; if it is committed already, returns that commit.

    Commit protocol: any number of runs may score one arrival at once, and any of them may be killed. The first run to
    write the manifest wins. All runs write to the same keys, so a manifest names the versions that belong to it. Every
    later run deletes the versions that it wrote, those that killed runs wrote over the manifest's, and unfinished
    uploads. This requires versioning. Without it the last run's predictions remain, which differ only if the champion
    has changed in between.

    Args:
        runtime: boto3's `sagemaker-runtime`, without retries of its own.
        seconds_left: returns how long the caller may still take.
        invocation: the id of this invocation, which its retries share: the one that committed reports the file, last.

    Raises:
        UnreadableFile: the file cannot be scored as it is, and retrying cannot help.
        NoChampion: there is no model to score it with.
        ReleaseUnderWay: the endpoint is switching to another model; score when it has settled.
        EndpointError, AnswerMismatch, AnswerUnreadable: the endpoint failed.
        RowsLost: see there.
    """
    keys = output_keys(arrival, settings.predictions_prefix)
    manifest = find_committed(bucket, keys)
    if manifest is None:
        try:
            manifest = _score_and_commit(bucket, runtime, arrival, keys, settings, seconds_left, invocation)
        except UploadGone:
            manifest = find_committed(bucket, keys)
            if manifest is None:
                raise
    withdraw_others(bucket, keys, manifest)
    for key in (keys.predictions, keys.rejected):
        abort_uploads(bucket, key)
    if manifest.committed_by == invocation:
        report_scored(manifest, settings.metrics_namespace, settings.stack)
    return manifest


def _score_and_commit(
    bucket: Bucket,
    runtime: "SageMakerRuntimeClient",
    arrival: Arrival,
    keys: OutputKeys,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    invocation: str,
) -> Manifest:
    started = datetime.now(UTC)
    scored = score_in_force(
        bucket, lambda force: _score(force, runtime, arrival, keys, settings, seconds_left)
    )
    champion = scored.champion
    if champion.endpoint_name != settings.endpoint_name:
        _LOGGER.warning(
            "the champion serves at another endpoint than the configured one",
            extra={"champion": champion.endpoint_name, "set": settings.endpoint_name},
        )
    manifest = Manifest(
        input=arrival.file,
        predictions_key=keys.predictions,
        predictions_version_id=scored.predictions_version,
        profile_key=keys.profile,
        profile_version_id=scored.profile_version,
        rejected_key=keys.rejected if scored.rows.rejected else None,
        rejected_version_id=scored.rejected_version,
        rows=scored.rows,
        run=champion.run,
        model_name=champion.model_name,
        endpoint_name=champion.endpoint_name,
        endpoint_config=champion.endpoint_config,
        variant=scored.variant,
        committed_by=invocation,
        prediction_date=to_text(arrival.time),
        started=to_text(started),
        finished=to_text(datetime.now(UTC)),
        columns=scored.columns,
        row_id=scored.row_id,
        formulas_neutralised=settings.neutralise_formulas,
        versions={"autowatch": __version__, "python": platform.python_version()},
    )
    return commit(bucket, arrival, keys, manifest, scored.counts)


@dataclass(frozen=True)
class _Scored:
    champion: Champion
    variant: str
    predictions_version: str | None
    profile_version: str | None
    rejected_version: str | None
    counts: Profile
    rows: RowCounts
    columns: tuple[str, ...]
    row_id: str


def _score(
    force: InForce,
    runtime: "SageMakerRuntimeClient",
    arrival: Arrival,
    keys: OutputKeys,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
) -> _Scored:
    """Writes everything except the manifest, and only if one model answered and all rows are accounted for."""
    bucket, champion = force.bucket, force.champion
    contract = read_contract(bucket, champion.contract_key)
    baseline = bucket.read_as(champion.baseline_key, Baseline)
    endpoint = Endpoint(
        client=runtime,
        name=champion.endpoint_name,
        problem=contract.problem,
        seconds_left=seconds_left,
        parse=read_answer,
        witness=read_witness(bucket, champion.run),
    )
    with (
        Upload(bucket, keys.predictions, "text/csv; charset=utf-8") as predictions,
        Upload(bucket, keys.rejected, "text/csv; charset=utf-8") as rejected,
        Upload(bucket, keys.profile, "application/json") as profile,
    ):
        table = read_table(_chunks(bucket, arrival.file, settings.limits))
        row_id = contract.row_id_in(table.header)
        neutralise = settings.neutralise_formulas
        rows = _Rows(arrival, table.header, row_id, predictions, rejected, baseline.run, neutralise)
        scored = score_table(
            table, contract, endpoint, settings.limits, baseline, arrival.file.size, neutralise
        )
        # If a write fails, the threads must have ended before anything is tried again.
        with closing(scored) as batches:
            for number, batch in enumerate(batches, start=1):
                rows.write(batch)
                if number % _BATCHES_A_RELEASE == 0:
                    pa.default_memory_pool().release_unused()
        rows.check(table.rows_read, settings.max_rejected_percent)
        force.check()
        counts = rows.counts.build()
        profile.write(msgspec.json.encode(counts))
        return _Scored(
            champion=champion,
            variant=",".join(sorted(endpoint.variants)),
            predictions_version=predictions.complete(),
            profile_version=profile.complete(),
            rejected_version=rejected.complete() if rows.rejected else None,
            counts=counts,
            rows=RowCounts(rows.scored + rows.rejected, rows.scored, rows.rejected),
            columns=table.header,
            row_id=row_id,
        )


def _chunks(bucket: Bucket, file: ObjectVersion, limits: ScoringLimits) -> Iterator[bytes]:
    """The bytes of a file, in chunks of which a whole number fills one request."""
    with closing(ResumedBody(bucket, file)) as body:
        beginning = body.read(_SMALLEST_CHUNK)
        yield beginning
        row_bytes = len(beginning) / max(beginning.count(b"\n"), 1)
        request = limits.max_batch_rows * row_bytes * _FILLED
        even = request / max(ceil(request / _LARGEST_CHUNK), 1)
        share = file.size / limits.concurrency
        size = max(_SMALLEST_CHUNK, ceil(min(even, share)))
        while chunk := body.read(size):
            yield chunk


class _Rows:
    """Writes and counts the rows of a file."""

    def __init__(
        self,
        arrival: Arrival,
        header: tuple[str, ...],
        row_id: str,
        predictions: Upload,
        rejected: Upload,
        run: str,
        neutralise: bool,
    ) -> None:
        self.scored = self.rejected = 0
        self.counts = ProfileSum(run)
        self._arrival = arrival
        self._header, self._row_id, self._neutralise = header, row_id, neutralise
        self._predictions_file = predictions
        self._rejected_file = rejected
        self._first_rejection: Rejected | None = None

    def write(self, batch: ScoredBatch) -> None:
        self._write_predictions(batch)
        self._write_rejected(batch.rejected)
        self.counts.add(batch.profile)
        self.scored += len(batch.row_numbers)
        self.rejected += len(batch.rejected)

    def check(self, rows_read: int, max_rejected_percent: float) -> None:
        """Raises RowsLost or TooManyRejected unless the rows may be committed."""
        check_balance(rows_read, self.scored, self.rejected)
        if self._first_rejection:
            first = self._first_rejection
            check_rejected(rows_read, self.rejected, max_rejected_percent, first.line, first.reason)

    def _write_predictions(self, batch: ScoredBatch) -> None:
        if self._predictions_file.is_empty:
            layout = batch.layout
            header = predictions_header(layout.own, self._row_id, layout.predicted, self._neutralise)
            self._predictions_file.write(header)
        self._predictions_file.write(
            predictions_rows(self._arrival, batch.row_numbers, batch.lines, batch.predictions.columns)
        )

    def _write_rejected(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        if self._first_rejection is None:
            self._first_rejection = rejected[0]
            self._rejected_file.write(rejected_header(self._header))
        self._rejected_file.write(
            rejected_rows(
                (row.line, f"{row.reason} {row.model_reason}".rstrip(), row.fields) for row in rejected
            )
        )
