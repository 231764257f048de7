"""Runs functions as Lambda does: AWS's own runtime client, one process for each execution environment, kept warm.

An execution environment gets exactly the template's variables, those that Lambda sets, and the sandbox's endpoint; none
from the developer's shell. Its modules are the code's snapshot, the function's layers and the packages of Lambda's
runtime. It signs with a key of its own, so that its role's policies are enforced.
"""

import base64
import fcntl
import json
import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sandbox.access.loopback import foreign
from sandbox.errors import NotFoundError, ThrottledError
from sandbox.limits import CurrentLimits

_LAUNCHER = Path(__file__).with_name("launch.py")
_INIT_SECONDS = 10.0
_SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Function:
    """A function as declared in the template, with every reference resolved."""

    name: str
    logical_id: str
    arn: str
    region: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    variables: dict[str, str]
    timeout_seconds: float
    memory_megabytes: int
    log_group: str
    log_format: str = "Text"
    log_level: str | None = None
    reserved_concurrency: int | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of one invocation."""

    request_id: str
    payload: bytes
    is_error: bool
    log_tail: str = ""

    @property
    def encoded_log_tail(self) -> str:
        """The end of the log, as Lambda sends it in `X-Amz-Log-Result`."""
        return base64.b64encode(self.log_tail.encode()[-4096:]).decode()


@dataclass(frozen=True)
class Settings:
    """Settings shared by all functions of a sandbox."""

    endpoint_url: str
    runtime: Path
    """Folder with awslambdaric and boto3."""
    write_log: Callable[[Function, str, str], None]
    """Called with the function, its log stream and a line."""
    credentials: Callable[[Function], tuple[str, str]]
    """Returns a function's access key and secret key."""
    concurrency: int = 4
    """How many environments run at the same time; further invocations wait."""
    idle_seconds: float = 300.0
    """Idle time after which an environment is ended."""


