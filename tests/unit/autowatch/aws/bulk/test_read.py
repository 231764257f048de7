"""A real HTTP server stands in for S3, which checks every signature by itself."""

import datetime
import ipaddress
import ssl
import time
from collections import Counter

import boto3
import pytest
from botocore.auth import AUTH_TYPE_MAPS, S3SigV4Auth
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError
from botocore.session import get_session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws
from moto.server import ThreadedMotoServer

from autowatch.aws.bulk import read as many_objects
from autowatch.aws.bulk import route as bucket_route
from autowatch.aws.bulk.read import read_many
from autowatch.aws.bulk.route import find_route
from autowatch.aws.objects import Bucket, ObjectMissing
from tests.support.object_server import BUCKET, Answer, answer, running_objects

HOSTILE_KEYS = [
    "a b+c%20d~e.json",
    "grün/日本/🦆",
    "a//b/./c",
    "?x=1&y=2#z",
    "quote\"'<>;:@!$*(),[]{}|^`\\",
    "line\r\nbreak: x\ttab",
    " space ",
]


@pytest.fixture
def server():
    with running_objects() as server:
        yield server


def client(server, *, session=None, config=None, **options):
    options = {"aws_access_key_id": "test", "aws_secret_access_key": "secret", **options}
    quick = {"max_attempts": 3, "mode": "standard"}
    default = Config(connect_timeout=2, read_timeout=0.5, retries=quick, max_pool_connections=16)
    return (session or boto3).client(
        "s3", "us-east-1", endpoint_url=server.url, config=default.merge(config or Config()), **options
    )


def fill(server, count):
    server.objects = {f"a/{number}.json": f"content {number}".encode() * 99 for number in range(count)}
    return list(server.objects)


def read(s3, keys):
    found = []
    read_many(Bucket(s3, BUCKET), keys, lambda key, content: found.append((key, content)))
    assert Counter(key for key, _ in found) == Counter(keys)
    return dict(found)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_every_object_comes_once_and_only_the_first_through_the_client(server, count):
    keys = fill(server, count)
    assert read(client(server), keys) == server.objects
    assert (server.keys_by_client, len(server.asked)) == (keys[:1], count)
    assert server.connections <= 1 + many_objects.CONNECTIONS


def test_a_key_that_is_given_twice_comes_twice(server):
    assert read(client(server), fill(server, 1) * 70) == server.objects


@pytest.fixture(params=["plain", "CRT"])
def signer(request, monkeypatch):
    """botocore's two ways to sign: its own, and the C library that it prefers where that is installed."""
    if request.param == "plain":
        monkeypatch.setitem(AUTH_TYPE_MAPS, "s3v4", S3SigV4Auth)


@pytest.mark.usefixtures("signer")
def test_keys_of_any_letters_are_found(server):
    keys = ["first", *HOSTILE_KEYS]
    server.objects = {key: key.encode() for key in keys}
    assert read(client(server), keys) == server.objects
    assert server.keys_by_client == ["first"]


def test_the_first_key_may_have_any_letters_too(server):
    server.objects = dict.fromkeys(HOSTILE_KEYS, b"x")
    for key in HOSTILE_KEYS:
        read(client(server), [key, *HOSTILE_KEYS])
    assert server.keys_by_client == HOSTILE_KEYS


def test_empty_and_large_objects_are_whole(server):
    server.objects = {"a": b"", "b": b"", "c": bytes(range(256)) * 10_000}
    assert read(client(server), ["a", "b", "c"]) == server.objects
    assert server.keys_by_client == ["a"]


@pytest.mark.usefixtures("signer")
def test_a_session_token_is_signed(server):
    keys = fill(server, 3)
    assert read(client(server, aws_session_token="t/o+k=e n"), keys) == server.objects
    assert server.keys_by_client == keys[:1]


