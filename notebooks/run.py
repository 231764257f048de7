"""Runs a notebook from top to bottom and writes it with its outputs: `python notebooks/run.py NAME.ipynb OUT.ipynb`."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

_LONGEST_CELL_SECONDS = 600


def main(notebook: Path, out: Path) -> None:
    """Runs it in its own folder, as Jupyter does; a cell that fails ends it with the cell's error."""
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        timeout=_LONGEST_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    try:
        client.execute()
    finally:
        nbformat.write(content, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