class Functions:
    """The functions of a stack and their execution environments."""

    def __init__(self, settings: Settings, limits: CurrentLimits | None = None) -> None:
        self._settings = settings
        self._limits = limits or CurrentLimits()
        self._functions: dict[str, Function] = {}
        self._warm: dict[str, list[_Environment]] = {}
        self._all: set[_Environment] = set()
        self._running: dict[str, int] = {}
        self._slots = threading.BoundedSemaphore(settings.concurrency)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._reaper = threading.Thread(target=self._end_idle, name="functions", daemon=True)
        self._reaper.start()

    def add(self, function: Function) -> None:
        """Add or replace a function; environments of an earlier declaration are ended."""
        with self._lock:
            self._functions[function.name] = function
            outdated = self._warm.pop(function.name, [])
        for environment in outdated:
            self._end(environment)

    def remove(self, name: str) -> None:
        """Remove a function; its idle environments are ended."""
        with self._lock:
            self._functions.pop(name, None)
            outdated = self._warm.pop(name, [])
        for environment in outdated:
            self._end(environment)

    def get(self, name_or_arn: str) -> Function:
        """The function with this name, logical id or ARN (with or without a qualifier); raises NotFoundError."""
        parts = name_or_arn.split(":")
        name = parts[6] if len(parts) > 6 else parts[0]
        for function in list(self._functions.values()):
            if name in (function.name, function.logical_id):
                return function
        raise NotFoundError(f"There is no function {name_or_arn}; there are {', '.join(self._functions)}.")

    def names(self) -> dict[str, str]:
        """The functions' names by their logical id."""
        return {function.logical_id: function.name for function in self._functions.values()}

    @property
    def busy(self) -> int:
        """How many invocations are running or waiting for an environment."""
        with self._lock:
            return sum(self._running.values())

    def invoke(self, name_or_arn: str, payload: bytes, request_id: str | None = None) -> Outcome:
        """Run a function and wait for its answer; failures of the function are an Outcome, as in Lambda.

        Raises NotFoundError, and ThrottledError if the function's or the account's concurrency is used up.
        """
        function = self.get(name_or_arn)
        with self._counted(function), self._slots:
            environment = self._take(function)
            outcome = environment.invoke(payload, request_id or str(uuid.uuid4()))
            outdated = self._functions.get(function.name) != function
            if environment.alive and not outdated and not self._closed.is_set():
                with self._lock:
                    self._warm.setdefault(function.name, []).append(environment)
            else:
                self._end(environment)
            return outcome

    def kill(self, name_or_arn: str) -> None:
        """Kill the function's running processes, as a failing host would; raises NotFoundError."""
        for environment in self._at_work(name_or_arn):
            environment.kill()

    def is_at_work(self, name_or_arn: str) -> bool:
        """Whether a process of the function is running; raises NotFoundError."""
        return bool(self._at_work(name_or_arn))

    def _at_work(self, name_or_arn: str) -> "list[_Environment]":
        function = self.get(name_or_arn)
        with self._lock:
            idle = self._warm.get(function.name, [])
            return [each for each in self._all if each.function == function and each not in idle]

    def close(self) -> None:
        """End every environment."""
        self._closed.set()
        with self._lock:
            environments = list(self._all)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._end, environments))

    @contextmanager
    def _counted(self, function: Function) -> Iterator[None]:
        with self._lock:
            running = self._running.get(function.name, 0)
            limit = self._limits.now.function_concurrency
            if limit is not None and sum(self._running.values()) >= limit:
                raise ThrottledError("Rate Exceeded.")
            if function.reserved_concurrency is not None and running >= function.reserved_concurrency:
                raise ThrottledError(
                    f"Rate Exceeded: {function.name} has a reserved concurrency of {function.reserved_concurrency}."
                )
            self._running[function.name] = running + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[function.name] -= 1

    def _take(self, function: Function) -> "_Environment":
        with self._lock:
            warm = self._warm.get(function.name, [])
            while warm:
                environment = warm.pop()
                if environment.alive:
                    return environment
        environment = _Environment(function, self._settings)
        with self._lock:
            self._all.add(environment)
        return environment

    def _end(self, environment: "_Environment") -> None:
        environment.end()
        with self._lock:
            self._all.discard(environment)

    def _end_idle(self) -> None:
        while not self._closed.wait(min(5.0, self._settings.idle_seconds / 4)):
            oldest = time.monotonic() - self._settings.idle_seconds
            with self._lock:
                idle = [
                    environment
                    for environments in self._warm.values()
                    for environment in environments
                    if environment.last_used < oldest
                ]
                for environments in self._warm.values():
                    environments[:] = [each for each in environments if each not in idle]
            for environment in idle:
                self._end(environment)


@dataclass
class _Answer:
    payload: bytes
    is_error: bool


@dataclass
class _Work:
    request_id: str
    payload: bytes
    deadline: float
    """Seconds since the epoch."""
    answers: "queue.Queue[_Answer]" = field(default_factory=queue.Queue)


