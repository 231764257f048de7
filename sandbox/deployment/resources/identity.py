"""AWS::IAM: roles and policies."""

import json
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from sandbox.deployment.resources.kind import Context, Kind, Made, Request, is_gone, tag_list, take

_ROLE = (
    "AssumeRolePolicyDocument",
    "Description",
    "ManagedPolicyArns",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "Policies",
    "RoleName",
    "Tags",
)


class Role(Kind):
    """AWS::IAM::Role."""

    name_property = "RoleName"
    replaced_by = frozenset({"Path"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the role, its inline policies and attachments."""
        properties = take(request.properties, request.logical_id, *_ROLE)
        optional = ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary")
        options: dict[str, Any] = {name: properties[name] for name in optional if name in properties}
        if tags := tag_list(request):
            options["Tags"] = tags
        role = context.call(
            "iam",
            "create_role",
            RoleName=request.name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"], allow_nan=False),
            **options,
        )["Role"]
        self._grant(context, request.name, properties)
        return Made(request.name, {"Arn": role["Arn"], "RoleId": role["RoleId"]}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change trust, policies and attachments."""
        properties = take(request.properties, request.logical_id, *_ROLE)
        context.call(
            "iam",
            "update_assume_role_policy",
            RoleName=made.name,
            PolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"], allow_nan=False),
        )
        kept = {policy["PolicyName"] for policy in properties.get("Policies", [])}
        for policy in before.get("Policies", []):
            if policy["PolicyName"] not in kept:
                context.call("iam", "delete_role_policy", RoleName=made.name, PolicyName=policy["PolicyName"])
        for arn in set(before.get("ManagedPolicyArns", [])) - set(properties.get("ManagedPolicyArns", [])):
            context.call("iam", "detach_role_policy", RoleName=made.name, PolicyArn=arn)
        self._grant(context, made.name, properties)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the role with its policies and attachments."""
        iam = context.client("iam")
        for name in iam.list_role_policies(RoleName=made.name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=made.name, PolicyName=name)
        for policy in iam.list_attached_role_policies(RoleName=made.name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=made.name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=made.name)

    @staticmethod
    def _grant(context: Context, role: str, properties: dict[str, Any]) -> None:
        for policy in properties.get("Policies", []):
            context.call(
                "iam",
                "put_role_policy",
                RoleName=role,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"], allow_nan=False),
            )
        for arn in properties.get("ManagedPolicyArns", []):
            context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)


class ManagedPolicy(Kind):
    """AWS::IAM::ManagedPolicy, for roles only."""

    name_property = "ManagedPolicyName"
    longest_name = 128
    replaced_by = frozenset({"Path", "Description"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the policy and attach it to the roles that it names."""
        properties = self._checked(request)
        options = {name: properties[name] for name in ("Path", "Description") if name in properties}
        policy = context.call(
            "iam",
            "create_policy",
            PolicyName=request.name,
            PolicyDocument=json.dumps(properties["PolicyDocument"], allow_nan=False),
            **options,
        )["Policy"]
        for role in properties.get("Roles", []):
            context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=policy["Arn"])
        return Made(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Give the policy a new default version, delete the others, and attach it again."""
        properties = self._checked(request)
        context.call(
            "iam",
            "create_policy_version",
            PolicyArn=made.physical_id,
            PolicyDocument=json.dumps(properties["PolicyDocument"], allow_nan=False),
            SetAsDefault=True,
        )
        self._drop_old_versions(context, made.physical_id)
        for role in set(before.get("Roles", [])) - set(properties.get("Roles", [])):
            context.call("iam", "detach_role_policy", RoleName=role, PolicyArn=made.physical_id)
        for role in set(properties.get("Roles", [])) - set(before.get("Roles", [])):
            context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=made.physical_id)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Detach the policy and delete it."""
        for role in request.properties.get("Roles", []):
            try:
                context.call("iam", "detach_role_policy", RoleName=role, PolicyArn=made.physical_id)
            except ClientError as error:
                if not is_gone(error):
                    raise
        self._drop_old_versions(context, made.physical_id)
        context.call("iam", "delete_policy", PolicyArn=made.physical_id)

    @staticmethod
    def _checked(request: Request) -> dict[str, Any]:
        names = ("Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles")
        return take(request.properties, request.logical_id, *names)

    @staticmethod
    def _drop_old_versions(context: Context, arn: str) -> None:
        for version in context.call("iam", "list_policy_versions", PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                context.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=version["VersionId"])


class Policy(Kind):
    """AWS::IAM::Policy: an inline policy of roles."""

    name_property = "PolicyName"
    longest_name = 128

    def create(self, context: Context, request: Request) -> Made:
        """Put the policy into every role."""
        properties = take(request.properties, request.logical_id, "PolicyName", "PolicyDocument", "Roles")
        for role in properties.get("Roles", []):
            context.call(
                "iam",
                "put_role_policy",
                RoleName=role,
                PolicyName=request.name,
                PolicyDocument=json.dumps(properties["PolicyDocument"], allow_nan=False),
            )
        return Made(request.name, name=request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Put it again, and remove it from roles that are no longer named."""
        gone = set(before.get("Roles", [])) - set(request.properties.get("Roles", []))
        self._take_from(context, made.name, gone)
        self.create(context, request)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Take the policy from every role."""
        self._take_from(context, made.name, request.properties.get("Roles", []))

    @staticmethod
    def _take_from(context: Context, policy: str, roles: Iterable[str]) -> None:
        for role in roles:
            try:
                context.call("iam", "delete_role_policy", RoleName=role, PolicyName=policy)
            except ClientError as error:
                if not is_gone(error):
                    raise
