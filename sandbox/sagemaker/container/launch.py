"""Runs a script and ends with the process that started it: `launch.py script.py [arguments]`.

The parent holds the other end of standard input and never writes to it, so end of file means that the parent has ended.
"""

import os
import runpy
import sys
import threading


def main() -> None:
    """Runs the script named by the first argument as if it had been started directly."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(143)


if __name__ == "__main__":
    main()
