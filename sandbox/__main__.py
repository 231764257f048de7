"""`python -m sandbox up | fire | status | alarms | mail`: the sandbox from a terminal."""

import argparse
import fcntl
import json
import logging
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.client import READY_FILE, Connection
from sandbox.errors import SandboxError, StartError
from sandbox.events.mailbox import Mailbox
from sandbox.events.narrator import Narrator
from sandbox.install import REPOSITORY

if TYPE_CHECKING:
    from sandbox.server import Server

STATE_DIR = REPOSITORY / ".sandbox"
# Parameters for a quick look, set if the template has them and the caller sets none.
CONVENIENT_PARAMETERS = {"AlertEmail": "you@example.com", "PollSeconds": "1"}


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of the sandbox ends the process with its message."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the stack up and leave it running until Ctrl-C")
    up.add_argument("--template", type=Path, default=REPOSITORY / "template.yaml")
    up.add_argument("--empty", action="store_true", help="start without a stack, for `sam deploy`")
    up.add_argument("--port", type=int, default=0, help="default: a free port")
    up.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", type=_parameter)
    fire = commands.add_parser("fire", help="fire a schedule now")
    fire.add_argument("name", help="name or logical id of a schedule, or of the function that it invokes")
    commands.add_parser("status", help="show what runs and what is due")
    commands.add_parser("alarms", help="evaluate the alarms now and print their states")
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
            _show_mail(options.state_dir)
    except SandboxError as error:
        sys.exit(str(error))


def _up(template: Path | None, port: int, parameters: dict[str, str], state_dir: Path) -> None:
    # moto takes seconds to import, and the other commands do not need it.
    from sandbox.deployment.template import read_template, resolve_parameters
    from sandbox.server import Configuration, run

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    document = read_template(template) if template else {}
    declared = document.get("Parameters", {})
    wanted = {name: value for name, value in CONVENIENT_PARAMETERS.items() if name in declared} | parameters
    # Report a mistake before anything starts; the values of placeholders are not known yet.
    resolve_parameters(document, {name: value for name, value in wanted.items() if "{" not in value})
    env_file = state_dir / "env"

    def write_environment(server: "Server") -> None:
        lines = [f"export {name}={shlex.quote(value)}" for name, value in server.environment.items()]
        env_file.write_text("\n".join(lines) + "\n")

    def announce(server: "Server") -> None:
        target = parameters.get("TargetColumn") or declared.get("TargetColumn", {}).get("Default")
        _print_welcome(server, target if template else None, state_dir)

    with _only_one(state_dir):
        # Mails and logs of an earlier stack would seem to belong to this one.
        for path in (*state_dir.glob("mail/*.eml"), *state_dir.glob("logs/*.log")):
            path.unlink()
        print("Starting the sandbox ...", flush=True)
        narrator = Narrator(Mailbox(state_dir / "mail"), lambda line: print(line, flush=True))
        try:
            configuration = Configuration(
                template and template.resolve(), state_dir, wanted, port, heard=narrator.hear
            )
            run(configuration, announce, write_environment)
        finally:
            env_file.unlink(missing_ok=True)
            narrator.close()


def _print_welcome(server: "Server", target: str | None, state_dir: Path) -> None:
    env_file = shlex.quote(str(state_dir / "env"))
    steps = {
        _autowatch("train FILE"): f"labelled rows, a CSV with the column {target} to predict (TargetColumn)",
        _autowatch("score FILE"): "rows without it; predictions are written beside the file",
        _autowatch("judge"): "judge whether the scored rows have drifted",
        _autowatch("labels FILE"): "true labels, joined by the predictions' ids or --key COLUMN",
        _autowatch("report --open"): "the pages",
    }
    if target is None:
        steps = {
            f"source {env_file}": "for sam, the aws CLI and boto3",
            "sam build && sam deploy": "brings a stack up: docs/sandbox.md",
        }
    elif state_dir != STATE_DIR:
        steps = {f"source {env_file}": "so that the command finds this sandbox", **steps}
    width = max(map(len, steps))
    listed = "\n".join(f"  {step:<{width}}    {what}" for step, what in steps.items())
    print(
        f"""
The sandbox is up at {server.endpoint_url}. In another terminal, in this order:

{listed}

No data at hand: {_autowatch("example telco")}, and docs/tutorial.md. All commands: {_autowatch("--help")}
Under the hood: {_command("status | fire NAME | alarms | mail", state_dir)}
Logs: {state_dir / "logs"}
Mail: {server.mailbox.folder}
Ctrl-C ends the sandbox. Mails and logs remain until the next start; everything else is removed. Events follow below.
""",
        flush=True,
    )


def _autowatch(arguments: str) -> str:
    """The command line that starts `autowatch`, which may be missing from the shell's path."""
    return f"{'' if shutil.which('autowatch') else '.venv/bin/'}autowatch {arguments}"


def _fire(connection: Connection, name: str) -> None:
    connection.fire(name)
    status, logs = _command("status", connection.state_dir), connection.state_dir / "logs"
    print(f"Fired. Running work: {status}. Logs: {logs}")


def _command(arguments: str, state_dir: Path) -> str:
    """The command line that addresses the sandbox of this folder."""
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


def _show_mail(state_dir: Path) -> None:
    # Mails remain when a sandbox ends.
    folder = state_dir / "mail"
    mailbox = Mailbox(folder) if folder.is_dir() else Connection(state_dir).mailbox
    messages = mailbox.messages()
    if not messages:
        print("The mailbox is empty.")
    for mail in messages:
        print(f"{mail.date}  to {mail.recipient}\n{mail.subject}\n\n{mail.body}\n{mail.path}\n{'-' * 72}")


@contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; raise StartError if another sandbox holds it."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("w")
    except OSError as error:
        raise StartError(
            f"Nothing can be written into {state_dir} ({error.strerror}). Change its permissions, or name another "
            "folder with --state-dir."
        ) from error
    with lock:
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
