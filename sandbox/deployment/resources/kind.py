"""Common to every kind of resource: how it is named, created, updated and deleted.

Each uses the service's own API: botocore checks every field, and a refusal by the service fails the deployment.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.access.decisions import Decisions
from sandbox.deployment.intrinsics import as_text
from sandbox.errors import TemplateError
from sandbox.events.schedules import Schedules

_GONE = (
    "NoSuchEntity",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NotFound",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "StateMachineDoesNotExist",
    "DashboardNotFoundError",
)


@dataclass
class Context:
    """What creating a resource requires."""

    session: Any
    """A boto3 session with the deployer's credentials."""
    endpoint_url: str
    account_id: str
    region: str
    schedules: Schedules
    decisions: Decisions
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of the sandbox's own service, created once."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, endpoint_url=self.endpoint_url)
        return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """Call an operation with its parameters converted as CloudFormation converts them."""
        client = self.client(service)
        name = client.meta.method_to_api_mapping[operation]
        shape = client.meta.service_model.operation_model(name).input_shape
        return getattr(client, operation)(**fit(parameters, shape))

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True)
class Request:
    """One resource as the template wants it, every reference resolved."""

    stack_name: str
    stack_id: str
    logical_id: str
    kind: str
    name: str
    """The physical name: the template's own, or a generated one."""
    properties: dict[str, Any]
    tags: dict[str, str]
    """The stack's tags, which its resources get too."""


@dataclass(frozen=True)
class Made:
    """An existing resource."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""


class Kind(ABC):
    """One type of resource. Changing one of the properties in `replaced_by` requires a new resource."""

    name_property: str | None = None
    longest_name = 64
    replaced_by: frozenset[str] = frozenset()

    @abstractmethod
    def create(self, context: Context, request: Request) -> Made:
        """Create the resource."""

    @abstractmethod
    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change the existing resource from the properties `before` to the request's."""

    @abstractmethod
    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Remove the resource. A missing one is not an error."""


class Replaced(Kind):
    """A resource without changeable properties: CloudFormation replaces it."""

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Do nothing: only the stack's tags differ, and the resource has no tags."""
        return made


def needs_replacement(kind: Kind, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a change of properties needs a new resource."""
    if isinstance(kind, Replaced):
        return before != after
    named = {kind.name_property} if kind.name_property else set()
    return any(before.get(name) != after.get(name) for name in kind.replaced_by | named)


def is_gone(error: ClientError) -> bool:
    """Whether the service reports that the resource does not exist."""
    return error.response["Error"]["Code"] in _GONE


def take(properties: dict[str, Any], logical_id: str, *names: str) -> dict[str, Any]:
    """These properties, if set; raises TemplateError for any other."""
    if rest := sorted(set(properties) - set(names)):
        raise TemplateError(
            f"{logical_id} has the properties {', '.join(rest)}, which the sandbox does not have."
        )
    return {name: properties[name] for name in names if name in properties}


def tags_of(request: Request) -> dict[str, str]:
    """The resource's own tags and the stack's."""
    own = request.properties.get("Tags", [])
    pairs = own.items() if isinstance(own, dict) else ((tag["Key"], tag["Value"]) for tag in own)
    return request.tags | {key: as_text(value) for key, value in pairs}


def tag_list(request: Request, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """The tags as the list of pairs that most APIs expect."""
    return [{key: name, value: text} for name, text in tags_of(request).items()]


def fit(value: Any, shape: Shape | None) -> Any:
    """Converts text to numbers and booleans, or these to text, where the API's model requires it.

    Unfit values stay, and botocore rejects them.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: fit(item, shape.members.get(name)) for name, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [fit(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: fit(item, shape.value) for name, item in value.items()}
    if shape is None or isinstance(value, dict | list | bytes):
        return value
    return _scalar(value, shape.type_name)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string":
        return as_text(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    try:
        if kind in ("integer", "long") and isinstance(value, str | float):
            return int(value)
        if kind in ("float", "double") and isinstance(value, str):
            return float(value)
    except ValueError:
        return value
    return value
