"""CloudFormation's Query API as one WSGI application.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
"""

import json
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from botocore.exceptions import ClientError
from moto.core.parse import QueryParser
from moto.core.serialize import QuerySerializer, SerializationContext
from moto.core.utils import get_service_model

from sandbox.deployment.resources.kind import Context
from sandbox.deployment.stack import Change, ChangeSet, Resource, Stack
from sandbox.deployment.stacks import Stacks, Wanted
from sandbox.deployment.template import parse_template
from sandbox.errors import CapabilityError, NotFoundError, SandboxError, TemplateError

_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_LONGEST_BODY = 51_200
_LONGEST_TEMPLATE = 1_000_000
# A client that polls every 15 seconds whether a small stack is ready then needs one poll.
_PATIENCE_SECONDS = 1.5

Parameters = dict[str, Any]


class CloudFormation:
    """Answers boto3's `cloudformation` client; rejects every unsupported operation by name."""

    def __init__(self, stacks: Stacks, context: Context) -> None:
        self._stacks = stacks
        self._context = context
        self._model = get_service_model("cloudformation")
        self._operations: dict[str, Callable[[Parameters], Any]] = {
            "CreateChangeSet": self._create_change_set,
            "CreateStack": self._create_stack,
            "DeleteChangeSet": self._delete_change_set,
            "DeleteStack": self._delete_stack,
            "DescribeChangeSet": self._describe_change_set,
            "DescribeStackEvents": self._describe_stack_events,
            "DescribeStackResource": self._describe_stack_resource,
            "DescribeStackResources": self._describe_stack_resources,
            "DescribeStacks": self._describe_stacks,
            "ExecuteChangeSet": self._execute_change_set,
            "GetTemplate": self._get_template,
            "GetTemplateSummary": self._get_template_summary,
            "ListChangeSets": self._list_change_sets,
            "ListStackResources": self._list_stack_resources,
            "ListStacks": self._list_stacks,
            "UpdateStack": self._update_stack,
            "UpdateTerminationProtection": self._update_termination_protection,
            "ValidateTemplate": self._validate_template,
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request (PEP 3333)."""
        request_id = str(uuid.uuid4())
        try:
            status, body = 200, self._answer(environ, request_id)
        except SandboxError as error:
            status, body = 400, _error(_code(error), str(error), request_id)
        except Exception as error:  # noqa: BLE001 - a server answers InternalFailure and lives on
            traceback.print_exc(file=environ["wsgi.errors"])
            status, body = 500, _error("InternalFailure", f"{type(error).__name__}: {error}", request_id)
        headers = [
            ("Content-Type", "text/xml"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id),
        ]
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", headers)
        return [body]

    def _answer(self, environ: dict[str, Any], request_id: str) -> bytes:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        values = dict(parse_qsl(raw or environ.get("QUERY_STRING", ""), keep_blank_values=True))
        action = values.get("Action", "")
        if action not in self._operations:
            raise TemplateError(f"The operation {action or '(none)'} is not offered in the sandbox.")
        model = self._model.operation_model(action)
        request: Any = {
            "values": values,
            "headers": {},
            "body": raw,
            "method": "POST",
            "url_params": {},
            "url_path": "/",
        }
        answer = self._operations[action](QueryParser(model).parse(request))
        serialized = QuerySerializer(model, SerializationContext(request_id)).serialize(answer or {})
        body = serialized["body"]
        return body if isinstance(body, bytes) else body.encode()

    # Stacks

    def _create_stack(self, request: Parameters) -> Parameters:
        failing = request.get("DisableRollback", False) or request.get("OnFailure") == "DO_NOTHING"
        stack = self._stacks.create(
            request["StackName"], self._wanted(request, None), disable_rollback=failing
        )
        stack.protected = request.get("EnableTerminationProtection", False)
        self._be_patient(stack)
        return {"StackId": stack.id}

    def _update_stack(self, request: Parameters) -> Parameters:
        stack = self._stacks.find(request["StackName"])
        failing = request.get("DisableRollback", False)
        self._stacks.update(stack, self._wanted(request, stack), disable_rollback=failing)
        self._be_patient(stack)
        return {"StackId": stack.id}

    def _delete_stack(self, request: Parameters) -> None:
        if request.get("DeletionMode", "STANDARD") != "STANDARD":
            raise TemplateError("The sandbox supports only the DeletionMode STANDARD.")
        try:
            stack = self._stacks.find(request["StackName"])
        except NotFoundError:
            # CloudFormation treats it as done.
            return
        self._stacks.delete(stack, set(request.get("RetainResources", [])))
        self._be_patient(stack)

    def _describe_stacks(self, request: Parameters) -> Parameters:
        if name := request.get("StackName"):
            return {"Stacks": [_described(self._stacks.find(name))]}
        present = [stack for stack in self._stacks.all() if stack.status != "DELETE_COMPLETE"]
        return {"Stacks": [_described(stack) for stack in reversed(present)]}

    def _list_stacks(self, request: Parameters) -> Parameters:
        wanted = request.get("StackStatusFilter")
        chosen = [stack for stack in self._stacks.all() if not wanted or stack.status in wanted]
        return {"StackSummaries": [_described(stack) for stack in reversed(chosen)]}

    def _describe_stack_events(self, request: Parameters) -> Parameters:
        return {"StackEvents": self._stacks.find(request["StackName"]).events[::-1]}

    def _update_termination_protection(self, request: Parameters) -> Parameters:
        stack = self._stacks.find(request["StackName"])
        stack.protected = request["EnableTerminationProtection"]
        return {"StackId": stack.id}

    # Resources

    def _describe_stack_resource(self, request: Parameters) -> Parameters:
        stack = self._stacks.find(request["StackName"])
        name = request["LogicalResourceId"]
        if name not in stack.resources:
            raise NotFoundError(f"Resource {name} does not exist for stack {stack.name}")
        return {"StackResourceDetail": _resource(stack, stack.resources[name])}

    def _describe_stack_resources(self, request: Parameters) -> Parameters:
        physical_id, logical_id = request.get("PhysicalResourceId"), request.get("LogicalResourceId")
        stacks = [self._stacks.find(request["StackName"])] if "StackName" in request else self._stacks.all()
        found = [
            stack
            for stack in stacks
            if not physical_id
            or any(item.made and item.made.physical_id == physical_id for item in stack.resources.values())
        ]
        if not found:
            raise NotFoundError(f"Stack for {physical_id} does not exist")
        chosen = [item for name, item in found[0].resources.items() if logical_id in (None, name)]
        return {"StackResources": [_resource(found[0], item) for item in chosen]}

    def _list_stack_resources(self, request: Parameters) -> Parameters:
        stack = self._stacks.find(request["StackName"])
        return {"StackResourceSummaries": [_resource(stack, item) for item in stack.resources.values()]}

    # Templates

    def _get_template(self, request: Parameters) -> Parameters:
        if name := request.get("ChangeSetName"):
            blueprint = self._stacks.change_set(name, request.get("StackName")).blueprint
        else:
            blueprint = self._stacks.find(request["StackName"]).blueprint
        if blueprint is None:
            raise NotFoundError("There is no template yet.")
        stages = ["Original", "Processed"]
        if request.get("TemplateStage", "Original") == "Original":
            return {"TemplateBody": blueprint.text, "StagesAvailable": stages}
        return {"TemplateBody": json.dumps(blueprint.template, allow_nan=False), "StagesAvailable": stages}

    def _get_template_summary(self, request: Parameters) -> Parameters:
        if name := request.get("StackName"):
            blueprint = self._stacks.find(name).blueprint
            if blueprint is None:
                raise NotFoundError(f"Stack with id {name} does not exist")
            template = blueprint.written
        else:
            template = parse_template(self._text(request, None))
        return {
            "Description": template.get("Description"),
            "Parameters": _declared(template, "ParameterType"),
            "ResourceTypes": sorted({resource["Type"] for resource in template["Resources"].values()}),
            "DeclaredTransforms": _transforms(template),
        }

    def _validate_template(self, request: Parameters) -> Parameters:
        template = parse_template(self._text(request, None))
        return {
            "Description": template.get("Description"),
            "Parameters": _declared(template),
            "DeclaredTransforms": _transforms(template),
        }

    # Change sets

    def _create_change_set(self, request: Parameters) -> Parameters:
        kind = request.get("ChangeSetType", "UPDATE")
        if kind not in ("CREATE", "UPDATE"):
            raise TemplateError(f"The sandbox has no change sets of the type {kind}.")
        before = self._stacks.find(request["StackName"]) if kind == "UPDATE" else None
        change_set = self._stacks.propose(
            request["StackName"],
            request["ChangeSetName"],
            kind,
            self._wanted(request, before),
            description=request.get("Description"),
            on_failure=request.get("OnStackFailure"),
        )
        return {"Id": change_set.id, "StackId": change_set.stack.id}

    def _describe_change_set(self, request: Parameters) -> Parameters:
        change_set = self._stacks.change_set(request["ChangeSetName"], request.get("StackName"))
        blueprint = change_set.blueprint
        return {
            **_summary(change_set),
            "Capabilities": change_set.capabilities,
            "Changes": [_change(change) for change in change_set.changes],
            "Parameters": _values(blueprint.written, blueprint.parameters) if blueprint else [],
            "Tags": _tags(blueprint.tags) if blueprint else [],
        }

    def _list_change_sets(self, request: Parameters) -> Parameters:
        stack = self._stacks.find(request["StackName"])
        return {"Summaries": [_summary(change_set) for change_set in self._stacks.change_sets(stack)]}

    def _execute_change_set(self, request: Parameters) -> None:
        change_set = self._stacks.change_set(request["ChangeSetName"], request.get("StackName"))
        self._stacks.execute(change_set, disable_rollback=request.get("DisableRollback", False))
        self._be_patient(change_set.stack)

    def _delete_change_set(self, request: Parameters) -> None:
        self._stacks.discard(self._stacks.change_set(request["ChangeSetName"], request.get("StackName")))

    # What they share

    def _wanted(self, request: Parameters, before: Stack | None) -> Wanted:
        blueprint = before.blueprint if before else None
        parameters = {}
        for given in request.get("Parameters", []):
            name = given["ParameterKey"]
            if not given.get("UsePreviousValue"):
                parameters[name] = given.get("ParameterValue", "")
            elif blueprint and name in blueprint.parameters:
                parameters[name] = blueprint.parameters[name]
            else:
                raise TemplateError(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true"
                    " for a parameter key not in the previous template"
                )
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        if before and "Tags" not in request:
            tags = before.tags
        return Wanted(self._text(request, before), parameters, tags, request.get("Capabilities", []))

    def _text(self, request: Parameters, before: Stack | None) -> str:
        if request.get("UsePreviousTemplate") and before and before.blueprint:
            return before.blueprint.text
        if "TemplateBody" in request:
            if len(request["TemplateBody"].encode()) > _LONGEST_BODY:
                raise TemplateError(
                    "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must"
                    f" have length less than or equal to {_LONGEST_BODY}"
                )
            return str(request["TemplateBody"])
        if "TemplateURL" not in request:
            raise TemplateError("Either Template URL or Template Body must be specified.")
        text = self._from_s3(request["TemplateURL"])
        if len(text) > _LONGEST_TEMPLATE:
            raise TemplateError(f"Template may not exceed {_LONGEST_TEMPLATE} bytes in size.")
        return text.decode()

    def _from_s3(self, url: str) -> bytes:
        """The object of a URL in path style, or in virtual-hosted style where the host is S3's."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path.lstrip("/")
        if ".s3." in host or ".s3-" in host:
            bucket, key = host.split(".s3", 1)[0], path
        else:
            bucket, _, key = path.partition("/")
        version = dict(parse_qsl(parts.query)).get("versionId")
        options = {"VersionId": version} if version else {}
        try:
            return bytes(
                self._context.call("s3", "get_object", Bucket=bucket, Key=key, **options)["Body"].read()
            )
        except ClientError as error:
            raise TemplateError(
                f"S3 error: {error.response['Error'].get('Message', 'Access Denied')}"
            ) from error

    @staticmethod
    def _be_patient(stack: Stack) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while stack.is_busy and time.monotonic() < deadline:
            time.sleep(0.02)


def _described(stack: Stack) -> Parameters:
    blueprint = stack.blueprint
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": blueprint.template.get("Description") if blueprint else None,
        "TemplateDescription": blueprint.template.get("Description") if blueprint else None,
        "Parameters": _values(blueprint.written, blueprint.parameters) if blueprint else [],
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": stack.disable_rollback,
        "EnableTerminationProtection": stack.protected,
        "NotificationARNs": [],
        "Capabilities": ["CAPABILITY_IAM"],
        "Outputs": list(stack.outputs.values()),
        "Tags": _tags(stack.tags),
        "RollbackConfiguration": {},
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _values(written: Parameters, parameters: dict[str, str]) -> list[Parameters]:
    declared = written.get("Parameters", {})
    return [
        {"ParameterKey": name, "ParameterValue": "****" if declared[name].get("NoEcho") else value}
        for name, value in parameters.items()
    ]


def _tags(tags: dict[str, str]) -> list[Parameters]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _resource(stack: Stack, item: Resource) -> Parameters:
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": item.request.logical_id,
        "PhysicalResourceId": item.made.physical_id if item.made else None,
        "ResourceType": item.request.kind,
        "ResourceStatus": item.status,
        "ResourceStatusReason": item.reason,
        "LastUpdatedTimestamp": item.changed,
        "Timestamp": item.changed,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _declared(template: Parameters, type_member: str | None = None) -> list[Parameters]:
    return [
        {
            "ParameterKey": name,
            "DefaultValue": None if "Default" not in declared else str(declared["Default"]),
            "NoEcho": bool(declared.get("NoEcho")),
            "Description": declared.get("Description"),
            **({type_member: declared.get("Type", "String")} if type_member else {}),
        }
        for name, declared in template.get("Parameters", {}).items()
    ]


def _transforms(template: Parameters) -> list[str]:
    named = template.get("Transform", [])
    return named if isinstance(named, list) else [named]


def _summary(change_set: ChangeSet) -> Parameters:
    return {
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "StackId": change_set.stack.id,
        "StackName": change_set.stack.name,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
        "ExecutionStatus": change_set.execution_status,
        "CreationTime": change_set.created,
        "Description": change_set.description,
        "OnStackFailure": change_set.on_failure,
    }


def _change(change: Change) -> Parameters:
    details = {
        "Action": change.action,
        "LogicalResourceId": change.logical_id,
        "PhysicalResourceId": change.physical_id,
        "ResourceType": change.kind,
        "Replacement": change.replacement,
    }
    return {"Type": "Resource", "ResourceChange": details}


def _code(error: SandboxError) -> str:
    if isinstance(error, CapabilityError):
        return "InsufficientCapabilitiesException"
    if isinstance(error, NotFoundError) and str(error).startswith("ChangeSet"):
        return "ChangeSetNotFound"
    return "AlreadyExistsException" if "already exists" in str(error) else "ValidationError"


def _error(code: str, message: str, request_id: str) -> bytes:
    return (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()
