"""The processes in which models train and serve; all end with this process."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

_CONTAINER = Path(__file__).parent / "container"
_SECONDS_TO_END = 5.0


class Child:
    """A script of `container/` in the model environment, its output in a log file.

    Its standard input is a pipe without data: when this process ends for any reason, the pipe closes and the child ends
    itself.
    """

    def __init__(
        self, python: Path, script: str, arguments: list[str], environment: dict[str, str], log: Path
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(python), str(_CONTAINER / "launch.py"), str(_CONTAINER / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the child has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the child ended; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Ends the child and its own children; returns when it has ended."""
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_SECONDS_TO_END)
