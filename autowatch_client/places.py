"""Locates a stack: the sandbox of this clone, the one that the environment names, or a stack of an AWS account."""

import os
import re
import shlex
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from autowatch_client.errors import CloneUnknownError, SandboxEndedError, StackUnknownError
from autowatch_client.nearest import suggestion

SANDBOX = "sandbox"
"""The stack name that means the sandbox of this clone."""

_BUCKET_NAME = re.compile(r"(?P<stack>.+)-[0-9]{12}-[a-z]{2}(-[a-z]+)+-[0-9]")
_LONGEST_CALL_SECONDS = 910
"""Seconds; a function of the stack may run for 900."""

_HELP = f"""Which stack? Start a sandbox with `autowatch up`, or name a stack in your AWS account:

  --stack NAME (or AUTOWATCH_STACK in the environment); `--stack {SANDBOX}` is the sandbox of this clone"""


@dataclass(frozen=True)
class Place:
    """A deployed stack and how to reach it.

    Attributes:
        stack: its name.
        endpoint_url: of the sandbox; None for AWS.
        outputs: the CloudFormation stack's outputs that are known without a request.
    """

    stack: str
    bucket: str
    state_machine: str
    region: str
    endpoint_url: str | None
    session: Any

    @property
    def is_sandbox(self) -> bool:
        """Whether the stack runs in a sandbox on this machine."""
        return self.endpoint_url is not None and is_loopback(self.endpoint_url)

    @property
    def description(self) -> str:
        """A sentence that names the stack in use."""
        where = f"sandbox at {self.endpoint_url}" if self.is_sandbox else self.region
        return f"{self.stack} ({where})"

    def clients(self) -> Callable[[str], Any]:
        """A factory of boto3 clients, each created once, with timeouts and retries."""

        @cache
        def client(service: str) -> Any:
            config = Config(
                connect_timeout=5,
                read_timeout=_LONGEST_CALL_SECONDS if service == "lambda" else 30,
                retries={"mode": "standard", "total_max_attempts": 1 if service == "lambda" else 5},
            )
            return self.session.client(service, endpoint_url=self.endpoint_url, config=config)

        return client


def find_place(
    name: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    *,
    profile: str | None = None,
    region: str | None = None,
) -> Place:
    """The stack to use.

    A name comes first: `sandbox` is the sandbox of this clone, any other name a stack where boto3's environment points
    to. Without one it is AUTOWATCH_STACK, then S3_BUCKET, as `source .sandbox/env` sets it, then a running sandbox of
    this clone.

    Raises:
        StackUnknownError: no stack is named, or it does not exist.
        SandboxEndedError: it was in a sandbox that has ended.
    """
    name = name or environment.get("AUTOWATCH_STACK")
    clone = find_clone(folder or Path.cwd())
    if name == SANDBOX:
        return _sandbox(clone, required=True)
    session = boto3.Session(profile_name=profile, region_name=region or environment.get("AWS_REGION"))
    endpoint_url = environment.get("AWS_ENDPOINT_URL")
    if endpoint_url and (name or environment.get("S3_BUCKET")):
        check_answers(endpoint_url)
    if name:
        return _from_outputs(session, endpoint_url, name)
    if bucket := environment.get("S3_BUCKET"):
        return _from_bucket(session, endpoint_url, bucket, environment.get("TRAIN_STATE_MACHINE_ARN"))
    return _sandbox(clone, required=False)


def find_clone(folder: Path) -> Path | None:
    """The clone that contains `folder`, else the one that the command was installed from."""
    # An editable install lies in its clone.
    for parent in (folder.resolve(), *folder.resolve().parents, Path(__file__).resolve().parent.parent):
        if _is_clone(parent):
            return parent
    try:
        text = distribution("autowatch").read_text("direct_url.json") or ""
    except PackageNotFoundError:
        return None
    if found := re.search(r'"url": ?"file://([^"]+)"', text):
        origin = Path(unquote(found[1]))
        return origin if _is_clone(origin) else None
    return None


def require_clone(what: str) -> Path:
    """The clone, for a command that needs one.

    Raises:
        CloneUnknownError: none was found; the message names the command.
    """
    if clone := find_clone(Path.cwd()):
        return clone
    raise CloneUnknownError(f"{what} needs a clone of the repository: change into one and try again.")


def is_loopback(url: str) -> bool:
    """Whether a URL points to this machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def check_answers(endpoint_url: str) -> None:
    """Checks that a sandbox answers; any other endpoint is left alone.

    Raises:
        SandboxEndedError: the sandbox does not answer.
    """
    if not is_loopback(endpoint_url):
        return
    parts = urlsplit(endpoint_url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=2).close()
    except OSError as error:
        raise SandboxEndedError(
            f"The sandbox at {endpoint_url} has ended. Start it again with `autowatch up`; a shell that has sourced"
            " .sandbox/env must source it again."
        ) from error


def _is_clone(folder: Path) -> bool:
    return all(
        (folder / name).exists() for name in ("template.yaml", "sandbox/__main__.py", "autowatch_client")
    )


def _sandbox(clone: Path | None, required: bool) -> Place:
    env_file = clone / ".sandbox" / "env" if clone else None
    if env_file is None or not env_file.exists():
        if required:
            raise StackUnknownError("No sandbox is running in this clone. Start one with `autowatch up`.")
        raise StackUnknownError(_HELP)
    variables = read_env_file(env_file.read_text())
    endpoint_url = variables["AWS_ENDPOINT_URL"]
    check_answers(endpoint_url)
    session = boto3.Session(
        variables["AWS_ACCESS_KEY_ID"],
        variables["AWS_SECRET_ACCESS_KEY"],
        variables.get("AWS_SESSION_TOKEN"),
        region_name=variables["AWS_REGION"],
    )
    if "S3_BUCKET" not in variables:
        raise StackUnknownError(
            f"The sandbox at {endpoint_url} has no stack. Deploy into it (docs/sandbox.md), or restart it."
        )
    return _from_bucket(
        session, endpoint_url, variables["S3_BUCKET"], variables.get("TRAIN_STATE_MACHINE_ARN")
    )


def read_env_file(text: str) -> dict[str, str]:
    """The variables of a file of `export NAME=value` lines."""
    words = [word for line in text.splitlines() for word in shlex.split(line) if "=" in word]
    return dict(word.split("=", 1) for word in words)


def _from_bucket(session: Any, endpoint_url: str | None, bucket: str, machine: str | None) -> Place:
    found = _BUCKET_NAME.fullmatch(bucket)
    if not found:
        raise StackUnknownError(
            f"S3_BUCKET={bucket} is not the bucket of an Autowatch stack, whose name ends with account and region. "
            "Name the stack with --stack."
        )
    if machine is None:
        return _from_outputs(session, endpoint_url, found["stack"])
    return Place(
        found["stack"], bucket, machine, session.region_name or machine.split(":")[3], endpoint_url, session
    )


def _from_outputs(session: Any, endpoint_url: str | None, name: str) -> Place:
    if session.region_name is None:
        raise StackUnknownError("Which region? Set AWS_REGION, or `region` in ~/.aws/config.")
    cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        others = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]
        raise StackUnknownError(
            f"There is no stack {name} in {session.region_name}. {suggestion(name, others, 'stacks there')}"
        ) from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
    try:
        return Place(
            name,
            outputs["DataBucketName"],
            outputs["TrainStateMachineArn"],
            session.region_name,
            endpoint_url,
            session,
        )
    except KeyError as error:
        raise StackUnknownError(
            f"The stack {name} ({stack['StackStatus']}) has no output {error}: not Autowatch, or not deployed yet."
        ) from error
