"""Which permissions an S3 request needs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from sandbox.access.policies import Need
from sandbox.access.world import World

_BUCKET_SETTINGS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
"""The second half of an action's name, by the word in the query."""
_OWN_DELETE = {"policy", "website"}
_LISTS = {
    "versions": "ListBucketVersions",
    "uploads": "ListBucketMultipartUploads",
    "location": "GetBucketLocation",
}
_OBJECT_SETTINGS = {
    "acl": "ObjectAcl",
    "tagging": "ObjectTagging",
    "retention": "ObjectRetention",
    "legal-hold": "ObjectLegalHold",
    "attributes": "ObjectAttributes",
}
_LIST_KEYS = ("prefix", "delimiter", "max-keys")


class RequestUnknown(Exception):
    """The sandbox does not know which permissions a request needs; the message names the request."""


@dataclass
class S3Request:
    """A request for S3, read from the wire."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def reads_object(self) -> bool:
        """Whether the response reveals if an object exists: only callers who may list the bucket get a 404."""
        return bool(self.key) and (self.method in ("GET", "HEAD") or "x-amz-copy-source" in self.headers)

    @property
    def source(self) -> tuple[str, str, str | None] | None:
        """Bucket, key and version of the copy's source."""
        text = self.headers.get("x-amz-copy-source")
        if text is None:
            return None
        path, _, version = text.partition("?versionId=")
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        return bucket, key, version or None

    @property
    def deleted(self) -> list[tuple[str, str | None]] | None:
        """Key and version of each object of a DeleteObjects request; None for other requests."""
        if self.method != "POST" or "delete" not in self.query or self.key:
            return None
        return [_identity(each) for each in _parse(self.body) if _name(each) == "Object"]

    def without(self, refused: Collection[tuple[str, str | None]]) -> bytes:
        """The body of a DeleteObjects request without some of its objects."""
        objects = _parse(self.body)
        for each in list(objects):
            if _name(each) == "Object" and _identity(each) in refused:
                objects.remove(each)
        return ElementTree.tostring(objects, default_namespace=_namespace(objects))


