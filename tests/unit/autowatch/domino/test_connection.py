"""The client against a real HTTP server on loopback, which answers what each test tells it to."""

import contextlib
import math
import socket
import threading
import time

import pytest

from autowatch.domino import v0 as domino_v0
from autowatch.domino.connection import (
    DominoConnection,
    DominoCredentialsRefused,
    DominoRefused,
    DominoTimeUp,
    DominoToken,
    DominoUnavailable,
    open_session,
    send,
)
from tests.support.scripted_domino import Answer, FakeDomino

TOKEN = "secret-token-0123456789"
LOCATION = {"dataLocation": "https://bucket.s3.eu-central-1.amazonaws.com/predictions/a.csv"}


@pytest.fixture
def fake():
    fake = FakeDomino()
    yield fake
    fake.close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def connect(waits):
    with open_session(4) as session:
        yield lambda url, **changes: DominoConnection(
            session=session,
            url=url,
            **{
                "token": DominoToken(lambda: TOKEN),
                "wire": domino_v0.WIRE,
                "connect_timeout_seconds": 1.0,
                "reply_timeout_seconds": 0.3,
                "first_wait_seconds": 0.01,
                "sleep": waits.append,
                **changes,
            },
        )


def put(connection):
    return send(connection, "PUT", "model-1/add_predictions", LOCATION)


def test_the_request_follows_the_wire(fake, connect):
    fake.answers = [Answer(200)]
    assert put(connect(fake.url)).status == 200

    (request,) = fake.requests
    assert (request.method, request.path) == ("PUT", "/api/v0/models/model-1/add_predictions")
    assert request.headers["Authorization"] == TOKEN
    assert request.headers["Content-Type"] == "application/json"
    assert b'"https://bucket.s3.eu-central-1.amazonaws.com/predictions/a.csv"' in request.body


def test_the_url_may_lack_its_last_slash(fake, connect):
    fake.answers = [Answer(200)]
    put(connect(fake.url.rstrip("/")))
    assert fake.requests[0].path == "/api/v0/models/model-1/add_predictions"


