"""The clients and parameters of the daily job."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.tabular.profile import CsvProfile

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True)
class Clients:
    """The services that the job uses."""

    bucket: Bucket
    sns: "SNSClient"
    events: "EventBridgeClient"


@dataclass(frozen=True)
class DriftClients(Clients):
    """`Clients` and a function that counts the rows of a CSV in the bucket on the bins of a run."""

    profile_csv: Callable[[ObjectVersion, str], CsvProfile]


@dataclass(frozen=True)
class MonitoringSettings:
    """The parameters of the daily job.

    Attributes:
        event_bus: the stack's own bus, which its rules listen to.
        min_rows: with fewer rows, scored or reference, there is no verdict.
        column_metrics: whether metrics are emitted for each column.
        id_column: the user's key column; empty if there is none.
        retrain_on_drift: whether drift starts a training run.
    """

    predictions_prefix: str
    topic_arn: str
    metrics_namespace: str
    stack: str
    region: str
    event_bus: str
    min_rows: int = 500
    column_metrics: bool = True
    id_column: str = ""
    retrain_on_drift: bool = True
