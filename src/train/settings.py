"""What the environment tells the training states that make something in SageMaker."""

from collections.abc import Mapping

from autowatch.settings import network_from_env, whole_number
from autowatch.training.serving.deployment import Deployment
from autowatch.training.serving.endpoints import Serving
from autowatch.training.serving.staging import resource_tags


def tags_from_env(environment: Mapping[str, str], run: str | None = None) -> dict[str, str]:
    """The tags of what `run` makes; without a run, of what outlives it."""
    return resource_tags(environment["STACK_NAME"], environment["RESOURCE_TAGS"], run)


def serving_from_env(environment: Mapping[str, str]) -> Serving:
    """How a model is served."""
    return Serving(
        instance_type=environment["INSTANCE_TYPE"],
        instance_count=whole_number(environment, "INSTANCE_COUNT"),
        serverless_memory_mb=whole_number(environment, "SERVERLESS_MEMORY_MB"),
        serverless_max_concurrency=whole_number(environment, "SERVERLESS_MAX_CONCURRENCY"),
        kms_key=environment["KMS_KEY_ARN"],
        network=network_from_env(environment),
    )


def deployment_from_env(environment: Mapping[str, str]) -> Deployment:
    """How an endpoint goes over to another model."""
    return Deployment(
        instances=whole_number(environment, "INSTANCE_COUNT") if environment["INSTANCE_TYPE"] else 0,
        alarms=tuple(name for name in environment["ROLLBACK_ALARMS"].split(",") if name),
        bake_seconds=whole_number(environment, "BAKE_SECONDS"),
        limit_seconds=whole_number(environment, "MAX_ENDPOINT_SECONDS"),
    )
