"""The demo's progress: a line for each step, with the time it took."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_QUIET_SECONDS = 15
"""Seconds. Without a terminal no line can be overwritten: a new one is printed at each change or after this time."""


class Step:
    """One step in progress."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title, self._stream = title, stream
        self._terminal = stream.isatty()
        self._started = self._last_line = time.monotonic()
        self._detail = ""

    @property
    def seconds(self) -> float:
        """How long the step has taken so far."""
        return time.monotonic() - self._started

    def show(self, detail: str) -> None:
        """Updates the step's line; called repeatedly while the step waits."""
        if self._terminal:
            line = f"  … {self._title} {self.seconds:4.0f} s  {detail}"
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\033[K{line[:width]}")
            self._stream.flush()
        elif detail != self._detail or time.monotonic() - self._last_line > _QUIET_SECONDS:
            self._print(f"  … {self._title} {self.seconds:4.0f} s  {detail}")
            self._last_line = time.monotonic()
        self._detail = detail

    def end(self, mark: str, outcome: str) -> None:
        """Replaces the step's line by its outcome."""
        if self._terminal:
            self._stream.write("\r\033[K")
        self._print(f"  {mark} {self._title}: {outcome} ({self.seconds:.1f} s)")

    def _print(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class Progress:
    """The demo's output, chapter by chapter."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream

    def chapter(self, title: str) -> None:
        """Begins a chapter."""
        self.say(f"\n{title}")

    def say(self, text: str) -> None:
        """Prints a line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    @contextmanager
    def step(self, title: str) -> Iterator["Outcome"]:
        """Shows a step while its block runs; the block reports the outcome."""
        step = Step(title, self._stream)
        outcome = Outcome(step)
        try:
            yield outcome
        except BaseException:
            step.end("✗", "failed")
            raise
        step.end("✓", outcome.text)


class Outcome:
    """The progress of a step and finally its outcome."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.text = "done"

    def show(self, detail: str) -> None:
        """Sets the text of the step's line."""
        self._step.show(detail)
