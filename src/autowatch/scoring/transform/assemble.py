"""The end of a transform: its pieces are combined to the same objects that scoring writes, and committed."""

import platform
from collections.abc import Iterable
from datetime import datetime

import msgspec

from autowatch import __version__
from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import Source, abort_uploads, concatenate
from autowatch.records.arrival import output_keys
from autowatch.records.keys import OutputKeys
from autowatch.records.manifest import Manifest, RowCounts
from autowatch.records.timestamps import to_text
from autowatch.scoring.outcome import check_balance, commit, find_committed, report_scored, withdraw_others
from autowatch.scoring.transform.accept import AcceptedPiece, read_results
from autowatch.scoring.transform.finish import FinishedPiece
from autowatch.scoring.transform.plan import TransformPlan, TransformSettings
from autowatch.tabular.profile import Profile, total

_JSON = "application/json"
_CSV = "text/csv; charset=utf-8"


def assemble(bucket: Bucket, plan: TransformPlan, settings: TransformSettings, now: datetime) -> Manifest:
    """Combines the pieces and commits.

    An earlier commit, by this or another run, stands. Unfinished uploads of a killed attempt are aborted.

    Raises:
        PieceMissing: a piece was not finished.
        RowsLost: rows went in that did not come out.
    """
    keys = output_keys(plan.arrival, settings.predictions_prefix)
    manifest = find_committed(bucket, keys)
    if manifest is None:
        written, counts = _write(bucket, plan, keys, now)
        manifest = commit(bucket, plan.arrival, keys, written, counts)
    withdraw_others(bucket, keys, manifest)
    for key in (keys.predictions, keys.rejected):
        abort_uploads(bucket, key)
    if manifest.committed_by == plan.work.name:
        report_scored(manifest, settings.metrics_namespace, settings.stack)
    return manifest


def _write(bucket: Bucket, plan: TransformPlan, keys: OutputKeys, now: datetime) -> tuple[Manifest, Profile]:
    """Writes everything except the manifest, and returns the manifest with the counts of the scored rows."""
    accepted = bucket.read_as(plan.work.accepted, list[AcceptedPiece])
    results = [plan.work.finished(piece.number) for piece in accepted]
    finished = list(read_results(bucket, results, FinishedPiece))
    rows = sum(piece.rows for piece in accepted)
    scored = sum(piece.scored for piece in finished)
    rejected = sum(piece.rejected for piece in finished)
    check_balance(rows, scored, rejected)
    counts = total(piece.profile for piece in finished)
    work, numbered = plan.work, list(enumerate(finished, start=1))
    predictions = (Source(work.predictions(number), piece.predictions_bytes) for number, piece in numbered)
    rejects = (Source(work.rejected(number), piece.rejected_bytes) for number, piece in numbered)
    manifest = Manifest(
        input=plan.arrival.file,
        predictions_key=keys.predictions,
        predictions_version_id=_write_rows(bucket, predictions, keys.predictions),
        profile_key=keys.profile,
        profile_version_id=bucket.put(keys.profile, msgspec.json.encode(counts), _JSON).version_id,
        rejected_key=keys.rejected if rejected else None,
        rejected_version_id=_write_rows(bucket, rejects, keys.rejected) if rejected else None,
        rows=RowCounts(rows, scored, rejected),
        run=plan.champion.run,
        model_name=plan.champion.model_name,
        endpoint_name=plan.champion.endpoint_name,
        endpoint_config=plan.champion.endpoint_config,
        committed_by=work.name,
        prediction_date=to_text(plan.arrival.time),
        started=plan.started,
        finished=to_text(now),
        columns=plan.columns,
        row_id=plan.contract.row_id_in(plan.columns),
        formulas_neutralised=plan.neutralise,
        versions={"autowatch": __version__, "python": platform.python_version()},
    )
    return manifest, counts


def _write_rows(bucket: Bucket, sources: Iterable[Source], key: str) -> str | None:
    return concatenate(bucket, list(sources), key, _CSV)
