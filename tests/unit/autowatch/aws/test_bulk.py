"""A real HTTP server stands in for S3; it checks every signature."""

from collections import Counter

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from autowatch.aws import bulk
from autowatch.aws.bulk import read_many
from autowatch.aws.clients import data_bucket
from autowatch.aws.objects import ObjectMissing
from tests.support.object_server import BUCKET, Answer, answer, running_objects

PATHS = [
    "predictions/date=2026-11-23/a b+c%20d~e.json",
    "grün/日本/🦆",
    "?x=1&y=2#z",
    "q\"'<;:@!$*(),[]{}|^`\\",
    " space ",
]
NO_PATHS = ["a//b", "a/./c", "a/../c", "/a", "a/", "line\r\nbreak", "x\ttab"]


@pytest.fixture(autouse=True)
def moto_answers_boto3_alone():
    """Here obstore calls a server."""


@pytest.fixture
def server(monkeypatch):
    with running_objects() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        # A session keeps the secret that it was made with, and an earlier test may have made one.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield server


def fill(server, count):
    server.objects = {f"a/{number}.json": f"content {number}".encode() * 99 for number in range(count)}
    return list(server.objects)


def read(keys):
    found = []
    read_many(data_bucket(BUCKET), keys, lambda key, content: found.append((key, content)))
    assert Counter(key for key, _ in found) == Counter(keys)
    return dict(found)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_every_object_is_read_and_signed(server, count):
    keys = fill(server, count)
    assert read(keys) == server.objects
    assert len(server.asked) >= count
    assert {asked.access_key for asked in server.asked} <= {"test"}


def test_a_repeated_key_is_read_twice(server):
    assert read(fill(server, 1) * 70) == server.objects


def test_a_session_token_is_signed(server, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t/o+k=e n")
    assert read(fill(server, 3)) == server.objects
    assert server.keys_by_client == []


def test_any_key_is_read_and_keys_that_are_not_paths_by_the_client(server):
    server.objects = {key: key.encode() for key in [*PATHS, *NO_PATHS]}
    assert read(list(server.objects)) == server.objects
    assert sorted(server.keys_by_client) == sorted(NO_PATHS)


def test_empty_and_large_objects_are_whole(server):
    server.objects = {"a": b"", "b": bytes(range(256)) * 10_000}
    assert read(["a", "b"]) == server.objects


@pytest.mark.parametrize(
    "bad",
    [
        Answer(answer(b"<Error><Code>SlowDown</Code></Error>", "503 Slow Down")),
        Answer(answer(b"<Error><Code>ExpiredToken</Code></Error>", "403 Forbidden")),
        Answer(answer(b"content")[:-3]),
        Answer(b""),
        Answer(bytes(range(256)) * 100),
    ],
    ids=lambda bad: f"{bad.data[:60]!r}",
)
def test_a_failed_request_is_retried(server, bad):
    keys = fill(server, 4)
    server.plan = {keys[2]: [bad]}
    assert read(keys) == server.objects
    assert [asked.key for asked in server.asked].count(keys[2]) >= 2


def test_a_missing_object_is_named(server):
    keys = fill(server, 3)
    with pytest.raises(ObjectMissing, match=f"s3://{BUCKET}/a/gone.json does not exist"):
        read([*keys, "a/gone.json"])


def test_the_clients_error_is_raised_unchanged(server):
    keys = fill(server, 3)
    denied = Answer(answer(b"<Error><Code>AccessDenied</Code></Error>", "403 Forbidden"))
    server.plan = {keys[1]: [denied, denied]}
    with pytest.raises(ClientError, match="AccessDenied"):
        read(keys)


def test_an_error_in_the_callback_stops_the_reading(server):
    keys = fill(server, 2_000)
    used = []

    def use(key, _):
        used.append(key)
        if len(used) == 50:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_many(data_bucket(BUCKET), keys, use)
    assert len(used) < 50 + bulk.CONNECTIONS
    assert len(server.asked) < 50 + 2 * bulk.CONNECTIONS


def test_it_works_with_motos_server(monkeypatch):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        bucket = data_bucket(BUCKET)
        bucket.client.create_bucket(Bucket=BUCKET)
        for key in PATHS[:2]:
            bucket.put(key, key.encode(), "text/plain")
        assert read(PATHS[:2]) == {key: key.encode() for key in PATHS[:2]}
    finally:
        server.stop()
