"""For every CSV under `labels/`: stores the labels and measures the predictions of their days."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.aws.notifications import mailing
from autowatch.monitoring.quality.job import Job, QualitySettings, measure_again, take_in
from autowatch.monitoring.requests import requested_day
from autowatch.monitoring.settings import Clients
from autowatch.records.arrival import arrivals_in
from autowatch.records.keys import LABELS_PREFIX
from autowatch.settings import StackSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    quality: QualitySettings


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, Any]:
    """Stores the labels that an S3 event announces; `{"date": "2026-11-23"}` measures that day again."""
    clients = Clients(
        data_bucket(settings.bucket), mailing(client("sns"), settings.values_in_mails), client("events")
    )
    job = Job(clients, settings.quality, datetime.now(UTC), seconds_left(context))
    if "date" in event:
        return asdict(measure_again(job, requested_day(event["date"], job.now.date()).isoformat()))
    return asdict(take_in(job, arrivals_in(event, settings.bucket, LABELS_PREFIX)))