def test_credentials_are_renewed_while_objects_are_read(server):
    server.secrets = {f"key-{number}": "secret" for number in range(100)}
    unused = iter(server.secrets)

    def renew():
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        return {
            "access_key": next(unused),
            "secret_key": "secret",
            "token": "t",
            "expiry_time": soon.isoformat(),
        }

    core = get_session()
    core._credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "test")
    session = boto3.Session(botocore_session=core)
    keys = fill(server, 6)
    s3 = client(server, session=session, aws_access_key_id=None, aws_secret_access_key=None)
    assert read(s3, keys) == server.objects
    assert server.keys_by_client == keys[:1]
    assert len({asked.access_key for asked in server.asked}) > 3


@pytest.mark.parametrize(
    "bad",
    [
        Answer(answer(b"<Error><Code>SlowDown</Code></Error>", "503 Slow Down")),
        Answer(answer(b"<Error><Code>ExpiredToken</Code></Error>", "403 Forbidden")),
        Answer(answer(b"", "304 Not Modified")),
        Answer(answer(b"content", "206 Partial Content")),
        Answer(answer(b"content", "2000 OK")),
        Answer(answer(b"content")[:-3]),
        Answer(answer(b"content")[:-3], pause=2),
        Answer(b"", pause=2),
        Answer(b"HTTP/1.1 200 OK\r\n"),
        Answer(b"HTTP/1.1 200 OK\r\n\r\ncontent"),
        Answer(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\ncontent"),
        Answer(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\ncontent"),
        Answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n"),
        Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Encoding: gzip\r\n\r\ncontent"),
        Answer(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n"),
        Answer(b"\r\n\r\n"),
        Answer(bytes(range(256)) * 100),
    ],
    ids=lambda bad: f"{bad.data[:60]!r} {bad.pause}",
)
def test_what_is_not_the_whole_object_is_asked_for_through_the_client(server, bad):
    keys = fill(server, 4)
    server.plan = {keys[2]: [bad]}
    assert read(client(server), keys) == server.objects
    assert server.keys_by_client == [keys[0], keys[2]]


def test_an_object_that_is_missing_is_named(server):
    keys = fill(server, 3)
    with pytest.raises(ObjectMissing, match=f"s3://{BUCKET}/a/gone.json does not exist"):
        read(client(server), [*keys, "a/gone.json"])


def test_the_clients_error_is_the_error(server):
    keys = fill(server, 3)
    denied = Answer(answer(b"<Error><Code>AccessDenied</Code></Error>", "403 Forbidden"))
    server.plan = {keys[1]: [denied, denied]}
    with pytest.raises(ClientError, match="AccessDenied"):
        read(client(server), keys)


@pytest.mark.parametrize("closes", ["told", "silently"])
def test_connections_that_the_server_closes_are_opened_anew(server, closes, monkeypatch):
    monkeypatch.setattr(many_objects, "CONNECTIONS", 2)
    server.closes = closes
    keys = fill(server, 20)
    assert read(client(server), keys) == server.objects
    assert (server.keys_by_client, server.connections) == (keys[:1], 20)


def test_with_too_much_trouble_the_client_is_left_alone_with_it(server, monkeypatch):
    monkeypatch.setattr(many_objects, "CONNECTIONS", 4)
    monkeypatch.setattr(many_objects, "_MOST_UNANSWERED", 5)
    server.always = Answer(b"")
    keys = fill(server, 40)
    assert read(client(server), keys) == server.objects
    assert sorted(server.keys_by_client) == sorted(keys)
    assert len(server.asked) - len(keys) <= 5 + 4


def test_trouble_now_and_then_does_not_add_up(server, monkeypatch):
    monkeypatch.setattr(many_objects, "CONNECTIONS", 1)
    monkeypatch.setattr(many_objects, "_MOST_UNANSWERED", 3)
    monkeypatch.setattr(many_objects, "_FORGIVEN", 0.25)
    keys = fill(server, 61)
    rare = keys[5::5]
    server.plan = {key: [Answer(answer(b"", "503 Slow Down"))] for key in rare}
    assert read(client(server), keys) == server.objects
    assert server.keys_by_client == [keys[0], *rare]


def test_an_error_in_the_use_stops_the_reading(server):
    keys = fill(server, 2_000)
    used = []

    def use(key, _):
        used.append(key)
        if len(used) == 50:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_many(Bucket(client(server), BUCKET), keys, use)
    assert len(used) < 50 + many_objects.CONNECTIONS
    assert len(server.asked) < 500


def test_a_slow_use_costs_nothing_but_time(server):
    server.objects = dict.fromkeys(fill(server, 8), b"x")
    used = []

    def use(key, _):
        used.append(key)
        time.sleep(0.1)

    read_many(Bucket(client(server), BUCKET), list(server.objects), use)
    assert sorted(used) == sorted(server.objects)


def test_a_proxy_is_not_gone_around(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    keys = fill(server, 3)
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url="http://s3.invalid",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": "path"}),
    )
    assert read(s3, keys) == server.objects
    assert all(asked.by_proxy and asked.by_client for asked in server.asked)


def test_a_double_that_answers_in_the_process_is_asked():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        s3.create_bucket(Bucket=BUCKET)
        for key in "abc":
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        assert read(s3, list("abc")) == {"a": b"a", "b": b"b", "c": b"c"}


def test_motos_server_is_understood():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        s3 = boto3.client(
            "s3",
            "us-east-1",
            endpoint_url=f"http://{host}:{port}",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        s3.create_bucket(Bucket=BUCKET)
        keys = ["first", *HOSTILE_KEYS[:2]]
        for key in keys:
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        assert read(s3, keys) == {key: key.encode() for key in keys}
        assert find_route(Bucket(s3, BUCKET), "first")[0] is not None
    finally:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's TLS context, and the file with its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "S3")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context, str(folder / "certificate.pem")


def test_tls_is_verified_by_the_bundle_that_is_set(certificate, monkeypatch):
    context, bundle = certificate
    monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    with running_objects(context) as server:
        keys = fill(server, 30)
        assert read(client(server), keys) == server.objects
        assert server.keys_by_client == keys[:1]


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_is_not_known_gets_no_request(certificate, trusted):
    context, bundle = certificate
    with running_objects(context) as server:
        keys = fill(server, 5)
        assert read(client(server, verify=bundle if trusted else False), keys) == server.objects
        assert sorted(server.keys_by_client) == [asked.key for asked in sorted(server.asked, key=str)] == keys


@pytest.mark.parametrize(
    ("region", "config", "base"),
    [
        ("us-east-1", {}, "https://bank.s3.amazonaws.com/"),
        ("eu-west-1", {}, "https://bank.s3.eu-west-1.amazonaws.com/"),
        ("eu-west-1", {"addressing_style": "path"}, "https://s3.eu-west-1.amazonaws.com/bank/"),
        ("eu-west-1", {"use_dualstack_endpoint": True}, "https://bank.s3.dualstack.eu-west-1.amazonaws.com/"),
        ("cn-north-1", {}, "https://bank.s3.cn-north-1.amazonaws.com.cn/"),
    ],
)
def test_the_way_is_the_clients(region, config, base, monkeypatch):
    monkeypatch.setattr(bucket_route, "_is_answered_by_another", lambda *_: False)
    with mock_aws():
        s3 = boto3.client(
            "s3", region, aws_access_key_id="a", aws_secret_access_key="b", config=Config(s3=config)
        )
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=BUCKET, **place)
        s3.put_object(Bucket=BUCKET, Key="a/b.json", Body=b"x")
        route, content = find_route(Bucket(s3, BUCKET), "a/b.json")
    assert (route.base, route.signing["region_name"], content) == (base, region, b"x")
    assert route.tls.verify_mode == ssl.CERT_REQUIRED
    assert route.tls.check_hostname


def test_another_signature_is_left_to_the_client(monkeypatch):
    monkeypatch.setattr(bucket_route, "_is_answered_by_another", lambda *_: False)
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"x", ACL="public-read")
        old = boto3.client(
            "s3",
            "us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(signature_version="s3"),
        )
        assert find_route(Bucket(old, BUCKET), "a") == (None, b"x")
