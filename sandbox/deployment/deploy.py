"""Creates the stack of a SAM template in the sandbox, as `sam deploy` does in AWS."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends

from sandbox.deployment.resources import Parts, register, supported_types
from sandbox.deployment.template import ARTEFACT_BUCKET, package, read_template, resolve_parameters
from sandbox.errors import DeploymentError, SandboxError, TemplateError
from sandbox.events.schedules import Schedules
from sandbox.functions.functions import Functions
from sandbox.functions.invocations import Invocations
from sandbox.install import Environments


@dataclass(frozen=True)
class Target:
    """Where a stack goes."""

    session: Any
    """A boto3 session with the sandbox's credentials and region."""
    endpoint_url: str
    account_id: str
    region: str
    stack_name: str
    code_folder: Path
    environments: Environments


def deploy(
    path: Path,
    given_parameters: dict[str, str],
    target: Target,
    functions: Functions,
    invocations: Invocations,
    schedules: Schedules,
) -> dict[str, str]:
    """Create the stack and give its outputs.

    Raises TemplateError or ParameterError for what the template asks for and cannot get, and DeploymentError, naming
    the stack, when CloudFormation refuses it.
    """
    template = read_template(path)
    parameters = resolve_parameters(template, given_parameters)
    s3 = target.session.client("s3", endpoint_url=target.endpoint_url)
    s3.create_bucket(Bucket=ARTEFACT_BUCKET)

    def upload(key: str, body: bytes) -> None:
        s3.put_object(Bucket=ARTEFACT_BUCKET, Key=key, Body=body)

    packaged = package(path, template, parameters, target.code_folder, target.environments, upload)
    _check_types(packaged.template)
    register(Parts(target.session, target.endpoint_url, functions, invocations, schedules, packaged))
    return _create(target, packaged.template, parameters)


def _check_types(template: dict[str, Any]) -> None:
    """Nothing is left out in silence: TemplateError names every resource of a type that is not there."""
    supported = supported_types()
    missing = [
        f"{name} ({resource['Type']})"
        for name, resource in template["Resources"].items()
        if resource["Type"] not in supported
    ]
    if missing:
        raise TemplateError(f"The sandbox cannot create {', '.join(missing)}.")
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Events::Rule" and "ScheduleExpression" in resource["Properties"]:
            raise TemplateError(
                f"The rule {name} has a schedule; use a ScheduleV2 event, which has time zones."
            )


def _create(target: Target, template: dict[str, Any], parameters: dict[str, str]) -> dict[str, str]:
    backend = cloudformation_backends[target.account_id][target.region]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stack = backend.create_stack(target.stack_name, json.dumps(template, default=str), parameters)
            return {output["OutputKey"]: str(output["OutputValue"]) for output in stack.outputs or []}
    except SandboxError:
        raise
    except Exception as error:
        raise DeploymentError(f"The stack {target.stack_name} could not be created: {error}") from error
