"""Common to all commands: output, exit codes and shared options."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.status import Status
from rich.table import Table

from autowatch_client.errors import RequestError
from autowatch_client.stack import Stack, connect

_WIDE = 200
"""Width of tables when output is not a terminal."""

_QUIET_SECONDS = 60.0


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    """The stack or AWS refused the request, or it failed."""
    WRONG_CALL = 2
    """Nothing was started: a name, a file or an option is wrong."""
    NOT_AS_HOPED = 3
    """Done, but the result needs attention: rejected by the gate, drift, rejected rows, a fault found."""
    NOTHING_TO_DO = 4
    INTERRUPTED = 130


def complete_runs(incomplete: str) -> list[str]:
    """The names of runs that begin with this text, for shell completion; empty if no stack answers."""
    try:
        return [run.run for run in connect().runs(100) if run.run.startswith(incomplete)]
    except (RequestError, BotoCoreError, ClientError):
        return []


StackOption = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="The stack's name; `sandbox` is the sandbox of this clone."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", autocompletion=complete_runs)]
PollOption = Annotated[float, typer.Option("--poll-seconds", hidden=True, min=0.05)]


class Terminal:
    """Writes for people, or one JSON document for scripts."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        plain = {"markup": False, "highlight": False, "emoji": False}
        width = None if sys.stdout.isatty() else _WIDE
        self._console = Console(quiet=as_json, width=width, soft_wrap=True, **plain)  # type: ignore[arg-type]
        self._notes = Console(stderr=True, quiet=as_json, soft_wrap=True, **plain)  # type: ignore[arg-type]

    def connect(self, stack: str | None) -> Stack:
        """The stack that the options name; prints where requests go."""
        found = connect(stack)
        self._notes.print(f"→ {found.place.description}", style="dim")
        return found

    def say(self, text: str, style: str | None = None) -> None:
        """Prints a line for people."""
        self._console.print(text, style=style)

    def note(self, text: str) -> None:
        """Prints a line for people that is not part of the result."""
        self._notes.print(text, style="yellow")

    def next(self, *commands: str) -> None:
        """Prints the command to type next."""
        for number, command in enumerate(commands):
            self._console.print(f"{'Next:' if number == 0 else '     '} {command}", style="cyan")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
        """Prints a table for people."""
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(header))
        for name in header:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def document(self, content: Any) -> None:
        """Prints the JSON document for scripts."""
        if self.as_json:
            print(json.dumps(content, default=_plain, indent=1))

    @contextmanager
    def progress(self) -> Iterator["ProgressLine"]:
        """A line that is updated while something takes long."""
        line = ProgressLine(self._notes if not self.as_json else None)
        try:
            yield line
        finally:
            line.close()


class ProgressLine:
    """On a terminal, overwrites the line. Elsewhere, prints a new line when the text changes, or after a minute."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._status: Status | None = None
        self._text, self._shown = "", 0.0

    def show(self, seconds: float, text: str) -> None:
        """Shows a text and the time that has passed; called repeatedly."""
        if self._console is None:
            return
        line = f"  {clock(seconds)}  {text}"
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(line)
                self._status.start()
            self._status.update(line)
        elif text != self._text or time.monotonic() - self._shown > _QUIET_SECONDS:
            self._console.print(line)
            self._shown = time.monotonic()
        self._text = text

    def close(self) -> None:
        """Ends the line."""
        if self._status:
            self._status.stop()


def clock(seconds: float) -> str:
    """Seconds as people read them: `0:07`, `12:34`, `1:02:03`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def number(value: int | None) -> str:
    """A count with thousands separators, or a dash."""
    return "–" if value is None else f"{value:,}"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")
