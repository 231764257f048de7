"""The AWS clients, created once in each execution environment, and one table of their time limits and retries."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

from botocore.config import Config
from botocore.session import Session, get_session
from botocore.utils import parse_timestamp

from autowatch.aws.objects import Bucket

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

Service = Literal[
    "events",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "secretsmanager",
    "sns",
    "ssm",
    "stepfunctions",
]


@dataclass(frozen=True)
class Limits:
    """How a service is called.

    Attributes:
        connect, read: time-outs in seconds for a connection and for the next bytes of an answer.
        attempts: the most tries of a call, the first included.
        connections: the pool's size; unused ones cost nothing, since they open on demand.
    """

    connect: float
    read: float
    attempts: int
    connections: int = 64


LIMITS: dict[Service, Limits] = {
    # Alerts: the job that sends them must not wait long, since other days follow.
    "events": Limits(connect=3, read=5, attempts=3),
    "sns": Limits(connect=3, read=5, attempts=3),
    # A function of the stack answers when it has finished; a retry would start it again.
    "lambda": Limits(connect=5, read=900, attempts=1),
    "logs": Limits(connect=5, read=10, attempts=5),
    # Copies inside S3, of up to 5 GB, answer late.
    "s3": Limits(connect=5, read=120, attempts=5),
    # The state machines wait and retry, as they do when SageMaker throttles.
    "sagemaker": Limits(connect=5, read=10, attempts=4),
    # An endpoint gives up after 60 s; `scoring.endpoint` retries within the time that is left.
    "sagemaker-runtime": Limits(connect=5, read=65, attempts=1),
    "secretsmanager": Limits(connect=5, read=20, attempts=5),
    "ssm": Limits(connect=5, read=20, attempts=5),
    "stepfunctions": Limits(connect=5, read=10, attempts=5),
}


@overload
def client(service: Literal["events"]) -> "EventBridgeClient": ...
@overload
def client(service: Literal["lambda"]) -> "LambdaClient": ...
@overload
def client(service: Literal["logs"]) -> "CloudWatchLogsClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["sagemaker"]) -> "SageMakerClient": ...
@overload
def client(service: Literal["sagemaker-runtime"]) -> "SageMakerRuntimeClient": ...
@overload
def client(service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sns"]) -> "SNSClient": ...
@overload
def client(service: Literal["ssm"]) -> "SSMClient": ...
@overload
def client(service: Literal["stepfunctions"]) -> "SFNClient": ...
def client(service: Service) -> Any:
    """The boto3 client of `service`, the same one at every call."""
    return made_client(service)


def data_bucket(name: str) -> Bucket:
    """The stack's bucket."""
    return Bucket(client("s3"), name)


@cache
def made_client(service: Service) -> Any:
    """A new client of `service`; `client` has the types. Tests clear this cache between two accounts."""
    return _session().create_client(service, config=client_config(service))


def client_config(service: Service) -> Config:
    """botocore's form of a row of the table."""
    limits = LIMITS[service]
    return Config(
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        max_pool_connections=limits.connections,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
    )


@cache
def _session() -> Session:
    """A session that parses the times in S3's listings faster.

    botocore tries all forms of a date for each object, which takes more time than the rest of the listing. The session
    is botocore's, since boto3 would add S3's file transfers, which are not used here, to each cold start.
    """
    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    return session


def _parse_time(value: Any) -> datetime:
    """S3's listings have ISO 8601 times; headers and other services have other forms, which botocore parses."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        parsed: datetime = parse_timestamp(value)
        return parsed