def test_a_netrc_entry_does_not_replace_the_token(fake, connect, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fake.answers = [Answer(200)]
    put(connect(fake.url))
    assert fake.requests[0].headers["Authorization"] == TOKEN


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_a_success(fake, connect, status):
    fake.answers = [Answer(status)]
    assert put(connect(fake.url)).status == status


def test_an_unreadable_body_of_a_success_does_no_harm(fake, connect):
    fake.answers = [Answer(200, b"\xff\xfe\x00garbage {not json")]
    assert put(connect(fake.url)).status == 200


@pytest.mark.parametrize(
    ("status", "failure", "remedy"),
    [
        (401, DominoCredentialsRefused, "DmmTokenSecretArn"),
        (403, DominoCredentialsRefused, "DmmTokenSecretArn"),
        (404, DominoRefused, "DmmModelId"),
        (400, DominoRefused, "model's configuration"),
        (405, DominoRefused, "model's configuration"),
        (422, DominoRefused, "model's configuration"),
    ],
)
def test_a_refusal_is_final_and_names_the_setting(fake, connect, waits, status, failure, remedy):
    fake.answers = [Answer(status, b'{"message": "no such luck"}')]
    with pytest.raises(failure) as caught:
        put(connect(fake.url))
    assert remedy in str(caught.value)
    assert f"{status}" in str(caught.value)
    assert "no such luck" in str(caught.value)
    assert len(fake.requests) == 1
    assert waits == []


def test_a_redirect_is_not_followed(fake, connect):
    fake.answers = [Answer(302, headers={"Location": "/login"}), Answer(200)]
    with pytest.raises(DominoRefused, match="DmmUrl"):
        put(connect(fake.url))
    assert len(fake.requests) == 1


def test_only_the_credentials_are_refused_as_credentials(fake, connect):
    fake.answers = [Answer(404)]
    with pytest.raises(DominoRefused) as caught:
        put(connect(fake.url))
    assert not isinstance(caught.value, DominoCredentialsRefused)


def test_a_login_page_is_not_taken_for_a_success(fake, connect):
    fake.answers = [
        Answer(200, b"\n<!DOCTYPE html><html>Please sign in</html>", {"Content-Type": "text/html"})
    ]
    with pytest.raises(DominoRefused, match="DmmUrl"):
        put(connect(fake.url))


def test_a_conflict_is_left_to_the_wire(fake, connect):
    fake.answers = [Answer(409, b'["Dataset already registered with the model."]')]
    assert put(connect(fake.url)).status == 409


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_failure_is_retried(fake, connect, waits, status):
    fake.answers = [Answer(status), Answer(status), Answer(200)]
    assert put(connect(fake.url)).status == 200
    assert len(fake.requests) == 3
    assert len(waits) == 2
    assert all(request.body == fake.requests[0].body for request in fake.requests)


def test_a_lasting_failure_ends_after_the_attempts_with_the_last_response(fake, connect, waits):
    fake.answers = [Answer(500, b"first"), Answer(503, b"last")]
    with pytest.raises(DominoUnavailable) as caught:
        put(connect(fake.url))
    assert len(fake.requests) == 4
    assert len(waits) == 3
    assert "4 at most" in str(caught.value)
    assert "503: last" in str(caught.value)
    assert "DmmUrl" in str(caught.value)


def test_waits_grow_and_are_random(fake, connect, waits):
    fake.answers = [Answer(500)]
    for _ in range(40):
        with pytest.raises(DominoUnavailable):
            put(connect(fake.url, first_wait_seconds=1.0))
    first, second, third = waits[0::3], waits[1::3], waits[2::3]
    for group, longest in ((first, 1.0), (second, 2.0), (third, 4.0)):
        assert 0 <= min(group) < longest / 2 < max(group) <= longest
        assert len(set(group)) == 40


@pytest.mark.parametrize(
    ("header", "at_least", "at_most"),
    [
        ("3", 3.0, 3.0),
        ("86400", 10.0, 10.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0, 0.01),
        ("-5", 0.0, 0.01),
        ("²", 0, 0.01),
    ],
)
def test_retry_after_is_followed_up_to_a_limit(fake, connect, waits, header, at_least, at_most):
    answer = Answer(429)
    answer.headers["Retry-After"] = header.encode("utf-8").decode("latin-1")
    fake.answers = [answer, Answer(200)]
    put(connect(fake.url))
    assert at_least <= waits[0] <= at_most


def test_a_dropped_connection_is_retried(fake, connect):
    fake.answers = [Answer(0, hang_up=True), Answer(200)]
    assert put(connect(fake.url)).status == 200


def test_a_closed_port_is_unavailable(connect, waits):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DominoUnavailable, match="4 at most"):
        put(connect(f"http://127.0.0.1:{port}/"))
    assert len(waits) == 3


def test_a_server_that_never_answers_is_given_up(connect):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = connect(
            f"http://127.0.0.1:{silent.getsockname()[1]}/", reply_timeout_seconds=0.1, attempts=2
        )
        start = time.monotonic()
        with pytest.raises(DominoUnavailable, match="ReadTimeout"):
            put(connection)
        assert time.monotonic() - start < 5


def test_a_slow_body_is_cut_off(fake, connect):
    fake.answers = [Answer(200, b"x" * 4000, trickle_seconds=0.1)]
    start = time.monotonic()
    assert put(connect(fake.url)).status == 200
    assert time.monotonic() - start < 3


def test_a_huge_or_hostile_body_is_cut_short_in_the_message(fake, connect):
    fake.answers = [Answer(400, "ü\r\n\x1b[31mred\x00".encode() + b"x" * 5_000_000)]
    with pytest.raises(DominoRefused) as caught:
        put(connect(fake.url))
    message = str(caught.value)
    assert len(message) < 700
    assert message.isprintable()
    assert "ü [31mred" in message


@pytest.mark.parametrize(
    "url", ["dmm.example/api", "", "http://", "http://host:notaport/", "ftp://127.0.0.1/x"]
)
def test_an_impossible_url_is_refused_at_once(connect, waits, url):
    with pytest.raises(DominoRefused, match="DmmUrl"):
        put(connect(url))
    assert waits == []


@pytest.mark.parametrize("status", [400, 401, 404, 500, 302])
def test_the_token_never_shows(fake, connect, status, caplog):
    caplog.set_level(0)
    fake.answers = [Answer(status, f"You sent {TOKEN}.".encode())]
    connection = connect(fake.url, attempts=1)
    with pytest.raises((DominoRefused, DominoUnavailable)) as caught:
        put(connection)
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(connection)
    assert TOKEN not in caplog.text


