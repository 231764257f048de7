"""`python -m sandbox up | fire | status | alarms | mail`: the sandbox from a terminal."""

import argparse
import fcntl
import json
import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.client import READY_FILE, Connection
from sandbox.errors import SandboxError, StartError
from sandbox.install import REPOSITORY

if TYPE_CHECKING:
    from sandbox.server import Server

STATE_DIR = REPOSITORY / ".sandbox"
# What a quick look needs, where the template has these parameters and the caller gives no others.
CONVENIENT_PARAMETERS = {"AlertEmail": "you@example.com", "PollSeconds": "1"}


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of the sandbox ends the process with its message."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the stack up and leave it running until Ctrl-C")
    up.add_argument("--template", type=Path, default=REPOSITORY / "template.yaml")
    up.add_argument("--empty", action="store_true", help="without a stack: bring one up with `sam deploy`")
    up.add_argument("--port", type=int, default=0, help="a free one by default")
    up.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", type=_parameter)
    fire = commands.add_parser("fire", help="fire a schedule now")
    fire.add_argument("name", help="name or logical id of a schedule, or of the function that it invokes")
    commands.add_parser("status", help="show what runs and what is due")
    commands.add_parser("alarms", help="evaluate the alarms now and tell their states")
    commands.add_parser("mail", help="show the mailbox")
    for command in commands.choices.values():
        command.add_argument("--state-dir", type=Path, default=STATE_DIR)
    options = parser.parse_args(arguments)
    try:
        if options.command == "up":
            _up(
                None if options.empty else options.template,
                options.port,
                dict(options.parameter),
                options.state_dir,
            )
        elif options.command == "fire":
            _fire(Connection(options.state_dir), options.name)
        elif options.command == "status":
            _show_status(Connection(options.state_dir))
        elif options.command == "alarms":
            _show_alarms(Connection(options.state_dir))
        else:
            _show_mail(Connection(options.state_dir))
    except SandboxError as error:
        sys.exit(str(error))


def _up(template: Path | None, port: int, parameters: dict[str, str], state_dir: Path) -> None:
    # moto takes seconds to import, and the other commands do without it.
    from sandbox.deployment.template import read_template
    from sandbox.server import Configuration, run

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    declared = read_template(template).get("Parameters", {}) if template else {}
    defaults = {name: value for name, value in CONVENIENT_PARAMETERS.items() if name in declared}
    env_file = state_dir / "env"

    def write_environment(server: "Server") -> None:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in server.environment.items()]
        env_file.write_text("\n".join(lines) + "\n")

    def announce(server: "Server") -> None:
        _print_welcome(server, env_file, state_dir)

    with _only_one(state_dir):
        # Mails and logs of a stack that is gone would be taken for those of this one.
        for path in (*state_dir.glob("mail/*.eml"), *state_dir.glob("logs/*.log")):
            path.unlink()
        print("Starting the sandbox ...", flush=True)
        try:
            configuration = Configuration(
                template and template.resolve(), state_dir, {**defaults, **parameters}, port
            )
            run(configuration, announce, write_environment)
        finally:
            env_file.unlink(missing_ok=True)


def _print_welcome(server: "Server", env_file: Path, state_dir: Path) -> None:
    bucket = server.environment.get("S3_BUCKET", "BUCKET")
    said = {
        "fire DetectDriftFunction": "the daily run, now",
        "status": "what runs and what is due",
        "alarms": "the alarms' states, evaluated now",
        "mail": "what was sent",
    }
    width = len(_command(max(said, key=len), state_dir))
    commands = "\n".join(f"  {_command(name, state_dir):<{width}}    {what}" for name, what in said.items())
    print(
        f"""
The sandbox is up at {server.endpoint_url}. In another terminal:

  source {env_file}
  aws s3 cp training.csv s3://{bucket}/training/
  aws stepfunctions start-execution --state-machine-arn $TRAIN_STATE_MACHINE_ARN
  aws s3 cp my.csv s3://{bucket}/inference/
  aws s3 ls --recursive s3://{bucket}/predictions/

{commands}

Logs: {state_dir / "logs"}
Mail: {server.mailbox.folder}
Ctrl-C ends it; mails and logs stay until the next start, all else is gone.
""",
        flush=True,
    )


def _fire(connection: Connection, name: str) -> None:
    connection.fire(name)
    status, logs = _command("status", connection.state_dir), connection.state_dir / "logs"
    print(f"Fired. What still runs: {status}. What it says: {logs}")


def _command(arguments: str, state_dir: Path) -> str:
    """What to type to speak to the sandbox of this folder."""
    where = "" if state_dir == STATE_DIR else f" --state-dir {shlex.quote(str(state_dir))}"
    return f".venv/bin/python -m sandbox {arguments}{where}"


def _show_status(connection: Connection) -> None:
    status = connection.status()
    busy = [f"{count} {kind}" for kind, count in status["busy"].items() if count]
    print(f"{status['endpoint_url']}, process {status['pid']}: {', '.join(busy) or 'nothing runs'}")
    for title, named in (("Schedules", status["schedules"]), ("Outputs", status["outputs"])):
        print(f"\n{title}")
        width = max(map(len, named), default=0)
        for name, value in sorted(named.items()):
            print(f"  {name:<{width}}  {value or 'not due'}")


def _show_alarms(connection: Connection) -> None:
    for alarm in connection.evaluate_alarms():
        was = "" if alarm["previous"] == alarm["state"] else f" (was {alarm['previous']})"
        print(f"{alarm['state']:<18}{alarm['name']}{was}\n{'':<18}{alarm['reason']}")


def _show_mail(connection: Connection) -> None:
    messages = connection.mailbox.messages()
    if not messages:
        print("The mailbox is empty.")
    for mail in messages:
        print(f"{mail.date}  to {mail.recipient}\n{mail.subject}\n\n{mail.body}\n{mail.path}\n{'-' * 72}")


@contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; StartError when another sandbox holds it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            ready = state_dir / READY_FILE
            url = json.loads(ready.read_text())["endpoint_url"] if ready.exists() else "(still starting)"
            raise StartError(
                f"A sandbox is running here already: {url}. End that one first with Ctrl-C."
            ) from error
        yield


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    main()
