"""Runs in every function's process: ends it with the sandbox, then starts AWS's own runtime client.

Called as `python -S -P launch.py HANDLER`. Standard input is a pipe that only the sandbox holds open: its end of file
means that the sandbox has ended for any reason.
"""

import os
import runpy
import threading


def _end_with(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    _pipe = os.dup(0)
    _null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(_null, 0)
    os.close(_null)
    threading.Thread(target=_end_with, args=(_pipe,), daemon=True).start()
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
