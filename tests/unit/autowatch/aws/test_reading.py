"""A real HTTP server stands in for S3: moto never breaks off."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import HTTPClientError, IncompleteReadError

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import ResumedBody, read_input

BODY = bytes(range(256)) * 8192
FILE = ObjectVersion("training/a.csv", "v1", "e", len(BODY))


class Handler(BaseHTTPRequestHandler):
    """Answers with what is left of the body, and hangs up after so many bytes as the server's plan says."""

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        self.server.starts.append(start)
        end = int(asked[2]) + 1 if asked and asked[2] else None
        rest = self.server.body[start:end]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", '"e"')
        self.send_header("x-amz-version-id", "v9")
        self.server.conditions.append(("versionId" in self.path, self.headers.get("If-Match")))
        self.end_headers()
        sent = self.server.plan.pop(0) if self.server.plan else len(rest)
        self.wfile.write(rest[:sent])
        self.close_connection = True

    def log_message(self, *_):
        """Logs nothing."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.plan, server.starts, server.conditions = BODY, [], [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


def bucket(server):
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=5, read_timeout=5, retries={"max_attempts": 1}),
    )
    return Bucket(s3, "bank")


def read(server, file=FILE, **part):
    return b"".join(read_input(bucket(server), file, **part))


def test_a_whole_answer_is_read_once(server):
    assert read(server) == BODY
    assert server.starts == [0]


def test_after_a_break_only_the_rest_is_requested(server):
    server.plan = [700_000, 0, 1_000_000]
    assert read(server) == BODY
    assert len(server.starts) == 4
    assert server.starts == sorted(server.starts)


def test_breaks_do_not_count_while_the_reading_progresses(server):
    server.plan = [300_000] * 6
    assert read(server) == BODY


def test_a_connection_that_only_breaks_is_given_up(server):
    server.plan = [400_000] + [0] * 10
    with pytest.raises((HTTPClientError, IncompleteReadError)):
        read(server)
    assert len(server.starts) == 4


def test_an_empty_object_is_read(server):
    server.body = b""
    assert read(server, ObjectVersion("training/a.csv", "v1", "e", 0)) == b""
    assert server.starts == [0]


def test_a_range_is_resumed_within_its_bounds(server):
    server.plan = [100_000, 50_000]
    assert read(server, start=1000, end=900_000) == BODY[1000:900_000]
    assert server.starts[0] == 1000
    assert len(server.starts) == 3


def test_the_size_in_an_event_does_not_limit_the_reading(server):
    server.plan = [700_000]
    assert read(server, ObjectVersion(FILE.key, FILE.version_id, FILE.etag, 1)) == BODY


def test_an_object_read_by_key_is_resumed_in_the_same_version(server):
    server.plan = [700_000]
    body = ResumedBody.of_key(bucket(server), "predictions/a.csv")
    assert b"".join(iter(lambda: body.read(1 << 20), b"")) == BODY
    assert body.file == ObjectVersion("predictions/a.csv", None, "e", len(BODY))


def test_resuming_a_read_by_key_needs_no_permission_for_versions(server):
    """A function that may get an object may not get its versions: that is another permission."""
    server.plan = [700_000]
    body = ResumedBody.of_key(bucket(server), "transform/a/output/part-00003.csv.out")
    assert b"".join(iter(lambda: body.read(1 << 20), b"")) == BODY
    assert server.conditions == [(False, None), (False, '"e"')]


def test_a_small_object_is_read_again(server):
    server.body, server.plan = b'{"a": 1}', [3, 0, 5]
    assert bucket(server).read_json("k") == {"a": 1}
    assert server.starts == [0] * 4


def test_a_small_object_whose_connection_only_breaks_is_given_up(server):
    server.body, server.plan = b'{"a": 1}', [3] * 4
    with pytest.raises((HTTPClientError, IncompleteReadError)):
        bucket(server).read("k")
