"""Once a day: compares the scored rows with the training data, and alerts people when they have drifted."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.aws.notifications import mailing
from autowatch.monitoring.drift.raw_profile import CsvProfiler
from autowatch.monitoring.requests import read_request, read_time
from autowatch.monitoring.watch import DriftClients, MonitoringSettings, watch
from autowatch.settings import StackSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    monitoring: MonitoringSettings
    profile_csv_function: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, Any]:
    """Judges the days that are due, or what the event asks for: a date, a date range or a file."""
    now = read_time(event, datetime.now(UTC))
    request = read_request(event, now.date())
    bucket = data_bucket(settings.bucket)
    profiler = CsvProfiler(client("lambda"), settings.profile_csv_function, bucket)
    clients = DriftClients(
        bucket, mailing(client("sns"), settings.values_in_mails), client("events"), profiler
    )
    return asdict(watch(clients, settings.monitoring, request, now, seconds_left(context)))
