"""Creates, updates and deletes a stack, resource by resource, and rolls back if one fails."""

import logging
import secrets
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.deployment.blueprint import Blueprint
from sandbox.deployment.intrinsics import Scope, as_text, resolve
from sandbox.deployment.resources import Kinds
from sandbox.deployment.resources.kind import Context, Kind, Made, Request, is_gone, needs_replacement
from sandbox.deployment.stack import Resource, Stack
from sandbox.errors import DeploymentError, SandboxError, TemplateError

LOGGER = logging.getLogger("sandbox")
_REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Operation:
    """One operation on a stack."""

    def __init__(self, context: Context, kinds: Kinds, stack: Stack) -> None:
        self._context = context
        self._kinds = kinds
        self._stack = stack
        self._undo: list[Callable[[], None]] = []

    def create(self, blueprint: Blueprint, disable_rollback: bool) -> None:
        """Create every resource; if one fails, roll back unless that is disabled."""
        stack = self._stack
        stack.blueprint, stack.tags, stack.disable_rollback = blueprint, blueprint.tags, disable_rollback
        stack.tell("CREATE_IN_PROGRESS", "User Initiated")
        try:
            for logical_id in blueprint.order:
                self._make(blueprint, logical_id)
            self._tell_outputs(blueprint)
        except DeploymentError as error:
            if disable_rollback:
                stack.tell("CREATE_FAILED", str(error))
                return
            stack.tell("ROLLBACK_IN_PROGRESS", f"{error}. Rollback requested by user.")
            failed = self._remove(reversed(blueprint.order), keep=False)
            stack.tell("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", _failure(failed))
            return
        stack.tell("CREATE_COMPLETE")

    def update(self, blueprint: Blueprint, disable_rollback: bool) -> None:
        """Change every resource to match the blueprint, then remove those it no longer has."""
        stack = self._stack
        before, leftovers = stack.blueprint, list[Resource]()
        stack.tell("UPDATE_IN_PROGRESS", "User Initiated")
        try:
            for logical_id in blueprint.order:
                self._bring(blueprint, logical_id, leftovers)
            self._tell_outputs(blueprint)
        except DeploymentError as error:
            if disable_rollback:
                stack.tell("UPDATE_FAILED", str(error))
                return
            stack.tell("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
            failed = self._go_back()
            stack.tell("UPDATE_ROLLBACK_FAILED" if failed else "UPDATE_ROLLBACK_COMPLETE", _failure(failed))
            return
        stack.blueprint, stack.tags = blueprint, blueprint.tags
        stack.tell("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        gone = [name for name in reversed(before.order if before else ()) if name not in blueprint.order]
        for resource in reversed(leftovers):
            self._delete_made(resource)
        self._remove(gone, keep=True)
        stack.tell("UPDATE_COMPLETE")

    def delete(self, retained: set[str]) -> None:
        """Delete every resource except the retained ones, newest first."""
        stack = self._stack
        order = stack.blueprint.order if stack.blueprint else ()
        stack.tell("DELETE_IN_PROGRESS", "User Initiated")
        for name in retained & set(stack.resources):
            stack.resources.pop(name)
        failed = self._remove(reversed(order), keep=True)
        if failed:
            stack.tell("DELETE_FAILED", _failure(failed))
            return
        stack.tell("DELETE_COMPLETE")

    def _make(self, blueprint: Blueprint, logical_id: str) -> None:
        declared = blueprint.template["Resources"][logical_id]
        kind = self._kinds.of(declared["Type"])
        with _Failure(self._stack, logical_id) as failure:
            properties = self._properties(blueprint, logical_id)
            request = self._request(blueprint, logical_id, kind, properties)
            resource = Resource(request, None, declared.get("DeletionPolicy") == "Retain")
            failure.resource = resource
            self._stack.resources[logical_id] = resource
            self._stack.tell_of(resource, "CREATE_IN_PROGRESS")
            resource.made = kind.create(self._context, request)
            self._stack.tell_of(resource, "CREATE_COMPLETE")

    def _bring(self, blueprint: Blueprint, logical_id: str, leftovers: list[Resource]) -> None:
        stack = self._stack
        old = stack.resources.get(logical_id)
        if old is None or old.made is None:
            self._make(blueprint, logical_id)
            self._undo.append(lambda: self._drop(logical_id))
            return
        declared = blueprint.template["Resources"][logical_id]
        kind = self._kinds.of(declared["Type"])
        with _Failure(stack, logical_id, old) as failure:
            properties = self._properties(blueprint, logical_id)
            same_tags = old.request.tags == blueprint.tags
            old.retained = declared.get("DeletionPolicy") == "Retain"
            if properties == old.request.properties and same_tags and declared["Type"] == old.request.kind:
                return
            if declared["Type"] != old.request.kind or needs_replacement(
                kind, old.request.properties, properties
            ):
                self._check_name(kind, logical_id, old, properties)
                new = self._replaced(blueprint, logical_id, kind, properties, failure)
                if declared.get("UpdateReplacePolicy") != "Retain":
                    leftovers.append(old)
                self._undo.append(lambda: self._put_back(logical_id, new, old))
                return
            before, made = old.request, old.made
            request = replace(before, properties=properties, tags=blueprint.tags)
            stack.tell_of(old, "UPDATE_IN_PROGRESS")
            self._undo.append(lambda: self._revert(kind, logical_id, before, request))
            old.made = kind.update(self._context, request, made, before.properties)
            old.request = request
            stack.tell_of(old, "UPDATE_COMPLETE")

    def _replaced(
        self,
        blueprint: Blueprint,
        logical_id: str,
        kind: Kind,
        properties: dict[str, Any],
        failure: "_Failure",
    ) -> Resource:
        declared = blueprint.template["Resources"][logical_id]
        request = self._request(blueprint, logical_id, kind, properties)
        new = Resource(request, None, declared.get("DeletionPolicy") == "Retain")
        failure.resource = new
        self._stack.tell_of(
            new,
            "UPDATE_IN_PROGRESS",
            _REPLACING,
        )
        new.made = kind.create(self._context, request)
        self._stack.resources[logical_id] = new
        self._stack.tell_of(new, "UPDATE_COMPLETE")
        return new

    @staticmethod
    def _check_name(kind: Kind, logical_id: str, old: Resource, properties: dict[str, Any]) -> None:
        name = kind.name_property
        if name and name in properties and properties[name] == old.request.properties.get(name):
            raise TemplateError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing."
                f" Rename {properties[name]} ({logical_id}) and update the stack again."
            )

    def _properties(self, blueprint: Blueprint, logical_id: str) -> dict[str, Any]:
        declared = blueprint.template["Resources"][logical_id]
        return dict(resolve(declared.get("Properties", {}), self._scope(blueprint)))

    def _scope(self, blueprint: Blueprint) -> Scope:
        def made(logical_id: str) -> Made:
            resource = self._stack.resources[logical_id].made
            if resource is None:
                raise TemplateError(f"{logical_id} was not created.")
            return resource

        def attribute(logical_id: str, name: str) -> Any:
            attributes = made(logical_id).attributes
            if name not in attributes:
                raise TemplateError(f"{logical_id} has no attribute {name}.")
            return attributes[name]

        return Scope(blueprint.template, blueprint.values, lambda name: made(name).physical_id, attribute)

    def _request(
        self, blueprint: Blueprint, logical_id: str, kind: Kind, properties: dict[str, Any]
    ) -> Request:
        given = kind.name_property and properties.get(kind.name_property)
        declared = blueprint.template["Resources"][logical_id]["Type"]
        name = (
            as_text(given)
            if given
            else _made_up_name(self._stack.name, logical_id, kind.longest_name, declared)
        )
        return Request(
            self._stack.name, self._stack.id, logical_id, declared, name, properties, blueprint.tags
        )

    def _tell_outputs(self, blueprint: Blueprint) -> None:
        scope = self._scope(blueprint)
        with _Failure(self._stack, "Outputs"):
            outputs = {}
            for name, declared in blueprint.template.get("Outputs", {}).items():
                if not scope.is_wanted(declared):
                    continue
                if "Export" in declared:
                    raise TemplateError(f"The output {name} is exported; the sandbox has no exports.")
                outputs[name] = {"OutputKey": name, "OutputValue": as_text(resolve(declared["Value"], scope))}
                if "Description" in declared:
                    outputs[name]["Description"] = declared["Description"]
            self._stack.outputs = outputs

    def _go_back(self) -> list[str]:
        failed = []
        for undo in reversed(self._undo):
            try:
                undo()
            except DeploymentError as error:
                failed.append(str(error))
        return failed

    def _drop(self, logical_id: str) -> None:
        if failed := self._remove([logical_id], keep=False):
            raise DeploymentError(failed[0])

    def _put_back(self, logical_id: str, new: Resource, old: Resource) -> None:
        self._stack.resources[logical_id] = old
        if not self._delete_made(new):
            raise DeploymentError(logical_id)

    def _revert(self, kind: Kind, logical_id: str, before: Request, after: Request) -> None:
        resource = self._stack.resources[logical_id]
        with _Failure(self._stack, logical_id, resource):
            self._stack.tell_of(resource, "UPDATE_IN_PROGRESS")
            assert resource.made  # noqa: S101 (only what was made is updated)
            resource.made = kind.update(self._context, before, resource.made, after.properties)
            resource.request = before
            self._stack.tell_of(resource, "UPDATE_COMPLETE")

    def _remove(self, names: Any, keep: bool) -> list[str]:
        """Remove resources in this order and return those that could not be deleted.

        Resources that a retained resource needs are left alone. With `keep`, those with the policy Retain are
        not reported.
        """
        failed: list[str] = []
        needed: set[str] = set()
        needs = self._stack.blueprint.needs if self._stack.blueprint else {}
        for name in names:
            resource = self._stack.resources.get(name)
            if resource is None:
                continue
            if name in needed:
                needed |= needs.get(name, frozenset())
                continue
            if resource.retained and keep:
                self._stack.tell_of(resource, "DELETE_SKIPPED")
            elif not self._delete_made(resource):
                failed.append(name)
                needed |= needs.get(name, frozenset())
                continue
            self._stack.resources.pop(name)
        return failed

    def _delete_made(self, resource: Resource) -> bool:
        if resource.made is None:
            return True
        self._stack.tell_of(resource, "DELETE_IN_PROGRESS")
        try:
            self._kinds.of(resource.request.kind).delete(self._context, resource.request, resource.made)
        except ClientError as error:
            if not is_gone(error):
                self._stack.tell_of(resource, "DELETE_FAILED", str(error))
                return False
        except (SandboxError, BotoCoreError) as error:
            self._stack.tell_of(resource, "DELETE_FAILED", str(error))
            return False
        self._stack.tell_of(resource, "DELETE_COMPLETE")
        return True


class _Failure:
    """An error of a resource becomes its event, and fails the operation as a DeploymentError."""

    def __init__(self, stack: Stack, logical_id: str, resource: Resource | None = None) -> None:
        self._stack = stack
        self._logical_id = logical_id
        self.resource = resource

    def __enter__(self) -> "_Failure":
        return self

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        if not isinstance(error, Exception):
            return
        if not isinstance(error, SandboxError | ClientError | BotoCoreError):
            LOGGER.error("%s: unexpected failure", self._logical_id, exc_info=error)
        if self.resource:
            verb = self.resource.status.split("_")[0] or "CREATE"
            self._stack.tell_of(self.resource, f"{verb}_FAILED", str(error))
        raise DeploymentError(f"The following resource(s) failed: [{self._logical_id}]: {error}") from error


def _failure(names: list[str]) -> str | None:
    return f"The following resource(s) failed to delete: [{', '.join(names)}]." if names else None


def _made_up_name(stack: str, logical_id: str, longest: int, kind: str) -> str:
    suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(12))
    name = f"{stack}-{logical_id}"[: longest - 13] + f"-{suffix}"
    return name.lower() if kind == "AWS::S3::Bucket" else name
