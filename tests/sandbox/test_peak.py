import builtins
import os
import subprocess
import sys

import pytest

from sandbox.functions import functions
from sandbox.functions.functions import peak_megabytes

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")


def test_a_running_process_has_a_peak():
    assert peak_megabytes(os.getpid()) > 1


def test_a_process_that_is_killed_while_its_peak_is_read_has_none(monkeypatch):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def open_and_kill(*arguments, **options):
        file = builtins.open(*arguments, **options)  # noqa: SIM115 (the caller closes it)
        process.kill()
        process.communicate()
        return file

    monkeypatch.setattr(functions, "open", open_and_kill, raising=False)
    assert peak_megabytes(process.pid) is None


def test_an_ended_process_has_none():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert peak_megabytes(process.pid) is None