def test_no_attempt_begins_without_the_time_for_it(fake, connect, waits):
    fake.answers = [Answer(500)]
    with pytest.raises(DominoTimeUp):
        put(connect(fake.url, seconds_left=lambda: 1.5))
    assert fake.requests == []

    left = iter([100.0, 100.0, 1.5])
    with pytest.raises(DominoUnavailable, match="500"):
        put(connect(fake.url, seconds_left=lambda: next(left)))
    assert len(fake.requests) == 2


def test_an_attempts_duration_is_the_sum_of_its_limits(connect):
    connection = connect("http://x/", connect_timeout_seconds=5, reply_timeout_seconds=10)
    assert connection.attempt_seconds == 25
    assert connection.seconds_left() == math.inf


class TestToken:
    @pytest.fixture
    def secret(self):
        return {"value": "old", "reads": 0}

    @pytest.fixture
    def token(self, secret):
        def read():
            secret["reads"] += 1
            return secret["value"]

        return DominoToken(read)

    def test_the_secret_is_read_once(self, fake, connect, token, secret):
        fake.answers = [Answer(200)]
        connection = connect(fake.url, token=token)
        for _ in range(3):
            put(connection)
        assert secret["reads"] == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_rotated_secret_is_read_again_and_the_call_succeeds(self, fake, connect, token, secret, status):
        token.value()
        secret["value"] = "new"
        fake.answers = [Answer(status), Answer(200)]
        assert put(connect(fake.url, token=token)).status == 200
        assert [request.headers["Authorization"] for request in fake.requests] == ["old", "new"]
        assert secret["reads"] == 2
        assert token.value() == "new"

    def test_a_token_that_is_refused_again_after_a_new_read_is_final(self, fake, connect, token, secret):
        token.value()
        secret["value"] = "new"
        fake.answers = [Answer(401)]
        with pytest.raises(DominoCredentialsRefused):
            put(connect(fake.url, token=token))
        assert len(fake.requests) == 2

    def test_an_unchanged_secret_is_not_retried(self, fake, connect, token, secret):
        fake.answers = [Answer(401)]
        with pytest.raises(DominoCredentialsRefused):
            put(connect(fake.url, token=token))
        assert (len(fake.requests), secret["reads"]) == (1, 2)

    def test_header_and_scheme_can_be_set(self, fake, connect, token):
        fake.answers = [Answer(200)]
        put(connect(fake.url, token=token, header="X-Key", scheme="Bearer"))
        (request,) = fake.requests
        assert request.headers["X-Key"] == "Bearer old"
        assert "Authorization" not in request.headers

    def test_a_cookie_is_not_kept(self, fake, connect):
        fake.answers = [Answer(200, headers={"Set-Cookie": "session=1"})]
        connection = connect(fake.url)
        put(connection)
        put(connection)
        assert "Cookie" not in fake.requests[1].headers


def test_a_text_that_the_wire_recognises_decides_with_any_status(fake, connect):
    fake.answers = [Answer(500, b"Already there")]
    reply = send(connect(fake.url), "PUT", "x", {}, settles=lambda reply: "Already" in reply.text)
    assert reply.status == 500
    assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [200, 409])
def test_a_login_page_with_the_text_already_registered_decides_nothing(fake, connect, status):
    fake.answers = [Answer(status, b"<html>Already registered? Sign in</html>")]
    with pytest.raises(DominoRefused, match="not Domino's API"):
        send(connect(fake.url), "PUT", "x", {}, settles=lambda reply: "registered" in reply.text)


def test_a_broken_body_is_retried(fake, connect):
    fake.answers = [Answer(200, b"[1, 2", headers={}, missing_bytes=10), Answer(200, b"[]")]
    assert put(connect(fake.url)).text == "[]"


def test_a_slow_head_is_given_up(connect):
    """Every byte begins the time-out of the socket anew."""

    def trickle(listener):
        connected, _ = listener.accept()
        with connected, contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 1000:
                connected.sendall(bytes([byte]))
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,), daemon=True)
        thread.start()
        start = time.monotonic()
        with pytest.raises(DominoUnavailable):
            put(connect(f"http://127.0.0.1:{listener.getsockname()[1]}/", attempts=1))
        assert time.monotonic() - start < 3
        thread.join(5)
        assert not thread.is_alive()
