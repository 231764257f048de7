"""A model's container answers programs on this machine, but not web pages."""

import subprocess
import sys
import time

import pytest
import requests

from tests.support.repository import ROOT

CONTAINER = ROOT / "sandbox" / "sagemaker" / "container"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    folder = tmp_path_factory.mktemp("container")
    (folder / "model.json").write_text('{"features": 1, "labels": ["no", "yes"]}')
    command = [sys.executable, CONTAINER / "launch.py", CONTAINER / "stub.py", folder, folder / "port"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        while not (folder / "port").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield int((folder / "port").read_text())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_an_invocation_comes_from_this_machine(port, headers, status):
    url = f"http://127.0.0.1:{port}/invocations"
    answer = requests.post(url, b"1\n", headers={"Content-Type": "text/csv", **headers}, timeout=10)
    assert answer.status_code == status
