"""The local AWS: one process, one port on loopback.

Requests signed for SageMaker go to the local SageMaker, those for CloudFormation to the one in `sandbox/deployment/`,
paths below `/domino/` to the local Domino, paths below `/_sandbox/` to the sandbox's own controls, and everything else
to moto. `Door` checks every request first, and refuses unsigned and forbidden ones.
"""

import argparse
import gc
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote
from xml.sax.saxutils import escape

import boto3
from flask import Response, request
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from werkzeug.serving import make_server

from sandbox.access import machines
from sandbox.access.decisions import Decisions
from sandbox.access.door import Door
from sandbox.access.keys import Key, Keys
from sandbox.access.policies import Need
from sandbox.access.record import FOLDER_VARIABLE, Record
from sandbox.access.world import World
from sandbox.alarms.alarms import Alarms, Evaluation
from sandbox.client import READY_FILE
from sandbox.deployment.api import CloudFormation
from sandbox.deployment.package import ARTEFACT_BUCKET, package
from sandbox.deployment.resources import Kinds
from sandbox.deployment.resources.custom import ANSWER_PATH, Answers
from sandbox.deployment.resources.kind import Context
from sandbox.deployment.stacks import Stacks, Wanted
from sandbox.deployment.template import read_template
from sandbox.domino import Domino
from sandbox.errors import AlarmError, DeploymentError, FaultError, NotFoundError, SandboxError, StartError
from sandbox.events import corrections, executions, notifications, schedules, shortcuts
from sandbox.events.mailbox import Mailbox
from sandbox.events.narrator import Heard
from sandbox.events.schedules import Schedules
from sandbox.faults import Faults, parse_faults
from sandbox.functions import lambda_api
from sandbox.functions.artefacts import Artefacts
from sandbox.functions.functions import Function, Functions, Settings
from sandbox.functions.invocations import Deferred, Deliveries, Invocations
from sandbox.functions.logs import FunctionLogs
from sandbox.install import Environments, environments
from sandbox.limits import CurrentLimits, Limits
from sandbox.sagemaker import SageMaker

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Configuration:
    """What to start, and where."""

    template: Path | None
    """The template to deploy; without one the sandbox starts empty, for `sam deploy`."""
    state_dir: Path
    parameters: dict[str, str] = field(default_factory=dict)
    """In a value `{endpoint}` stands for the sandbox's URL and `{domino_token_secret_arn}` for the secret with the
    local Domino's token."""
    port: int = 0
    stack_name: str = "autowatch"
    retry_seconds: tuple[float, float] = (1.0, 2.0)
    """Before the first and the second retry of an asynchronous invocation; one and two minutes in AWS."""
    environments: Environments = field(default_factory=environments)
    heard: Heard | None = None
    """Called for each object that is created in the stack's bucket."""


