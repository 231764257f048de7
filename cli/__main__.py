"""`python -m cli train | runs | rollback`: what `make train`, `make runs` and `make rollback` call."""

import argparse
import os
import sys
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError, RunUnknownError
from cli.execution import start_execution
from cli.records import read_record
from cli.runs import list_runs
from cli.runs_table import runs_table
from cli.stack import Stack, find_stack
from cli.watch import End, watch

EXIT_CODES = {"released": 0, "failed": 1, "rejected": 3, "skipped": 4}
"""2 is left to a call that is wrong, and to a stack that cannot be found."""

_WRONG_CALL, _INTERRUPTED = 2, 130
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5})


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit code says how it ended: 0 well, or as `EXIT_CODES` has it."""
    options = _parser().parse_args(arguments)
    try:
        stack = find_stack(os.environ, _client, options.command)
        if options.command == "runs":
            print(runs_table(*list_runs(_client("s3"), stack.bucket, options.limit)))
            return 0
        document = _promotion(stack, options.run) if options.command == "rollback" else _training(options.key)
        return _run(stack, document, options.poll_seconds)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except CommandError as error:
        print(error, file=sys.stderr)
        return _WRONG_CALL
    except (BotoCoreError, ClientError) as error:
        print(
            f"AWS did not answer as hoped: {error}\nA run that was started goes on; `make runs` shows it.",
            file=sys.stderr,
        )
        return EXIT_CODES["failed"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="start a training run and follow it to its end")
    train.add_argument("--key", metavar="training/x.csv", help="the newest file under training/ by default")
    rollback = commands.add_parser("rollback", help="release the model of an earlier run again")
    rollback.add_argument("--run", required=True, metavar="RUN", help="its name, as `runs` shows it")
    for command in (train, rollback):
        command.add_argument("--poll-seconds", type=float, default=3.0, help="between two looks at the run")
    runs = commands.add_parser("runs", help="list the runs, newest first")
    runs.add_argument("--limit", type=int, default=20, help="the most runs to show")
    return parser


@cache
def _client(service: str) -> Any:
    """boto3's client, with time limits and retries; it reads AWS_ENDPOINT_URL, credentials and region by itself."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


def _training(key: str | None) -> dict[str, str]:
    return {"training_key": key} if key else {}


def _promotion(stack: Stack, run: str) -> dict[str, str]:
    if read_record(_client("s3"), stack.bucket, f"models/{run}/run.json") is None:
        raise RunUnknownError(
            f"There is no run {run} to go back to in s3://{stack.bucket}/models/. `make runs` lists them."
        )
    return {"promote": run}


def _run(stack: Stack, document: dict[str, str], poll_seconds: float) -> int:
    execution = start_execution(_client("stepfunctions"), stack, document)
    print(f"Started {execution}\nCtrl-C stops watching, not the run.", flush=True)
    try:
        end = watch(_client, stack, execution, sys.stdout, poll_seconds)
    except KeyboardInterrupt:
        print(
            f"\nNo longer watching. The run goes on: `make runs` shows it. To stop it:\n"
            f"  aws stepfunctions stop-execution --execution-arn {execution}"
        )
        return _INTERRUPTED
    print(_ending(end, stack))
    return EXIT_CODES[end.ending]


def _ending(end: End, stack: Stack) -> str:
    words = {
        "released": "was released",
        "rejected": "was not released",
        "failed": "failed",
        "skipped": "was not started",
    }
    name = f"Run {end.run}" if end.run else "The run"
    lines = [f"{name} {words[end.ending]}. {end.reason}"]
    if end.report_key:
        lines.append(f"Report: s3://{stack.bucket}/{end.report_key}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