class _Environment:
    """One process with AWS's runtime client, and the Runtime API that gives it work."""

    def __init__(self, function: Function, settings: Settings) -> None:
        self.function = function
        self._settings = settings
        self._log_stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        self._work: queue.Queue[_Work | None] = queue.Queue()
        self._current: _Work | None = None
        self._ready = threading.Event()
        self._init_error: bytes | None = None
        self._tail: list[str] = []
        self._ended = False
        self.last_used = time.monotonic()
        self._started = time.monotonic()
        self._init_seconds: float | None = None
        self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-function-")
        self._api = ThreadingHTTPServer(("127.0.0.1", 0), _runtime_api(self))
        self._api.daemon_threads = True
        threading.Thread(target=self._api.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self._process = subprocess.Popen(
            # -S excludes this interpreter's packages, -P this folder.
            [
                getattr(sys, "_base_executable", sys.executable),
                "-S",
                "-P",
                str(_LAUNCHER),
                function.handler,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=function.code,
            env=self._variables(),
            start_new_session=True,
        )
        self._reading = threading.Lock()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    @property
    def api_port(self) -> int:
        """The loopback port of the Runtime API."""
        return self._api.server_port

    @property
    def alive(self) -> bool:
        return not self._ended and self._process.poll() is None

    def invoke(self, payload: bytes, request_id: str) -> Outcome:
        """Send the event and wait for the answer, a timeout, too much memory or the end of the process."""
        self._tail = []
        self._log(f"START RequestId: {request_id} Version: $LATEST")
        answer = self._await_init(request_id)
        started = time.monotonic()
        if answer is None:
            answer = self._await_answer(payload, request_id)
        duration = (time.monotonic() - started) * 1000
        self._drain_output()
        self._log(f"END RequestId: {request_id}")
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms\t"
            f"Memory Size: {self.function.memory_megabytes} MB\tMax Memory Used: {self._peak_megabytes()} MB"
        )
        if self._init_seconds is not None:
            report += f"\tInit Duration: {self._init_seconds * 1000:.2f} ms"
            self._init_seconds = None
        self._log(report)
        self.last_used = time.monotonic()
        return Outcome(request_id, answer.payload, answer.is_error, "\n".join(self._tail) + "\n")

    def end(self) -> None:
        """End the process and its Runtime API."""
        if self._ended:
            return
        self._ended = True
        self.kill()
        self._work.put(None)
        self._api.shutdown()
        self._api.server_close()
        self._reader.join(5)
        if self._process.stdin:
            self._process.stdin.close()
        self._temporary.cleanup()

    _last_peak = 0

    def _await_init(self, request_id: str) -> _Answer | None:
        """Wait until the runtime asks for work; return the response if it fails to."""
        limit = max(_INIT_SECONDS, self.function.timeout_seconds)
        deadline = self._started + limit
        while not self._ready.wait(0.005):
            # A process that ends may have reported the reason before, so its own message takes precedence.
            if self._process.poll() is not None:
                self._drain_output()
                if self._init_error is not None:
                    return _Answer(self._init_error, True)
                return self._exit_answer(request_id)
            if self._peak_megabytes() > self.function.memory_megabytes:
                return self._kill_for_memory(request_id)
            if time.monotonic() > deadline:
                return self._kill_for_time(request_id, limit)
        if self._init_error is not None:
            self.kill()
            return _Answer(self._init_error, True)
        return None

    def _await_answer(self, payload: bytes, request_id: str) -> _Answer:
        timeout = self.function.timeout_seconds
        work = _Work(request_id, payload, time.time() + timeout)
        deadline = time.monotonic() + timeout
        self._current = work
        self._work.put(work)
        while True:
            try:
                answer = work.answers.get(
                    timeout=min(_SAMPLE_SECONDS, max(0.001, deadline - time.monotonic()))
                )
            except queue.Empty:
                answer = None
            if self._peak_megabytes() > self.function.memory_megabytes:
                return self._kill_for_memory(request_id)
            if answer is not None:
                return answer
            if self._process.poll() is not None:
                return self._exit_answer(request_id)
            if time.monotonic() >= deadline:
                return self._kill_for_time(request_id, timeout)

    def _kill_for_time(self, request_id: str, seconds: float) -> _Answer:
        self.kill()
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        self._log(message)
        return _error("Sandbox.Timedout", message)

    def _kill_for_memory(self, request_id: str) -> _Answer:
        self.kill()
        message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
        self._log(message)
        return _error("Runtime.ExitError", message)

    def _exit_answer(self, request_id: str) -> _Answer:
        code = self._process.wait()
        if code < 0:
            reason = f"Runtime exited with error: signal: {signal.strsignal(-code) or -code}".lower()
            reason = reason.replace("runtime", "Runtime", 1)
        elif code:
            reason = f"Runtime exited with error: exit status {code}"
        else:
            reason = "Runtime exited without providing a reason"
        message = f"RequestId: {request_id} Error: {reason}"
        self._log(message)
        return _error("Runtime.ExitError", message)

    def kill(self) -> None:
        """End the process and its children."""
        if self._process.poll() is None:
            # It may end and be reaped elsewhere at this moment.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def _peak_megabytes(self) -> int:
        """The process's peak resident size in MiB; 0 where the system does not report it."""
        self._last_peak = peak_megabytes(self._process.pid) or self._last_peak
        return self._last_peak

    def _variables(self) -> dict[str, str]:
        function, settings = self.function, self._settings
        access_key, secret_key = settings.credentials(function)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        variables = {
            "_HANDLER": function.handler,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_REGION": function.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_megabytes),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log_stream,
            "AWS_LAMBDA_LOG_FORMAT": function.log_format,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "LAMBDA_TASK_ROOT": str(function.code),
            "LAMBDA_RUNTIME_DIR": str(settings.runtime),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": ":".join(map(str, [function.code, *function.layers, settings.runtime])),
            "TMPDIR": self._temporary.name,
            "TZ": ":UTC",
        }
        if function.log_level:
            variables["AWS_LAMBDA_LOG_LEVEL"] = function.log_level
        return {**variables, **function.variables, "AWS_ENDPOINT_URL": settings.endpoint_url}

    def _log(self, line: str) -> None:
        self._tail.append(line)
        # Lambda's response contains only the last 4 KB.
        while sum(map(len, self._tail)) > 4096 and len(self._tail) > 1:
            self._tail.pop(0)
        self._settings.write_log(self.function, self._log_stream, line)

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (Popen was given a pipe)
        pipe = self._process.stdout.fileno()
        unfinished = b""
        while select.select([pipe], [], [])[0]:
            with self._reading:
                chunk = os.read(pipe, 65536)
                if not chunk:
                    break
                *lines, unfinished = (unfinished + chunk).split(b"\n")
                for line in lines:
                    # The runtime client separates the lines of one traceback by carriage returns.
                    self._log(line.decode("utf-8", "replace").replace("\r", "\n").rstrip("\n"))
        if unfinished:
            self._log(unfinished.decode("utf-8", "replace"))
        self._process.stdout.close()

    def _drain_output(self) -> None:
        """Wait until everything that the process has printed so far is logged."""
        if self._process.poll() is not None:
            self._reader.join(1)
            return
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline and self._unread():
            time.sleep(0.001)
        with self._reading:
            return

    def _unread(self) -> bool:
        assert self._process.stdout is not None  # noqa: S101
        if self._process.stdout.closed:
            return False
        waiting = fcntl.ioctl(self._process.stdout.fileno(), termios.FIONREAD, b"\0" * 4)
        return any(waiting)

    # What the Runtime API calls.

    def next_work(self) -> _Work | None:
        """The runtime is ready: wait for an event; None if the environment ends."""
        if not self._ready.is_set():
            self._init_seconds = time.monotonic() - self._started
            self._ready.set()
        return self._work.get()

    def answer(self, request_id: str, payload: bytes, is_error: bool) -> bool:
        """Deliver the runtime's answer; False if nobody waits for it any more."""
        work = self._current
        if work is None or work.request_id != request_id:
            return False
        work.answers.put(_Answer(payload, is_error))
        return True

    def fail_init(self, payload: bytes) -> None:
        """The runtime could not load the handler."""
        self._init_seconds = time.monotonic() - self._started
        self._init_error = payload
        self._ready.set()


def peak_megabytes(pid: int) -> int | None:
    """The peak resident size of a process in MiB; None if it has ended, or if there is no /proc."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            sizes = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    except (FileNotFoundError, ProcessLookupError):
        # The file can be opened while the process lives, and no longer be read once it has been reaped.
        return None
    return -(-int(sizes[0]) // 1024) if sizes else None


def _error(kind: str, message: str) -> _Answer:
    return _Answer(json.dumps({"errorType": kind, "errorMessage": message}, allow_nan=False).encode(), True)


def _runtime_api(environment: _Environment) -> type[BaseHTTPRequestHandler]:
    """Lambda's Runtime API (2018-06-01) for one environment."""

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            if objection := foreign(self.headers.get, environment.api_port):
                self.send_error(403, objection)
                return False
            return True

        def do_GET(self) -> None:
            if not self.path.endswith("/runtime/invocation/next"):
                self._reply(404, {})
                return
            work = environment.next_work()
            if work is None:
                self.close_connection = True
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": work.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(work.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": environment.function.arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):x}-{uuid.uuid4().hex[:24]};Sampled=0",
                "Content-Type": "application/json",
            }
            self._reply(200, headers, work.payload)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            *_, request_id, action = self.path.split("/")
            if self.path.endswith("/runtime/init/error"):
                environment.fail_init(body)
                accepted = True
            else:
                accepted = environment.answer(request_id, body, is_error=action == "error")
            self._reply(202 if accepted else 400, {"Content-Type": "application/json"}, b'{"status": "OK"}')

        def _reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log no requests of the runtime client."""

    return RuntimeApi
