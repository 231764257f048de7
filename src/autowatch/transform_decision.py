"""The decisions of a transform: whether a file goes on to the next state, or is refused."""

from datetime import datetime
from typing import Any, Literal

from autowatch.arrival import Arrival, output_keys
from autowatch.champion import NoChampion
from autowatch.commit import find_committed
from autowatch.pieces_accepted import accept_pieces
from autowatch.refusal import refuse
from autowatch.table import UnreadableFile
from autowatch.transform_plan import TransformPlan, make_plan
from autowatch.transform_settings import TransformSettings
from autowatch.transform_work import Work


def plan_file(
    s3: Any, settings: TransformSettings, work: Work, arrival: Arrival, piece_bytes: int, started: datetime
) -> Literal["check", "refused", "done"]:
    """Plans the transform of a file: its pieces are to be checked now, or it is refused or scored already."""
    if find_committed(s3, settings.bucket, output_keys(arrival, settings.predictions_prefix)):
        return "done"
    try:
        make_plan(s3, settings.bucket, work, arrival, piece_bytes, started)
    except (UnreadableFile, NoChampion) as error:
        refuse(s3, settings.bucket, arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "check"


def accept_file(
    s3: Any, settings: TransformSettings, plan: TransformPlan
) -> Literal["score", "finish", "refused"]:
    """Decides on what the checks found: the rows are to be scored now, there is none to score, or it is refused."""
    try:
        accepted = accept_pieces(
            s3, settings.bucket, plan, settings.max_rejected_percent, settings.max_batch_bytes
        )
    except UnreadableFile as error:
        refuse(s3, settings.bucket, plan.arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "score" if accepted.to_score else "finish"
