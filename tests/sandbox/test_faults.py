import socket
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest

from sandbox.faults import Faults


def put(faults, number):
    """Asks for PutObject as boto3 does; gives None where the connection ends without an answer."""
    near, far = socket.socketpair()
    with near, far:
        environ = {
            "REQUEST_METHOD": "PUT",
            "PATH_INFO": f"/bucket/{number}",
            "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/s3/aws4_request",
            "werkzeug.socket": near,
        }
        try:
            return b"".join(faults(environ, lambda *_: None))
        except ConnectionResetError:
            return None


@pytest.mark.parametrize(("kind", "takes_effect"), [("kill_before", False), ("kill_after", True)])
def test_no_request_of_the_kind_passes_while_a_function_is_killed(kind, takes_effect):
    begun, may_die, through = Event(), Event(), []

    def kill(function):
        assert function == "LoadFunction"
        begun.set()
        assert may_die.wait(60)

    def answer(environ, start_response):
        through.append((environ["PATH_INFO"], may_die.is_set()))
        start_response("200 OK", [])
        return [b"done"]

    faults = Faults(answer, kill, lambda _: True)
    fault = {"operation": "PutObject", "kind": kind, "after": 2, "times": 1, "function": "LoadFunction"}
    faults.switch([fault])
    assert [put(faults, number) for number in (1, 2)] == [b"done", b"done"]
    with ThreadPoolExecutor(2) as pool:
        struck = pool.submit(put, faults, 3)
        assert begun.wait(60)
        late = pool.submit(put, faults, 4)
        wait([late], timeout=0.2)
        may_die.set()
        assert (struck.result(), late.result()) == (None, b"done")
    before = [("/bucket/1", False), ("/bucket/2", False), *([("/bucket/3", False)] if takes_effect else [])]
    assert through == [*before, ("/bucket/4", True)]
    assert faults.struck() == [1]
