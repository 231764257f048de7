"""The local AWS: one process, one port on loopback.

Requests signed for SageMaker go to the local SageMaker, paths below `/domino/` to the local Domino, paths below
`/_sandbox/` to the sandbox's own controls, and everything else to moto. IAM roles are recorded and not enforced.
"""

import argparse
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import boto3
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.config import default_user_config
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from werkzeug.serving import make_server

from sandbox.alarms.alarms import Alarms, Evaluation
from sandbox.client import READY_FILE
from sandbox.deployment.deploy import Target, deploy
from sandbox.domino import Domino
from sandbox.errors import AlarmError, FaultError, NotFoundError, SandboxError, ThrottledError
from sandbox.events import corrections, notifications, shortcuts
from sandbox.events.mailbox import Mailbox
from sandbox.events.schedules import Schedules
from sandbox.faults import Faults, parse_faults
from sandbox.functions.functions import Functions, Settings
from sandbox.functions.invocations import Deferred, Deliveries, Invocations
from sandbox.functions.logs import FunctionLogs
from sandbox.install import Environments, environments
from sandbox.sagemaker import SageMaker

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
ACCESS_KEY = "sandbox"
DOMINO_TOKEN = "sandbox-domino-token"  # noqa: S105 (it opens the local Domino alone)

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Configuration:
    """What to bring up and where."""

    template: Path
    state_dir: Path
    parameters: dict[str, str] = field(default_factory=dict)
    """In a value `{endpoint}` stands for the sandbox's URL and `{domino_token_secret_arn}` for the secret with the
    local Domino's token."""
    port: int = 0
    stack_name: str = "autowatch"
    retry_seconds: tuple[float, float] = (1.0, 2.0)
    """Before the first and the second retry of an asynchronous invocation; a minute and two in AWS."""
    environments: Environments = field(default_factory=environments)


