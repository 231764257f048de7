"""Starts a sandbox in a process of its own, for the demo and the tests, and controls a running one."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import requests

from sandbox.access.keys import KEY_HEADER
from sandbox.domino.client import DominoControl
from sandbox.errors import (
    AlarmError,
    FaultError,
    IdleTimeoutError,
    NotFoundError,
    NotRunningError,
    SandboxError,
    StartError,
)
from sandbox.events.mailbox import Mailbox
from sandbox.faults import Fault
from sandbox.install import REPOSITORY
from sandbox.limits import Limits

READY_FILE = "sandbox.json"
_CONTROL_SECONDS = 30.0


class Connection:
    """A running sandbox, seen from outside."""

    def __init__(self, state_dir: Path) -> None:
        """Read the address that the sandbox wrote when it was ready; raise NotRunningError if absent."""
        try:
            status = json.loads((state_dir / READY_FILE).read_text())
        except FileNotFoundError as error:
            raise NotRunningError("No sandbox is running here; start one with `make sandbox`.") from error
        self.state_dir = state_dir
        self.endpoint_url: str = status["endpoint_url"]
        self.outputs: dict[str, str] = status["outputs"]
        self.environment: dict[str, str] = status["environment"]
        self.functions: dict[str, str] = status["functions"]
        self.mailbox = Mailbox(Path(status["mail"]))
        self.domino = DominoControl(self.endpoint_url, self._key)

    @property
    def _key(self) -> str:
        return self.environment["AWS_SECRET_ACCESS_KEY"]

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of one of the sandbox's services."""
        return self.session().client(service, endpoint_url=self.endpoint_url, **options)

    def session(self) -> Any:
        """A boto3 session with the sandbox's credentials and region; give its clients `endpoint_url`."""
        variables = self.environment
        return boto3.Session(
            variables["AWS_ACCESS_KEY_ID"],
            variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_REGION"],
        )

    def status(self) -> dict[str, Any]:
        """The sandbox's report on itself; raises NotRunningError if it does not answer."""
        return dict(self._control("GET", "status"))

    def fire(self, name: str) -> None:
        """Fire a schedule now. `name`: its name, its logical id or its function's; raises NotFoundError."""
        self._control("POST", f"fire/{quote(name, safe='')}")

    def stop(self) -> None:
        """Ask the sandbox to end."""
        self._control("POST", "stop")

    def faults(self, *faults: Fault) -> None:
        """Switch these faults on and all others off; raise FaultError if one is invalid."""
        self._control("PUT", "faults", [asdict(fault) for fault in faults])

    def limits(self, limits: Limits | None = None) -> None:
        """Replace the limits in force by these; without an argument, remove all."""
        self._control("PUT", "limits", asdict(limits or Limits()))

    def faults_struck(self) -> list[int]:
        """How many requests each fault has struck so far, in the faults' order."""
        return list(self._control("GET", "faults")["struck"])

    def pace_deployments(self, pace: float) -> None:
        """Have blue/green deployments shift, bake and roll back, with `pace` real seconds per second (0: none)."""
        self._control("PUT", "deployments", {"pace": pace})

    def evaluate_alarms(self, moment: datetime | None = None) -> list[dict[str, str]]:
        """Evaluate every alarm as of `moment` (timezone-aware; default: now), and act on each change of state.

        Returns name, state, previous state and reason of each; raises AlarmError if one cannot be evaluated.
        """
        document = {"at": moment.isoformat()} if moment else {}
        return list(self._control("POST", "alarms", document, AlarmError)["alarms"])

    def wait_until_idle(
        self, timeout_seconds: float, progress: Callable[[dict[str, int]], None] | None = None
    ) -> None:
        """Wait until no function, retry or execution is in progress; IdleTimeoutError names what still is."""
        deadline = time.monotonic() + timeout_seconds
        while any((busy := self.status()["busy"]).values()):
            if progress:
                progress(busy)
            if time.monotonic() > deadline:
                raise IdleTimeoutError(f"The sandbox is still busy after {timeout_seconds:.0f} s: {busy}.")
            time.sleep(0.05)

    def logs(self, function: str) -> str:
        """Everything that a function has logged so far, by the function's logical id."""
        path = self.state_dir / "logs" / f"{function}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _control(
        self, method: str, path: str, document: Any = None, refusal: type[SandboxError] = FaultError
    ) -> Any:
        url = f"{self.endpoint_url}/_sandbox/{path}"
        try:
            response = requests.request(
                method,
                url,
                json=document,
                headers={KEY_HEADER: self._key},
                timeout=_CONTROL_SECONDS,
                proxies={"http": ""},
            )
        except requests.ConnectionError as error:
            raise NotRunningError(
                f"The sandbox at {self.endpoint_url} does not answer; it has ended."
            ) from error
        if response.status_code == 404:
            raise NotFoundError(response.json()["message"])
        if response.status_code == 400:
            raise refusal(response.json()["message"])
        response.raise_for_status()
        return response.json()


class Sandbox(Connection):
    """A sandbox started by this process."""

    def __init__(self, process: subprocess.Popen[bytes], state_dir: Path) -> None:
        super().__init__(state_dir)
        self._process = process

    @property
    def pid(self) -> int:
        """The id of the sandbox's process."""
        return self._process.pid

    def close(self, timeout_seconds: float = 30.0) -> None:
        """End the sandbox and everything that it started."""
        _end(self._process, timeout_seconds)


@contextmanager
def running_sandbox(
    template: Path | None = REPOSITORY / "template.yaml",
    parameters: dict[str, str] | None = None,
    state_dir: Path | None = None,
    *,
    stack_name: str = "autowatch",
    retry_seconds: tuple[float, float] = (0.2, 0.4),
    start_timeout_seconds: float = 120.0,
) -> Iterator[Sandbox]:
    """Start a sandbox, deploy the template unless it is None, yield the sandbox, and end it.

    In a parameter's value `{endpoint}` stands for the sandbox's URL and `{domino_token_secret_arn}` for the secret
    with the local Domino's token. Without a `state_dir` a temporary folder is used and removed.

    Raises StartError with the end of the log if the sandbox does not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) as temporary:
        folder = (state_dir or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        configuration = {
            "template": str(template.resolve()) if template else None,
            "state_dir": str(folder),
            "parameters": parameters or {},
            "stack_name": stack_name,
            "retry_seconds": retry_seconds,
        }
        log = folder / "sandbox.log"
        (folder / READY_FILE).unlink(missing_ok=True)
        with open(log, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.server", json.dumps(configuration, allow_nan=False)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _await_ready(process, folder / READY_FILE, log, start_timeout_seconds)
            sandbox = Sandbox(process, folder)
            yield sandbox
        finally:
            _end(process, 30.0)


def _await_ready(process: subprocess.Popen[bytes], ready: Path, log: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not ready.exists():
        if process.poll() is not None:
            raise StartError(f"The sandbox did not start (its log is {log}):\n{_last_lines(log)}")
        if time.monotonic() > deadline:
            raise StartError(f"The sandbox was not ready after {timeout_seconds:.0f} s:\n{_last_lines(log)}")
        time.sleep(0.02)


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def _end(process: subprocess.Popen[bytes], timeout_seconds: float) -> None:
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout_seconds)
