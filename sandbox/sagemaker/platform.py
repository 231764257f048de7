"""The account, folders and S3 shared by every part of the local SageMaker."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.cloudwatch.models import cloudwatch_backends

from sandbox.errors import RoleUnusable
from sandbox.limits import CurrentLimits
from sandbox.sagemaker.wire.errors import ValidationException

IMAGE_NAME = "sandbox-autogluon-inference:1.6-cpu-py3"
STUB_IMAGE_NAME = "sandbox-stub-inference:1"
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")

Credentials = Callable[[str], tuple[str, str]]
"""Assumes a role: returns its access key and secret key, by ARN; raises RoleUnusable if SageMaker may not."""


def any_key(_: str) -> tuple[str, str]:
    """For an S3 that checks no signatures."""
    return "sandbox", "sandbox"


@dataclass(frozen=True)
class Platform:
    """The account that this SageMaker answers for, its files, its S3 and its model environment."""

    state_dir: Path
    endpoint_url: str
    region: str
    account_id: str
    model_python: Path
    credentials: Credentials = any_key
    limits: CurrentLimits = field(default_factory=CurrentLimits)

    @property
    def image(self) -> str:
        """The registry name of the container in AutoML jobs' candidates."""
        return f"{self._registry}/{IMAGE_NAME}"

    @property
    def images(self) -> dict[str, str]:
        """The containers that this SageMaker supports: the script of each, by registry name."""
        return {self.image: "serve.py", f"{self._registry}/{STUB_IMAGE_NAME}": "stub.py"}

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a SageMaker resource, such as kind `endpoint-config`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{kind}/{name}"

    @property
    def _registry(self) -> str:
        return f"{self.account_id}.dkr.ecr.{self.region}.amazonaws.com"

    def alarm_raised(self, names: Sequence[str]) -> str | None:
        """The first of these CloudWatch alarms in state ALARM; None if none is."""
        alarms = cloudwatch_backends[self.account_id][self.region].alarms
        return next((name for name in names if name in alarms and alarms[name].state_value == "ALARM"), None)

    def s3(self, role_arn: str) -> Any:
        """A client for the sandbox's S3 with the rights of a role; raises ValidationException as `assume` does."""
        access_key, secret_key = self.assume(role_arn)
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=60),
        )

    def assume(self, role_arn: str) -> tuple[str, str]:
        """The access key and the secret key of a role.

        Raises:
            ValidationException: the role does not exist, or does not trust SageMaker.
        """
        try:
            return self.credentials(role_arn)
        except RoleUnusable as error:
            raise ValidationException(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal"
                " 'sagemaker.amazonaws.com' to assume the role."
            ) from error

    def child_environment(self) -> dict[str, str]:
        """The part of this environment that a training or model process gets: no credentials, no settings."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # OpenMP's threads spin while waiting; several models on few cores become 20 times slower or more.
        return {**inherited, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
