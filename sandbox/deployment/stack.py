"""CloudFormation's records: stacks, their resources and events, and change sets."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.deployment.blueprint import Blueprint
from sandbox.deployment.resources.kind import Made, Request


@dataclass
class Resource:
    """A resource of a stack."""

    request: Request
    """The properties that it was created with."""
    made: Made | None
    retained: bool
    """Whether it is retained when it is no longer wanted."""
    status: str = ""
    reason: str | None = None
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Stack:
    """A stack, from the first change set until after its deletion."""

    id: str
    name: str
    status: str
    blueprint: Blueprint | None = None
    reason: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    disable_rollback: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def tell(self, status: str, reason: str | None = None) -> None:
        """Set a new status, with its event."""
        self.status, self.reason = status, reason
        self._record(self.name, self.id, "AWS::CloudFormation::Stack", status, reason)

    def tell_of(self, resource: Resource, status: str, reason: str | None = None) -> None:
        """Set a resource's new status, with its event."""
        resource.status, resource.reason, resource.changed = status, reason, datetime.now(UTC)
        physical_id = resource.made.physical_id if resource.made else ""
        request = resource.request
        self._record(request.logical_id, physical_id, request.kind, status, reason)

    def _record(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None) -> None:
        self.events.append(
            {
                "StackId": self.id,
                "EventId": str(uuid.uuid4()),
                "StackName": self.name,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
                "Timestamp": datetime.now(UTC),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )


@dataclass
class Change:
    """One line of a change set."""

    action: str
    logical_id: str
    kind: str
    physical_id: str | None = None
    replacement: str | None = None
    """For a change: `True`, `False` or `Conditional`; else empty."""


@dataclass
class ChangeSet:
    """A change set: the planned changes, until it is executed."""

    id: str
    name: str
    kind: str
    """CREATE or UPDATE."""
    stack: Stack
    blueprint: Blueprint | None
    changes: list[Change]
    status: str
    execution_status: str
    reason: str | None = None
    description: str | None = None
    capabilities: list[str] = field(default_factory=list)
    on_failure: str | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