def read_request(environ: Mapping[str, Any], body: bytes) -> S3Request:
    """Reads a request; raises RequestUnknown if a parameter occurs twice."""
    path = str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "replace")
    bucket, _, key = path.removeprefix("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if repeated := [name for name, values in query.items() if len(values) > 1]:
        raise RequestUnknown(f"a request with {', '.join(repeated)} given twice")
    headers = {
        name.removeprefix("HTTP_").lower().replace("_", "-"): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return S3Request(
        environ["REQUEST_METHOD"],
        bucket,
        key,
        {name: values[0] for name, values in query.items()},
        headers,
        body,
    )


def needs_of(request: S3Request, world: World) -> list[Need]:
    """The needs of a request; none for DeleteObjects, whose objects are judged one by one.

    Raises:
        RequestUnknown: the kind of request is unknown.
    """
    if not request.bucket:
        return [Need("s3:ListAllMyBuckets", "*")]
    if not request.key:
        return [Need(f"s3:{_bucket_action(request)}", bucket_arn(request.bucket), _bucket_context(request))]
    return _object_needs(request, world)


def needs_of_deletion(bucket: str, key: str, version: str | None) -> list[Need]:
    """The needs of deleting one object."""
    context = {"s3:versionid": (version,)} if version else {}
    return [
        Need("s3:DeleteObjectVersion" if version else "s3:DeleteObject", object_arn(bucket, key), context)
    ]


def needs_of_missing(request: S3Request) -> list[Need]:
    """The needs of learning that an object does not exist."""
    bucket, key = (request.source or (request.bucket, request.key, None))[:2]
    return [Need("s3:ListBucket", bucket_arn(bucket), {"s3:prefix": (key,)})]


def bucket_arn(bucket: str) -> str:
    """A bucket's ARN."""
    return f"arn:aws:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    """An object's ARN."""
    return f"arn:aws:s3:::{bucket}/{key}"


def _bucket_action(request: S3Request) -> str:
    words = [name for name in request.query if name in _BUCKET_SETTINGS]
    if words:
        deletes = request.method == "DELETE"
        verb = (
            "Get" if request.method == "GET" else "Delete" if deletes and words[0] in _OWN_DELETE else "Put"
        )
        return f"{verb}{_BUCKET_SETTINGS[words[0]]}"
    named = next((action for name, action in _LISTS.items() if name in request.query), None)
    if request.method == "GET":
        return named or "ListBucket"
    plain = {"HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
    if request.method in plain and not named:
        return plain[request.method]
    raise RequestUnknown(f"{request.method} /{request.bucket}?{'&'.join(request.query)}")


def _bucket_context(request: S3Request) -> dict[str, tuple[str, ...]]:
    return {f"s3:{name}": (request.query[name],) for name in _LIST_KEYS if name in request.query}


def _object_needs(request: S3Request, world: World) -> list[Need]:
    version, arn = request.query.get("versionId"), object_arn(request.bucket, request.key)
    setting = next((_OBJECT_SETTINGS[name] for name in request.query if name in _OBJECT_SETTINGS), None)
    context = {"s3:versionid": (version,)} if version else {}
    match request.method:
        case "GET" | "HEAD" if "uploadId" in request.query:
            return [Need("s3:ListMultipartUploadParts", arn)]
        case "GET" | "HEAD" if setting:
            own = Need(f"s3:Get{_versioned(setting, version)}", arn, context)
            with_object = setting == "ObjectAttributes"
            return [own, *(_reading(request.bucket, request.key, version, world) if with_object else ())]
        case "GET" | "HEAD":
            return _reading(request.bucket, request.key, version, world)
        case "PUT" | "DELETE" if setting:
            verb = "Put" if request.method == "PUT" else "Delete"
            return [Need(f"s3:{verb}{_versioned(setting, version)}", arn, context)]
        case "PUT":
            return _writing(request, world)
        case "POST" if {"uploads", "uploadId"} & request.query.keys():
            return _writing(request, world)
        case "DELETE" if "uploadId" in request.query:
            return [Need("s3:AbortMultipartUpload", arn)]
        case "DELETE":
            return needs_of_deletion(request.bucket, request.key, version)
    raise RequestUnknown(f"{request.method} /{request.bucket}/KEY?{'&'.join(request.query)}")


def _versioned(setting: str, version: str | None) -> str:
    """The suffix for one version: `ObjectTagging` becomes `ObjectVersionTagging`."""
    has_own = version and setting in ("ObjectAcl", "ObjectTagging", "ObjectAttributes")
    return setting.replace("Object", "ObjectVersion", 1) if has_own else setting


def _reading(bucket: str, key: str, version: str | None, world: World) -> list[Need]:
    context = {"s3:versionid": (version,)} if version else {}
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    return [
        Need(action, object_arn(bucket, key), context),
        *_key_needs(world, world.object_key(bucket, key, version), "kms:Decrypt"),
    ]


def _writing(request: S3Request, world: World) -> list[Need]:
    arn, headers = object_arn(request.bucket, request.key), request.headers
    context = {f"s3:{name}": (value,) for name, value in headers.items() if name.startswith("x-amz-")}
    context |= {f"s3:{name}": (headers[name],) for name in ("if-match", "if-none-match") if name in headers}
    needs = [Need("s3:PutObject", arn, context)]
    if "x-amz-tagging" in headers:
        needs.append(Need("s3:PutObjectTagging", arn, context))
    if any(name == "x-amz-acl" or name.startswith("x-amz-grant-") for name in headers):
        needs.append(Need("s3:PutObjectAcl", arn, context))
    if "x-amz-object-lock-mode" in headers:
        needs.append(Need("s3:PutObjectRetention", arn, context))
    if "x-amz-object-lock-legal-hold" in headers:
        needs.append(Need("s3:PutObjectLegalHold", arn, context))
    if "if-match" in headers:
        # A condition on the present content reveals it.
        needs.append(Need("s3:GetObject", arn))
    if request.source:
        needs.extend(_reading(*request.source, world))
    given = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    key = world.key_arn(given) if given else world.bucket_key(request.bucket)
    # The parts of an upload are read again when they are combined.
    in_parts = {"uploads", "uploadId"} & request.query.keys()
    return [*needs, *_key_needs(world, key, "kms:GenerateDataKey", *(["kms:Decrypt"] if in_parts else []))]


def _key_needs(world: World, key: str | None, *actions: str) -> list[Need]:
    context = {"kms:viaservice": (f"s3.{world.region}.amazonaws.com",)}
    return [Need(action, key, context) for action in actions] if key else []


def _parse(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 (the sender has signed it)
    except ElementTree.ParseError as error:
        raise RequestUnknown("a DeleteObjects whose body is not XML") from error


def _namespace(element: ElementTree.Element) -> str | None:
    return element.tag[1:].split("}")[0] if element.tag.startswith("{") else None


def _identity(element: ElementTree.Element) -> tuple[str, str | None]:
    texts = {_name(child): child.text or "" for child in element}
    return texts.get("Key", ""), texts.get("VersionId")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
