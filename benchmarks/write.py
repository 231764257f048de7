"""Writes the tables of a page of docs/measurements anew: `python -m benchmarks.write docs/measurements/PAGE.md`.

A table stands between `<!-- run: benchmarks.NAME ARGUMENTS -->` and `<!-- end -->`. What `python -m` prints for these
words takes its place; the text around it stays. A command that fails leaves the page as it was.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from sandbox.install import REPOSITORY

TABLE = re.compile(r"(?P<begin><!-- run: (?P<words>.+?) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def main() -> None:
    """Renews each page that is named."""
    for name in sys.argv[1:]:
        renew(Path(name))


def renew(page: Path) -> None:
    """Runs the page's commands and writes it once, when all of them have ended well."""
    text = page.read_text(encoding="utf-8")
    page.write_text(TABLE.sub(_printed, text), encoding="utf-8")


def _printed(table: re.Match[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(table["words"])],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": "src:."},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return f"{table['begin']}\n{done.stdout.strip()}\n\n{table['end']}"


if __name__ == "__main__":
    main()