class Server:
    """A running sandbox."""

    def __init__(self, configuration: Configuration) -> None:
        """Start the services and deploy the template; on failure, end whatever was started.

        Raises SandboxError.
        """
        self._configuration = configuration
        state_dir = configuration.state_dir
        # The folder is the owner's alone: it holds keys, tokens and data.
        os.umask(0o077)
        state_dir.mkdir(parents=True, exist_ok=True)
        state_dir.chmod(0o700)
        self.stopped = threading.Event()
        self._closers: list[Callable[[], None]] = []
        listener = _listen(configuration.port)
        self._port = port = listener.getsockname()[1]
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self._keys = Keys(ACCOUNT_ID)
        _configure_process(port, self._keys.administrator)
        self.mailbox = Mailbox(state_dir / "mail")
        try:
            self._start(configuration, listener)
        except BaseException:
            self.close()
            raise

    def _start(self, configuration: Configuration, listener: socket.socket) -> None:
        state_dir, installed = configuration.state_dir, configuration.environments
        self._limits = CurrentLimits()
        sagemaker = SageMaker(
            state_dir=state_dir / "sagemaker",
            endpoint_url=self.endpoint_url,
            region=REGION,
            account_id=ACCOUNT_ID,
            model_python=installed.model_python,
            credentials=lambda role: self._assume(role, "sagemaker"),
            limits=self._limits,
        )
        self._sagemaker = sagemaker
        self._closers.append(sagemaker.close)
        world = World(ACCOUNT_ID, REGION, sagemaker.tags_of, sagemaker.key_of_endpoint_config)
        decisions = Decisions(world, Record())
        self._decisions = decisions
        self._closers.append(self._write_record)
        logs = FunctionLogs(state_dir / "logs", ACCOUNT_ID, REGION, self._may_log)
        self.functions = Functions(
            Settings(
                self.endpoint_url,
                installed.runtime,
                logs.write,
                lambda function: self._assume(world.function_role(function.arn), "lambda", function.name),
            ),
            self._limits,
        )
        self._closers.append(self.functions.close)
        self._deferred = Deferred()
        self._closers.append(self._deferred.close)
        self._invocations = Invocations(
            self.functions, self._deferred, configuration.retry_seconds, decisions
        )
        deliveries = Deliveries(self._invocations, self._deferred, configuration.retry_seconds[0], decisions)
        self.schedules = Schedules(deliveries)
        self._artefacts = Artefacts(state_dir / "code", ACCOUNT_ID)
        self._closers.append(self.schedules.close)
        corrections.install()
        shortcuts.install()
        machines.install(self.endpoint_url, self._keys, decisions)
        notifications.install(deliveries, self.mailbox, decisions, configuration.heard)
        executions.install()
        schedules.install(self.schedules)
        lambda_api.install(
            self.functions,
            self._invocations,
            self._artefacts,
            lambda role: world.check_trust(role, "lambda.amazonaws.com"),
        )
        token, administrator = secrets.token_urlsafe(24), self._keys.administrator
        domino = Domino(
            state_dir=state_dir / "domino",
            endpoint_url=self.endpoint_url,
            mailbox=self.mailbox,
            token=token,
            key=(administrator.access_key, administrator.secret_key),
        )
        self._closers.append(domino.close)
        session = boto3.Session(administrator.access_key, administrator.secret_key, region_name=REGION)
        context = Context(session, self.endpoint_url, ACCOUNT_ID, REGION, self.schedules, decisions)
        self._answers = Answers()
        self.stacks = Stacks(context, Kinds(self._answers))
        self._serve(listener, self._dispatcher(sagemaker, domino, CloudFormation(self.stacks, context)))
        secret = session.client("secretsmanager", endpoint_url=self.endpoint_url).create_secret(
            Name="sandbox/domino-token", SecretString=token
        )
        if configuration.template:
            literals = {"{endpoint}": self.endpoint_url, "{domino_token_secret_arn}": secret["ARN"]}
            parameters = {name: _replace(value, literals) for name, value in configuration.parameters.items()}
            self._deploy(
                configuration.template, parameters, session.client("s3", endpoint_url=self.endpoint_url)
            )
        self._alarms = Alarms(
            session.client("cloudwatch", endpoint_url=self.endpoint_url),
            session.client("sns", endpoint_url=self.endpoint_url),
            cloudwatch_backends[ACCOUNT_ID][REGION].metric_data,
            decisions,
        )
        self.schedules.start()

    def _deploy(self, path: Path, parameters: dict[str, str], s3: Any) -> None:
        """Deploy the configured template as `sam deploy` does, and wait; raise DeploymentError on failure."""
        s3.create_bucket(Bucket=ARTEFACT_BUCKET)

        def upload(key: str, body: bytes, folder: Path | None) -> None:
            s3.put_object(Bucket=ARTEFACT_BUCKET, Key=key, Body=body)
            if folder:
                self._artefacts.stand_in(ARTEFACT_BUCKET, key, folder)

        name, installed = self._configuration.stack_name, self._configuration.environments
        code_folder = self._configuration.state_dir / "code"
        packaged = package(path, read_template(path), code_folder, installed, upload)
        wanted = Wanted(
            json.dumps(packaged, allow_nan=False), parameters, capabilities=("CAPABILITY_NAMED_IAM",)
        )
        stack = self.stacks.create(name, wanted, disable_rollback=True)
        while stack.is_busy:
            time.sleep(0.01)
        if stack.status != "CREATE_COMPLETE":
            raise DeploymentError(f"The stack {name} could not be created: {stack.reason}")

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the configured stack; empty while it does not exist."""
        try:
            outputs = self.stacks.find(self._configuration.stack_name).outputs
        except NotFoundError:
            return {}
        return {name: output["OutputValue"] for name, output in outputs.items()}

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for the aws CLI, sam and boto3, and the stack's outputs."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self._keys.administrator.access_key,
            "AWS_SECRET_ACCESS_KEY": self._keys.administrator.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        outputs = self.outputs
        variables |= {_upper_snake(name): value for name, value in outputs.items()}
        if "DataBucketName" in outputs:
            variables["S3_BUCKET"] = outputs["DataBucketName"]
        return variables

    def status(self) -> dict[str, Any]:
        """The data that a client needs."""
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
        """The amount of work in progress, by kind."""
        machines = stepfunctions_parser_backends[ACCOUNT_ID][REGION].state_machines
        return {
            "invocations": self.functions.busy,
            "queued": self._deferred.pending,
            "deployments": self.stacks.busy,
            "executions": sum(
                execution.status == "RUNNING" for machine in machines for execution in machine.executions
            ),
        }

    def fire(self, name: str) -> None:
        """Fire a schedule now, by its name or logical id or its function's; a function without one gets `{}`."""
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
        """Evaluate every alarm as of `moment` (default: now), and act on each change of state."""
        return self._alarms.evaluate(moment)

    def close(self) -> None:
        """End everything that was started, newest first."""
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

    def _dispatcher(
        self, sagemaker: Application, domino: Application, cloudformation: Application
    ) -> Application:
        moto = _Dispatcher(_create_app)

        def services(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            if _signed_for(environ) == "sagemaker":
                return sagemaker(environ, start_response)
            if _signed_for(environ) == "cloudformation":
                return cloudformation(environ, start_response)
            if path.startswith("/domino/"):
                return domino(environ, start_response)
            return moto(environ, start_response)

        self._faults = Faults(services, self.functions.kill, self.functions.is_at_work)

        def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            if environ.get("PATH_INFO", "").startswith("/_sandbox/"):
                return self._control(environ, start_response)
            return self._faults(environ, start_response)

        return Door(application, self._keys, self._decisions, self._port)

    def _assume(self, role_arn: str, service: str, session: str = "") -> tuple[str, str]:
        """The access key and secret key of a role that a service assumes; raises RoleUnusable if it may not."""
        self._decisions.world.check_trust(role_arn, f"{service}.amazonaws.com")
        key = self._keys.of_session(role_arn, session or service)
        return key.access_key, key.secret_key

    def _may_log(self, function: Function, stream: str) -> bool:
        """Whether a function's role may write its log, as Lambda does on its behalf."""
        group = f"log-group:{function.log_group}:log-stream:{stream}"
        arn = self._decisions.world.arn("logs", group)
        role = self._decisions.world.function_role(function.arn)
        caller = self._keys.of_session(role, function.name).caller
        objection = self._decisions.objection(
            caller, [Need("logs:CreateLogStream", arn), Need("logs:PutLogEvents", arn)]
        )
        if objection:
            logging.getLogger("sandbox").error("%s has no log: %s", function.name, objection)
        return not objection

    def _write_record(self) -> None:
        if folder := os.environ.get(FOLDER_VARIABLE):
            self._decisions.record.write(Path(folder))

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
        elif (method, path) == ("PUT", "limits"):
            try:
                self._limits.change(Limits.from_json(json.loads(_body(environ))))
            except (FaultError, ValueError) as error:
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
        elif method == "PUT" and path.startswith(ANSWER_PATH):
            try:
                self._answers.give(path.removeprefix(ANSWER_PATH), _body(environ))
            except NotFoundError as error:
                status, answer = "404 Not Found", {"message": str(error)}
        elif (method, path) == ("POST", "stop"):
            self.stopped.set()
        else:
            status, answer = "404 Not Found", {"message": f"There is no {method} /_sandbox/{path}."}
        body = json.dumps(answer, allow_nan=False).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class _Dispatcher(DomainDispatcherApplication):
    """Finds the service of a request as moto does, but cached: moto lists its folders each time while others wait.

    A service or operation that moto lacks is rejected by name.
    """

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self._services: dict[str | None, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one WSGI request (PEP 3333)."""
        try:
            return cast(Iterable[bytes], super().__call__(environ, start_response))
        except NotFoundError as error:
            body, kind = _refusal(str(error), environ.get("CONTENT_TYPE", ""))
            start_response("400 Bad Request", [("Content-Type", kind), ("Content-Length", str(len(body)))])
            return [body]

    def get_backend_for_host(self, host: str | None) -> Any:
        """The service of a host, cached; raises NotFoundError for an unknown one."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        if host and "amazonaws.com" in host and self._services[host] is None:
            raise NotFoundError(f"The sandbox has no service {host.split('.')[0]}.")
        return self._services[host]


def _create_app(service: Any) -> Any:
    app = create_backend_app(service)

    def refuse(error: NotImplementedError) -> Response:
        said = str(error) or "This operation is not offered."
        body, kind = _refusal(f"{service} in the sandbox: {said}", request.content_type or "")
        return Response(body, 400, content_type=kind)

    app.register_error_handler(NotImplementedError, refuse)
    return app


def _refusal(message: str, content_type: str) -> tuple[bytes, str]:
    """The body of an error in the request's protocol, and its type."""
    if "x-www-form-urlencoded" not in content_type:
        return json.dumps(
            {"__type": "NotOffered", "message": message}, allow_nan=False
        ).encode(), "application/json"
    text = f"<Error><Code>NotOffered</Code><Message>{escape(message)}</Message></Error>"
    return f"<ErrorResponse>{text}</ErrorResponse>".encode(), "text/xml"


class _RequestHandler(MotoRequestHandler):
    # Headers and body are sent separately: without this every response waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True


def _configure_process(port: int, key: Key) -> None:
    """moto reads its settings from the environment; its state machines find the sandbox by MOTO_PORT."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ |= {
        "MOTO_PORT": str(port),
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["lambda"] = {"use_docker": False}
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    # A failed execution contains its reason; the interpreter would print its whole state.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    # The translator logs a line each time because nothing collects its metrics.
    logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)


def _body(environ: dict[str, Any]) -> bytes:
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _signed_for(environ: dict[str, Any]) -> str | None:
    """The service in the credential scope of the request's signature."""
    for part in environ.get("HTTP_AUTHORIZATION", "").replace(",", " ").split():
        if part.startswith("Credential="):
            scope = part.split("/")
            return str(scope[3]) if len(scope) == 5 else None
    return None


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        raise StartError(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port, or leave it out."
        ) from error


def _replace(value: str, literals: dict[str, str]) -> str:
    for literal, replacement in literals.items():
        value = value.replace(literal, replacement)
    return value


def _upper_snake(name: str) -> str:
    return "".join(
        f"_{character}" if index and character.isupper() and not name[index - 1].isupper() else character
        for index, character in enumerate(name)
    ).upper()


def _announce(server: Server, ready: Path, on_change: Callable[[Server], None]) -> None:
    """Write the sandbox's state, for clients that connect to it."""
    unfinished = ready.with_suffix(".part")
    unfinished.write_text(json.dumps(server.status(), indent=1, allow_nan=False))
    unfinished.replace(ready)
    on_change(server)


def run(
    configuration: Configuration,
    on_ready: Callable[[Server], None],
    on_change: Callable[[Server], None] = lambda _: None,
    *,
    watch_input: bool = False,
) -> None:
    """Serve until SIGTERM, Ctrl-C, a request to stop or, with `watch_input`, the end of standard input.

    `on_change` is called when it is up and after each deployment, `on_ready` once.

    Raises SandboxError if it does not start.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = Server(configuration)
    # Loaded modules stay to the end; a garbage collection of them at exit would take a second.
    gc.freeze()
    try:
        if watch_input:
            threading.Thread(target=_stop_with_input, args=(stop,), daemon=True).start()
        server.stacks.on_change = lambda: _announce(server, configuration.state_dir / READY_FILE, on_change)
        server.stacks.on_change()
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
    """The entry point of `sandbox.client`'s child: the configuration is one JSON object in the first argument."""
    parser = argparse.ArgumentParser()
    parser.add_argument("configuration", type=json.loads)
    values = parser.parse_args().configuration
    configuration = Configuration(
        Path(values["template"]) if values["template"] else None,
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
