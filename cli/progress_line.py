"""The one line that shows how something long is doing: overwritten on a terminal, repeated sparingly elsewhere."""

import shutil
import time
from typing import TextIO

_QUIET_SECONDS = 60.0
"""Without a terminal a line comes when something changes, or after this many seconds."""


class ProgressLine:
    """Shows the time that has passed and a text that changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._text = ""
        self._shown = 0.0

    def show(self, elapsed_seconds: float, text: str) -> None:
        """Shows the text; called again and again."""
        line = f"  {clock(elapsed_seconds)}  {text}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\033[K{line[:width]}")
        elif text != self._text or time.monotonic() - self._shown > _QUIET_SECONDS:
            self._write(f"{line}\n")
            self._shown = time.monotonic()
        self._text = text

    def close(self) -> None:
        """Leaves the last text on a line of its own."""
        if self._terminal and self._text:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def clock(seconds: float) -> str:
    """Seconds as people read them: `0:07`, `12:34`, `1:02:03`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
