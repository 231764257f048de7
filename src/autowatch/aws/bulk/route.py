"""The way on which a client reaches the objects of a bucket, as far as it can be gone without the client."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.awsrequest import AWSRequest
from botocore.httpsession import get_cert_path
from botocore.session import get_session
from botocore.utils import get_environ_proxies

from autowatch.aws.objects import Bucket

_BEFORE_SIGN = "before-sign.s3.GetObject"
_BEFORE_SEND = "before-send.s3.GetObject"
_SIGNATURE = "s3v4"
# What botocore leaves as it is in a key.
_SAFE = "/~"


@dataclass(frozen=True)
class BucketRoute:
    """Where to ask for a bucket's objects, and how to sign for it.

    Attributes:
        base: the URL to which the key is appended, percent-encoded.
        signer: botocore's signer of the client, with its credentials.
        signing: what it is to sign for: version, name and region.
        tls: None for plain HTTP.
        connect_timeout, read_timeout: seconds, as the client has them.
    """

    base: str
    signer: Any
    signing: Mapping[str, str]
    tls: ssl.SSLContext | None
    connect_timeout: float
    read_timeout: float

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port to connect to."""
        url = urlsplit(self.base)
        return url.hostname or "", url.port or (443 if self.tls else 80)

    def request(self, key: str) -> bytes:
        """The bytes of a signed GET for an object. The credentials are the client's, renewed when it is time."""
        url = self.base + quote(key, safe=_SAFE)
        host, target = _host_and_target(url)
        request = AWSRequest("GET", url, headers={"Host": host})
        self.signer.get_auth_instance(**self.signing).add_auth(request)
        fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode("ascii")


def find_route(bucket: Bucket, key: str) -> tuple[BucketRoute | None, bytes]:
    """Reads one object through the client, and gives the way that its request went, with the object's content.

    There is None where only the client can go that way: through a proxy, with another signature than S3's usual one, or
    where somebody answers in the place of the server. Certificates are held against botocore's authorities, or those
    of its setting `ca_bundle`.

    Raises:
        ObjectMissing: there is no such object.
    """
    signed: list[dict[str, Any]] = []

    def note(**details: Any) -> None:
        signed.append(details)

    s3 = bucket.client
    s3.meta.events.register(_BEFORE_SIGN, note)
    try:
        content, _ = bucket.read(key)
    finally:
        s3.meta.events.unregister(_BEFORE_SIGN, note)
    return _route(s3, key, signed[-1]) if signed else None, content


def _route(s3: Any, key: str, signed: Mapping[str, Any]) -> BucketRoute | None:
    request, context = signed["request"], signed["request"].context.get("signing", {})
    base = request.url.removesuffix(quote(key, safe=_SAFE))
    if base == request.url or s3.meta.config.proxies or get_environ_proxies(base):
        return None
    if context.keys() & {"request_credentials", "identity_cache"} or _is_answered_by_another(s3, request):
        return None
    if signed["signature_version"] != _SIGNATURE:
        return None
    signing = {
        "signing_name": context.get("signing_name") or signed["signing_name"],
        "region_name": context.get("region") or signed["region_name"],
        "signature_version": _SIGNATURE,
    }
    config = s3.meta.config
    signer = signed["request_signer"]
    return BucketRoute(base, signer, signing, _tls(base), config.connect_timeout, config.read_timeout)


def _is_answered_by_another(s3: Any, request: AWSRequest) -> bool:
    answers = s3.meta.events.emit(_BEFORE_SEND, request=request.prepare())
    return any(answer is not None for _, answer in answers)


def _tls(base: str) -> ssl.SSLContext | None:
    if not base.startswith("https:"):
        return None
    return ssl.create_default_context(
        cafile=get_session().get_config_variable("ca_bundle") or get_cert_path(True)
    )


def _host_and_target(url: str) -> tuple[str, str]:
    _, _, rest = url.partition("//")
    host, slash, path = rest.partition("/")
    return host, slash + path
