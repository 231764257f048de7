"""AWS::S3: buckets and their policies."""

import json
from typing import Any

from sandbox.access.decisions import Sender
from sandbox.deployment.resources.kind import Context, Kind, Made, Request, tag_list, take
from sandbox.errors import TemplateError

_NOTIFIED = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


class Bucket(Kind):
    """AWS::S3::Bucket."""

    name_property = "BucketName"
    longest_name = 63

    def create(self, context: Context, request: Request) -> Made:
        """Create the bucket and set it up."""
        s3 = context.client("s3")
        s3.create_bucket(Bucket=request.name)
        try:
            self._set_up(context, request, request.name)
        except Exception:
            s3.delete_bucket(Bucket=request.name)
            raise
        host = f"{request.name}.s3.amazonaws.com"
        attributes = {
            "Arn": f"arn:aws:s3:::{request.name}",
            "DomainName": host,
            "RegionalDomainName": f"{request.name}.s3.{context.region}.amazonaws.com",
        }
        return Made(request.name, attributes, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Apply the properties again; reset those that the template no longer sets."""
        s3, bucket = context.client("s3"), made.name
        gone = set(before) - set(request.properties)
        if "LifecycleConfiguration" in gone:
            s3.delete_bucket_lifecycle(Bucket=bucket)
        if "NotificationConfiguration" in gone:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        if "VersioningConfiguration" in gone:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        if "PublicAccessBlockConfiguration" in gone:
            s3.delete_public_access_block(Bucket=bucket)
        if "OwnershipControls" in gone:
            s3.delete_bucket_ownership_controls(Bucket=bucket)
        self._set_up(context, request, bucket)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the bucket, which must be empty."""
        context.call("s3", "delete_bucket", Bucket=made.name)

    @staticmethod
    def _set_up(context: Context, request: Request, bucket: str) -> None:
        names = (
            "BucketEncryption",
            "BucketName",
            "LifecycleConfiguration",
            "NotificationConfiguration",
            "ObjectLockEnabled",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        )
        properties = take(request.properties, request.logical_id, *names)
        if encryption := properties.get("BucketEncryption"):
            rules = {
                "Rules": [_encryption_rule(rule) for rule in encryption["ServerSideEncryptionConfiguration"]]
            }
            context.call(
                "s3", "put_bucket_encryption", Bucket=bucket, ServerSideEncryptionConfiguration=rules
            )
        if blocked := properties.get("PublicAccessBlockConfiguration"):
            context.call(
                "s3", "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=blocked
            )
        if ownership := properties.get("OwnershipControls"):
            context.call("s3", "put_bucket_ownership_controls", Bucket=bucket, OwnershipControls=ownership)
        if versioning := properties.get("VersioningConfiguration"):
            context.call("s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=versioning)
        if properties.get("ObjectLockEnabled"):
            # As in AWS this cannot be undone, so it stays when the template no longer sets it.
            locking = {"ObjectLockEnabled": "Enabled"}
            context.call(
                "s3", "put_object_lock_configuration", Bucket=bucket, ObjectLockConfiguration=locking
            )
        if lifecycle := properties.get("LifecycleConfiguration"):
            rules = {"Rules": [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]}
            context.call(
                "s3", "put_bucket_lifecycle_configuration", Bucket=bucket, LifecycleConfiguration=rules
            )
        if tags := tag_list(request):
            context.call("s3", "put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": tags})
        if notification := properties.get("NotificationConfiguration"):
            _notify(context, request.logical_id, bucket, notification)


def _encryption_rule(rule: dict[str, Any]) -> dict[str, Any]:
    renamed = dict(rule)
    if "ServerSideEncryptionByDefault" in renamed:
        renamed["ApplyServerSideEncryptionByDefault"] = renamed.pop("ServerSideEncryptionByDefault")
    return renamed


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's lifecycle rule in the API's form."""
    rule = dict(rule)
    if "ExpirationInDays" in rule:
        rule["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    elif "ExpiredObjectDeleteMarker" in rule:
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": rule.pop("ExpiredObjectDeleteMarker")}
    if "Id" in rule:
        rule["ID"] = rule.pop("Id")
    rule["Filter"] = {"Prefix": rule.pop("Prefix", "")}
    return rule


def _notify(context: Context, logical_id: str, bucket: str, notification: dict[str, Any]) -> None:
    """Set the notifications; S3 refuses a function that it may not invoke."""
    unknown = set(notification) - set(_NOTIFIED)
    if unknown:
        kinds = ", ".join(sorted(unknown))
        raise TemplateError(f"The sandbox has no bucket notification of the kind {kinds}.")
    configuration = {
        kind: [_notified(item, arn_from, arn_to) for item in notification.get(source, [])]
        for source, (kind, arn_from, arn_to) in _NOTIFIED.items()
    }
    for item in configuration["LambdaFunctionConfigurations"]:
        arn = item["LambdaFunctionArn"]
        if context.decisions.delivery_objection(Sender("s3.amazonaws.com", f"arn:aws:s3:::{bucket}"), arn):
            raise TemplateError(
                f"{logical_id} notifies {arn}, which has no AWS::Lambda::Permission for s3.amazonaws.com."
            )
    context.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=configuration
    )


def _notified(item: dict[str, Any], arn_from: str, arn_to: str) -> dict[str, Any]:
    converted: dict[str, Any] = {arn_to: item[arn_from], "Events": [item["Event"]]}
    if "Filter" in item:
        converted["Filter"] = {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}
    return converted


class BucketPolicy(Kind):
    """AWS::S3::BucketPolicy."""

    replaced_by = frozenset({"Bucket"})

    def create(self, context: Context, request: Request) -> Made:
        """Set the policy."""
        bucket = request.properties["Bucket"]
        policy = json.dumps(request.properties["PolicyDocument"], allow_nan=False)
        context.call("s3", "put_bucket_policy", Bucket=bucket, Policy=policy)
        return Made(bucket)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set it again."""
        return self.create(context, request)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Remove the policy."""
        context.call("s3", "delete_bucket_policy", Bucket=made.physical_id)
