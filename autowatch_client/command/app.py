"""The command `autowatch`: one subcommand for each task."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from autowatch_client.command import data, operation, setup, training
from autowatch_client.command.terminal import Exit
from autowatch_client.errors import NothingToDoError, RefusedError, RequestError

_PANELS: dict[str, tuple[Callable[..., int], ...]] = {
    "Begin": (setup.demo, setup.up, setup.example, setup.init),
    "Train": (
        training.train,
        training.runs,
        training.show,
        training.approve,
        training.reject,
        training.rollback,
        training.stop,
    ),
    "Score and watch": (data.score, data.labels, data.judge, data.report),
    "Operate": (operation.status, operation.doctor, operation.redrive, operation.forget, operation.destroy),
}
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")

app = typer.Typer(
    name="autowatch",
    help="Train, release, score with and watch a classifier, in AWS or in the sandbox on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _with_exit_code(command: Callable[..., int]) -> Callable[..., None]:
    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            raise typer.Exit(int(command(*arguments, **options)))
        except KeyboardInterrupt:
            print("Interrupted. Uploaded files and started runs are still processed.", file=sys.stderr)
            raise typer.Exit(int(Exit.INTERRUPTED)) from None

    return run


for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_with_exit_code(_command))


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its `Exit` code. Errors are printed as one sentence, without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=arguments, prog_name="autowatch")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except RequestError as error:
        return _refuse(error, arguments)
    except (BotoCoreError, ClientError) as error:
        return _refuse(RefusedError(_sentence(error)), arguments)
    return Exit.DONE


def _refuse(error: RequestError, arguments: list[str]) -> int:
    if "--json" in arguments:
        print(json.dumps({"error": type(error).__name__.removesuffix("Error"), "message": str(error)}))
    print(error, file=sys.stderr)
    if isinstance(error, NothingToDoError):
        return Exit.NOTHING_TO_DO
    return Exit.FAILED if isinstance(error, RefusedError) else Exit.WRONG_CALL


def _sentence(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, NoCredentialsError):
        return "No AWS credentials were found. Set AWS_PROFILE, or run `aws configure` or `aws sso login`."
    if isinstance(error, ClientError):
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _DENIED:
            return (
                f"AWS does not let you {error.operation_name}: {message}. Ask for it, or use another profile."
            )
        if code in _EXPIRED:
            return f"AWS rejects these credentials ({code}). Log in again."
    return f"The request to AWS failed: {error}. A started run continues; `autowatch runs` shows it."
