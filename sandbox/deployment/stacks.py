"""The stacks of a sandbox. Both `sandbox up` and `sam deploy` deploy through this module."""

import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sandbox.deployment.blueprint import Blueprint, draw
from sandbox.deployment.operation import Operation
from sandbox.deployment.resources import Kinds
from sandbox.deployment.resources.kind import Context, needs_replacement
from sandbox.deployment.stack import Change, ChangeSet, Stack
from sandbox.errors import NotFoundError, StackError, TransformError

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
_UPDATABLE = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
)


@dataclass(frozen=True)
class Wanted:
    """What a client requests for a stack."""

    text: str
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: Iterable[str] = ()


class Stacks:
    """Every stack of the account, including deleted ones."""

    def __init__(self, context: Context, kinds: Kinds) -> None:
        self._context = context
        self._kinds = kinds
        self._stacks: dict[str, Stack] = {}
        self._change_sets: dict[str, ChangeSet] = {}
        self._lock = threading.RLock()
        self.on_change: Callable[[], None] = lambda: None
        """Called after each operation."""

    @property
    def busy(self) -> int:
        """How many stacks have an operation in progress."""
        return sum(stack.is_busy for stack in list(self._stacks.values()))

    def all(self) -> list[Stack]:
        """Every stack, newest last."""
        return list(self._stacks.values())

    def find(self, name_or_id: str) -> Stack:
        """The stack with this id, or the existing one with this name; raises NotFoundError."""
        for stack in self.all():
            if stack.id == name_or_id or (stack.name == name_or_id and stack.status != "DELETE_COMPLETE"):
                return stack
        raise NotFoundError(f"Stack with id {name_or_id} does not exist")

    def create(self, name: str, wanted: Wanted, *, disable_rollback: bool = False) -> Stack:
        """Start to create a stack; raise StackError if the name is taken."""
        with self._lock:
            if any(stack.name == name and stack.status != "DELETE_COMPLETE" for stack in self.all()):
                raise StackError(f"Stack [{name}] already exists")
            stack = self._new(name)
            blueprint = self._draw(stack, wanted)
            self._stacks[stack.id] = stack
        self._start(stack, "CREATE", lambda operation: operation.create(blueprint, disable_rollback))
        return stack

    def update(self, stack: Stack, wanted: Wanted, *, disable_rollback: bool = False) -> None:
        """Start to update a stack; raise StackError if it cannot be updated or nothing would change."""
        self._check_updatable(stack)
        blueprint = self._draw(stack, wanted)
        if not _differs(stack, blueprint):
            raise StackError("No updates are to be performed.")
        self._start(stack, "UPDATE", lambda operation: operation.update(blueprint, disable_rollback))

    def delete(self, stack: Stack, retained: set[str]) -> None:
        """Start to delete a stack; raise StackError if it is protected or busy, or `retained` is invalid."""
        if stack.status == "DELETE_COMPLETE":
            return
        if stack.protected:
            raise StackError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if retained and stack.status != "DELETE_FAILED":
            raise StackError(
                "Invalid operation on stack: RetainResources can be given only after a deletion has failed."
            )
        if stack.is_busy:
            raise StackError(f"Stack [{stack.name}] is in {stack.status} state and can not be deleted.")
        for change_set in self.change_sets(stack):
            self._change_sets.pop(change_set.id)
        self._start(stack, "DELETE", lambda operation: operation.delete(retained))

    def propose(
        self,
        name: str,
        change_set_name: str,
        kind: str,
        wanted: Wanted,
        *,
        description: str | None = None,
        on_failure: str | None = None,
    ) -> ChangeSet:
        """A new change set; for a new stack, the stack appears with it, in review.

        As in AWS, an error of the transform fails the change set; any other error fails the request.
        """
        with self._lock:
            stack = self._reviewed(name, kind)
            if any(each.name == change_set_name for each in self.change_sets(stack)):
                raise StackError(f"ChangeSet {change_set_name} already exists")
            change_set = self._change_set(stack, change_set_name, kind, wanted)
            change_set.description, change_set.on_failure = description, on_failure
            self._stacks.setdefault(stack.id, stack)
            self._change_sets[change_set.id] = change_set
        return change_set

    def change_sets(self, stack: Stack) -> list[ChangeSet]:
        """The change sets of a stack."""
        return [each for each in list(self._change_sets.values()) if each.stack is stack]

    def change_set(self, name_or_id: str, stack_name: str | None) -> ChangeSet:
        """The change set with this id, or with this name of this stack; raises NotFoundError."""
        for each in list(self._change_sets.values()):
            if each.id == name_or_id or (
                each.name == name_or_id and stack_name in (each.stack.name, each.stack.id)
            ):
                return each
        raise NotFoundError(f"ChangeSet [{name_or_id}] does not exist")

    def discard(self, change_set: ChangeSet) -> None:
        """Delete a change set."""
        self._change_sets.pop(change_set.id, None)

    def execute(self, change_set: ChangeSet, *, disable_rollback: bool = False) -> None:
        """Start to execute a change set; raise StackError if it cannot be executed."""
        if change_set.execution_status != "AVAILABLE" or change_set.blueprint is None:
            raise StackError(
                f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
            )
        blueprint = change_set.blueprint
        keeps = disable_rollback or change_set.on_failure == "DO_NOTHING"
        change_set.execution_status = "EXECUTE_COMPLETE"
        for other in self.change_sets(change_set.stack):
            if other is not change_set and other.execution_status == "AVAILABLE":
                other.execution_status = "OBSOLETE"
        if change_set.kind == "CREATE":
            self._start(change_set.stack, "CREATE", lambda operation: operation.create(blueprint, keeps))
        else:
            self._start(change_set.stack, "UPDATE", lambda operation: operation.update(blueprint, keeps))

    def _reviewed(self, name: str, kind: str) -> Stack:
        try:
            stack = self.find(name)
        except NotFoundError:
            if kind == "UPDATE":
                raise
            return self._new(name)
        if kind == "CREATE" and stack.status != "REVIEW_IN_PROGRESS":
            raise StackError(f"Stack [{name}] already exists and cannot be created again with the changeSet.")
        if kind == "UPDATE":
            self._check_updatable(stack)
        return stack

    def _change_set(self, stack: Stack, name: str, kind: str, wanted: Wanted) -> ChangeSet:
        identity = self._context.arn("cloudformation", f"changeSet/{name}/{uuid.uuid4()}")
        blueprint, changes, reason = None, list[Change](), None
        try:
            blueprint = self._draw(stack, wanted)
            changes = self._changes(stack, blueprint)
            if kind == "UPDATE" and not _differs(stack, blueprint):
                reason = NO_CHANGES
        except TransformError as error:
            reason = str(error)
        status = ("FAILED", "UNAVAILABLE") if reason else ("CREATE_COMPLETE", "AVAILABLE")
        return ChangeSet(
            identity,
            name,
            kind,
            stack,
            blueprint,
            changes,
            *status,
            reason,
            capabilities=list(wanted.capabilities),
        )

    def _changes(self, stack: Stack, blueprint: Blueprint) -> list[Change]:
        before = stack.blueprint
        changes = []
        replaced: set[str] = set()
        for name in blueprint.order:
            new = blueprint.fixed[name]
            old = before.fixed.get(name) if before else None
            if old is None or name not in stack.resources:
                changes.append(Change("Add", name, new["Type"]))
                continue
            if old == new and stack.tags == blueprint.tags and not blueprint.needs[name] & replaced:
                continue
            kind = self._kinds.of(new["Type"])
            replaces = old["Type"] != new["Type"] or (
                old != new and needs_replacement(kind, old["Properties"], new["Properties"])
            )
            if replaces:
                replaced.add(name)
            made = stack.resources[name].made
            changes.append(
                Change(
                    "Modify",
                    name,
                    new["Type"],
                    made.physical_id if made else None,
                    "True" if replaces else "False",
                )
            )
        for name, resource in stack.resources.items():
            if name not in blueprint.order:
                made = resource.made
                changes.append(
                    Change("Remove", name, resource.request.kind, made.physical_id if made else None)
                )
        return changes

    def _draw(self, stack: Stack, wanted: Wanted) -> Blueprint:
        pseudo = {
            "AWS::AccountId": self._context.account_id,
            "AWS::Partition": "aws",
            "AWS::Region": self._context.region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        return draw(wanted.text, wanted.parameters, wanted.tags, pseudo, self._kinds, wanted.capabilities)

    def _new(self, name: str) -> Stack:
        stack = Stack(self._context.arn("cloudformation", f"stack/{name}/{uuid.uuid4()}"), name, "")
        stack.tell("REVIEW_IN_PROGRESS", "User Initiated")
        return stack

    @staticmethod
    def _check_updatable(stack: Stack) -> None:
        if stack.status not in _UPDATABLE:
            raise StackError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def _start(self, stack: Stack, verb: str, work: Callable[[Operation], None]) -> None:
        if stack.is_busy:
            raise StackError(f"Stack [{stack.name}] is in {stack.status} state.")
        # The stack is busy from now on, even before the thread starts.
        stack.status = f"{verb}_IN_PROGRESS"

        def run() -> None:
            try:
                work(Operation(self._context, self._kinds, stack))
            finally:
                now = datetime.now(UTC)
                if stack.status == "DELETE_COMPLETE":
                    stack.deleted = now
                elif stack.status != "CREATE_COMPLETE":
                    stack.updated = now
                self.on_change()

        threading.Thread(target=run, name=f"stack {stack.name}", daemon=True).start()


def _differs(stack: Stack, blueprint: Blueprint) -> bool:
    before = stack.blueprint
    return (
        before is None
        or stack.status in ("CREATE_FAILED", "UPDATE_FAILED")
        or before.fixed != blueprint.fixed
        or before.tags != blueprint.tags
        or before.template.get("Outputs") != blueprint.template.get("Outputs")
        or before.parameters != blueprint.parameters
    )
