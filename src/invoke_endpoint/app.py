"""For every CSV under `inference/`: scores it through the endpoint."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.records.arrival import arrivals_in
from autowatch.records.keys import INFERENCE_PREFIX
from autowatch.scoring.inbox import TransformMachine, score_arrivals, times_postponed
from autowatch.scoring.predictions import ScoringSettings
from autowatch.settings import StackSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template. Without a state machine the function scores files of any size itself."""

    scoring: ScoringSettings
    transform_state_machine_arn: str = ""
    transform_threshold_bytes: int = 0


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, int]:
    """Scores the files that an S3 event announces; returns how many were scored, refused and handed over."""
    return score_arrivals(
        bucket=data_bucket(settings.bucket),
        runtime=client("sagemaker-runtime"),
        arrivals=arrivals_in(event, settings.bucket, INFERENCE_PREFIX),
        settings=settings.scoring,
        seconds_left=seconds_left(context),
        invocation=context.aws_request_id,
        transforms=_transforms(settings),
        postponed=times_postponed(event),
    )


def _transforms(settings: Settings) -> TransformMachine | None:
    if not settings.transform_state_machine_arn:
        return None
    return TransformMachine(
        lambda: client("stepfunctions"),
        settings.transform_state_machine_arn,
        settings.transform_threshold_bytes,
    )
