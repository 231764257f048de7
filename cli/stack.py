"""Which stack the commands talk to: the bucket and the state machine, from the environment or from CloudFormation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from cli.errors import StackUnknownError

_HELP = """Give the stack's name:

  make {command} STACK=autowatch

or say where it is: S3_BUCKET and TRAIN_STATE_MACHINE_ARN in the environment. For a running sandbox:

  source .sandbox/env"""


@dataclass(frozen=True)
class Stack:
    """A deployed stack, as far as the commands need it."""

    bucket: str
    state_machine: str


def find_stack(environment: Mapping[str, str], client: Callable[[str], Any], command: str) -> Stack:
    """The stack that `environment` names.

    STACK comes first, since it was typed for this very call; S3_BUCKET and TRAIN_STATE_MACHINE_ARN may be left over in
    the shell.

    Raises:
        StackUnknownError: neither is there, or there is no such stack; the message says what to type for `command`.
    """
    if name := environment.get("STACK"):
        return _from_outputs(client, name)
    bucket, machine = environment.get("S3_BUCKET"), environment.get("TRAIN_STATE_MACHINE_ARN")
    if bucket and machine:
        return Stack(bucket, machine)
    missing = [name for name in ("S3_BUCKET", "TRAIN_STATE_MACHINE_ARN") if not environment.get(name)]
    raise StackUnknownError(
        f"Which stack? STACK is not set, nor {'is' if len(missing) == 1 else 'are'} {' and '.join(missing)}. "
        + _HELP.format(command=command)
    )


def _from_outputs(client: Callable[[str], Any], name: str) -> Stack:
    try:
        (stack,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise StackUnknownError(
            f"There is no stack {name} in this account and region. See `aws cloudformation list-stacks`."
        ) from error
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}
    try:
        return Stack(outputs["DataBucketName"], outputs["TrainStateMachineArn"])
    except KeyError as error:
        raise StackUnknownError(
            f"The stack {name} ({stack['StackStatus']}) has no output {error}: not Autowatch, or not deployed yet."
        ) from error
