"""One container that serves a model: its artefact, its process and its requests."""

import contextlib
import itertools
import shutil
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.sagemaker.children import Child
from sandbox.sagemaker.platform import Platform, split_s3_uri
from sandbox.sagemaker.wire.errors import ValidationException

_SECONDS_BETWEEN_PINGS = 0.05
_PING_TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 200
_numbers = itertools.count(1)


class ModelServerFailed(Exception):
    """The container cannot serve; the message is the endpoint's FailureReason."""


class ModelServerTimeout(Exception):
    """The container did not answer in time."""


class ModelServerGone(Exception):
    """The container ended or broke the connection before its response."""


@dataclass(frozen=True)
class ContainerAnswer:
    """The container's response to /invocations."""

    status: int
    content_type: str
    body: bytes


class ModelServer:
    """A model process; it serves from `start` to `close`."""

    def __init__(self, platform: Platform, container: dict[str, Any], variant_name: str, label: str) -> None:
        self._platform = platform
        self._container = container
        self._variant_name = variant_name
        self._directory = platform.state_dir / "serving" / f"{label}-{next(_numbers)}"
        self._log = platform.state_dir / "logs" / "endpoints" / f"{self._directory.name}.log"
        self._child: Child | None = None
        self._url = ""
        self._http = urllib3.PoolManager(maxsize=_CONNECTIONS, retries=False)
        self._idle = threading.Condition()
        self._in_flight = 0
        self._closed = False

    @property
    def image(self) -> str:
        """The registry name of the running container."""
        return str(self._container["Image"])

    def start(self, timeout: float) -> None:
        """Downloads the artefact, starts the process and returns once it answers /ping.

        Raises:
            ModelServerFailed: it does not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        model = self._fetch()
        port_file = self._directory / "port"
        environment = {**self._platform.child_environment(), **self._container.get("Environment", {})}
        script = self._platform.images[self.image]
        child = Child(
            self._platform.model_python, script, [str(model), str(port_file)], environment, self._log
        )
        with self._idle:
            self._child = child
            closed = self._closed
        if closed:
            child.end()
        while not self._answers_ping(port_file):
            if not child.running or time.monotonic() > deadline:
                raise ModelServerFailed(
                    f"The primary container for production variant {self._variant_name} did not pass the ping"
                    f" health check. Please check its log, {self._log}."
                )
            time.sleep(_SECONDS_BETWEEN_PINGS)

    def invoke(self, body: bytes, content_type: str, accept: str, timeout: float) -> ContainerAnswer:
        """The container's response to one request, with any status.

        Raises:
            ModelServerTimeout: no response within `timeout` seconds.
            ModelServerGone: the process ended during the request.
        """
        try:
            answer = self._http.request(
                "POST",
                f"{self._url}/invocations",
                body=body,
                headers={"Content-Type": content_type, "Accept": accept},
                timeout=urllib3.Timeout(total=timeout),
            )
        except urllib3.exceptions.TimeoutError as error:
            raise ModelServerTimeout from error
        except urllib3.exceptions.HTTPError as error:
            raise ModelServerGone from error
        return ContainerAnswer(answer.status, answer.headers.get("Content-Type", ""), answer.data)

    def enter(self) -> None:
        """Counts a request before it is sent, so that `drain` waits for it."""
        with self._idle:
            self._in_flight += 1

    def leave(self) -> None:
        """Counts a request as ended."""
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def drain(self, timeout: float) -> None:
        """Waits until no request is in progress, at most `timeout` seconds."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, timeout)

    def close(self) -> None:
        """Ends the process and removes the unpacked artefact."""
        with self._idle:
            self._closed = True
        if self._child:
            self._child.end()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _fetch(self) -> Path:
        uri = self._container["ModelDataUrl"]
        bucket, key = split_s3_uri(uri)
        model = self._directory / "model"
        shutil.rmtree(self._directory, ignore_errors=True)
        model.mkdir(parents=True)
        archive = self._directory / "model.tar.gz"
        try:
            self._platform.s3(self._container["ExecutionRoleArn"]).download_file(bucket, key, str(archive))
        except ValidationException as error:
            raise ModelServerFailed(str(error)) from error
        except (ClientError, BotoCoreError) as error:
            raise ModelServerFailed(f"Could not find model data at {uri}.") from error
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(model, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ModelServerFailed(
                f"The model data at {uri} is not a readable model.tar.gz: {error}"
            ) from error
        archive.unlink()
        return model

    def _answers_ping(self, port_file: Path) -> bool:
        if not port_file.exists():
            return False
        self._url = f"http://127.0.0.1:{port_file.read_text()}"
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return self._http.request("GET", f"{self._url}/ping", timeout=_PING_TIMEOUT_SECONDS).status == 200
        return False
