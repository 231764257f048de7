"""Updates the tables of a page of docs/measurements: `python -m benchmarks.write docs/measurements/PAGE.md`.

Each table is between `<!-- run: benchmarks.NAME ARGUMENTS -->` and `<!-- end -->`, and is replaced by the output of
`python -m` with these words. If a command fails, the page is left unchanged.
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
    """Updates the named pages."""
    for name in sys.argv[1:]:
        renew(Path(name))


def renew(page: Path) -> None:
    """Runs the page's commands, and writes the page once all of them have succeeded."""
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