class Server:
    """A running sandbox."""

    def __init__(self, configuration: Configuration) -> None:
        """Start the services and deploy the template; whatever was started is ended again when that fails.

        Raises SandboxError.
        """
        state_dir = configuration.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        self.stopped = threading.Event()
        self._closers: list[Callable[[], None]] = []
        listener = socket.create_server(("127.0.0.1", configuration.port), backlog=128)
        port = listener.getsockname()[1]
        self.endpoint_url = f"http://127.0.0.1:{port}"
        _configure_process(port)
        self.mailbox = Mailbox(state_dir / "mail")
        try:
            self._start(configuration, listener)
        except BaseException:
            self.close()
            raise

    def _start(self, configuration: Configuration, listener: socket.socket) -> None:
        state_dir, installed = configuration.state_dir, configuration.environments
        logs = FunctionLogs(state_dir / "logs", ACCOUNT_ID, REGION)
        self.functions = Functions(Settings(self.endpoint_url, installed.runtime, logs.write))
        self._closers.append(self.functions.close)
        self._deferred = Deferred()
        self._closers.append(self._deferred.close)
        self._invocations = Invocations(self.functions, self._deferred, configuration.retry_seconds)
        deliveries = Deliveries(self._invocations, self._deferred, configuration.retry_seconds[0])
        self.schedules = Schedules(deliveries)
        self._closers.append(self.schedules.close)
        corrections.install()
        shortcuts.install()
        notifications.install(deliveries, self.mailbox)
        _take_over_lambda(self.functions, self._invocations)
        sagemaker = SageMaker(
            state_dir=state_dir / "sagemaker",
            endpoint_url=self.endpoint_url,
            region=REGION,
            account_id=ACCOUNT_ID,
            model_python=installed.model_python,
        )
        self._sagemaker = sagemaker
        self._closers.append(sagemaker.close)
        domino = Domino(
            state_dir=state_dir / "domino",
            endpoint_url=self.endpoint_url,
            mailbox=self.mailbox,
            token=DOMINO_TOKEN,
        )
        self._closers.append(domino.close)
        self._serve(listener, self._dispatcher(sagemaker, domino))
        session = boto3.Session(ACCESS_KEY, ACCESS_KEY, region_name=REGION)
        secret = session.client("secretsmanager", endpoint_url=self.endpoint_url).create_secret(
            Name="sandbox/domino-token", SecretString=DOMINO_TOKEN
        )
        literals = {"{endpoint}": self.endpoint_url, "{domino_token_secret_arn}": secret["ARN"]}
        target = Target(
            session,
            self.endpoint_url,
            ACCOUNT_ID,
            REGION,
            configuration.stack_name,
            state_dir / "code",
            installed,
        )
        self.outputs = deploy(
            configuration.template,
            {name: _replace(value, literals) for name, value in configuration.parameters.items()},
            target,
            self.functions,
            self._invocations,
            self.schedules,
        )
        self._alarms = Alarms(
            session.client("cloudwatch", endpoint_url=self.endpoint_url),
            session.client("sns", endpoint_url=self.endpoint_url),
            cloudwatch_backends[ACCOUNT_ID][REGION].metric_data,
        )
        self.schedules.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the aws CLI, sam and boto3 talk to this sandbox, and the stack's outputs."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        variables |= {_upper_snake(name): value for name, value in self.outputs.items()}
        if "DataBucketName" in self.outputs:
            variables["S3_BUCKET"] = self.outputs["DataBucketName"]
        return variables

    def status(self) -> dict[str, Any]:
        """What a client needs to know."""
        return {
            "pid": os.getpid(),
            "endpoint_url": self.endpoint_url,
            "outputs": self.outputs,
            "environment": self.environment,
            "functions": self.functions.names(),
            "schedules": self.schedules.upcoming(),
            "mail": str(self.mailbox.folder),
            "busy": self.busy(),
        }

    def busy(self) -> dict[str, int]:
        """How much work is under way, by kind."""
        executions = stepfunctions_parser_backends[ACCOUNT_ID][REGION].state_machines
        return {
            "invocations": self.functions.busy,
            "queued": self._deferred.pending,
            "executions": sum(
                execution.status == "RUNNING" for machine in executions for execution in machine.executions
            ),
        }

    def fire(self, name: str) -> None:
        """Fire a schedule now, by its name or logical id or by its function's; a function without one gets `{}`."""
        try:
            self.schedules.fire(name)
        except NotFoundError:
            function = self.functions.get(name)
            targets = [each for each in self.schedules.all() if each.target_arn == function.arn]
            if not targets:
                self._invocations.submit(function.name, b"{}")
            for schedule in targets:
                self.schedules.fire(schedule.name)

    def evaluate_alarms(self, moment: datetime | None = None) -> list[Evaluation]:
        """Evaluate every alarm as of `moment` (now) and take the actions of those whose state changes."""
        return self._alarms.evaluate(moment)

    def close(self) -> None:
        """End everything that was started, the last first."""
        while self._closers:
            self._closers.pop()()
        self.stopped.set()

    def _serve(self, listener: socket.socket, application: Application) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server(
            "127.0.0.1",
            listener.getsockname()[1],
            application,
            threaded=True,
            request_handler=_RequestHandler,
            fd=listener.detach(),
        )
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self._closers.append(server.shutdown)

    def _dispatcher(self, sagemaker: Application, domino: Application) -> Application:
        moto = _Dispatcher(create_backend_app)

        def services(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if _signed_for(environ) == "sagemaker":
                return sagemaker(environ, start_response)
            if path.startswith("/domino/"):
                return domino(environ, start_response)
            return moto(environ, start_response)

        self._faults = Faults(services, self.functions.kill)

        def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            if environ.get("PATH_INFO", "").startswith("/_sandbox/"):
                return self._control(environ, start_response)
            return self._faults(environ, start_response)

        return application

    def _control(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/_sandbox/")
        status, answer = "200 OK", {}
        if (method, path) == ("GET", "status"):
            answer = self.status()
        elif method == "POST" and path.startswith("fire/"):
            try:
                self.fire(unquote(path.removeprefix("fire/")))
            except NotFoundError as error:
                status, answer = "404 Not Found", {"message": str(error)}
        elif path == "faults" and method in ("GET", "PUT"):
            try:
                if method == "PUT":
                    self._faults.switch(parse_faults(_body(environ)))
                answer = {"struck": self._faults.struck()}
            except FaultError as error:
                status, answer = "400 Bad Request", {"message": str(error)}
        elif (method, path) == ("POST", "alarms"):
            try:
                moment = json.loads(_body(environ) or b"{}").get("at")
                evaluations = self.evaluate_alarms(datetime.fromisoformat(moment) if moment else None)
                answer = {"alarms": [asdict(evaluation) for evaluation in evaluations]}
            except (AlarmError, ValueError) as error:
                status, answer = "400 Bad Request", {"message": str(error)}
        elif (method, path) == ("PUT", "deployments"):
            self._sagemaker.pace_deployments(float(json.loads(_body(environ))["pace"]))
        elif (method, path) == ("POST", "stop"):
            self.stopped.set()
        else:
            status, answer = "404 Not Found", {"message": f"There is no {method} /_sandbox/{path}."}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class _Dispatcher(DomainDispatcherApplication):
    """Finds the service of a request as moto does, which lists its own folders each time while all others wait."""

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """The service of a host, found once."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


class _RequestHandler(MotoRequestHandler):
    # Headers and body are sent one after the other: without this every answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True


def _configure_process(port: int) -> None:
    """moto takes its settings from the process; its state machines find the sandbox by MOTO_PORT."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ |= {
        "MOTO_PORT": str(port),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["lambda"] = {"use_docker": False}
    # A failed execution tells its reason itself; the interpreter would print its whole inside.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _take_over_lambda(functions: Functions, invocations: Invocations) -> None:
    """Lambda's Invoke runs our functions."""

    def invoke(
        _backend: Any,
        function_name: str,
        _qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: dict[str, str],
    ) -> bytes:
        payload = (body.encode() if isinstance(body, str) else body) or b"{}"
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        try:
            if kind == "RequestResponse":
                outcome = functions.invoke(function_name, payload)
                if outcome.is_error:
                    response_headers["x-amz-function-error"] = "Unhandled"
                response_headers["x-amz-log-result"] = outcome.encoded_log_tail
                return outcome.payload
            if kind == "Event":
                invocations.submit(function_name, payload)
            else:
                functions.get(function_name)
            return b""
        except NotFoundError as error:
            raise _lambda_error(404, "ResourceNotFoundException", str(error)) from error
        except ThrottledError as error:
            raise _lambda_error(429, "TooManyRequestsException", str(error)) from error

    cast(Any, LambdaSimpleBackend).invoke = invoke


def _lambda_error(code: int, kind: str, message: str) -> JsonRESTError:
    error = JsonRESTError(kind, message)
    error.code = code
    return error


def _body(environ: dict[str, Any]) -> bytes:
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _signed_for(environ: dict[str, Any]) -> str | None:
    """The service in the credential scope of the request's signature."""
    for part in environ.get("HTTP_AUTHORIZATION", "").replace(",", " ").split():
        if part.startswith("Credential="):
            scope = part.split("/")
            return str(scope[3]) if len(scope) == 5 else None
    return None


def _replace(value: str, literals: dict[str, str]) -> str:
    for literal, replacement in literals.items():
        value = value.replace(literal, replacement)
    return value


def _upper_snake(name: str) -> str:
    return "".join(
        f"_{character}" if index and character.isupper() and not name[index - 1].isupper() else character
        for index, character in enumerate(name)
    ).upper()


def run(
    configuration: Configuration, on_ready: Callable[[Server], None], *, watch_input: bool = False
) -> None:
    """Serve until SIGTERM, Ctrl-C, a request to stop or, with `watch_input`, the end of standard input.

    Raises SandboxError when it does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = Server(configuration)
    # What is loaded stays to the end; looking through it for garbage, then above all, would take a second.
    gc.freeze()
    try:
        if watch_input:
            threading.Thread(target=_stop_with_input, args=(stop,), daemon=True).start()
        ready = configuration.state_dir / READY_FILE
        unfinished = ready.with_suffix(".part")
        unfinished.write_text(json.dumps(server.status(), indent=1))
        unfinished.replace(ready)
        on_ready(server)
        while not stop.wait(0.1) and not server.stopped.is_set():
            pass
    finally:
        (configuration.state_dir / READY_FILE).unlink(missing_ok=True)
        server.close()


def _stop_with_input(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def main() -> None:
    """What `sandbox.client` starts as its child: the configuration is one JSON object in the first argument."""
    parser = argparse.ArgumentParser()
    parser.add_argument("configuration", type=json.loads)
    values = parser.parse_args().configuration
    configuration = Configuration(
        Path(values["template"]),
        Path(values["state_dir"]),
        values["parameters"],
        stack_name=values["stack_name"],
        retry_seconds=tuple(values["retry_seconds"]),
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    try:
        run(
            configuration,
            lambda server: print(f"ready at {server.endpoint_url}", flush=True),
            watch_input=True,
        )
    except SandboxError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
