"""`python -m tests.permissions [FOLDER]`: every permission of the template against the tests' requests."""

import argparse
import os
import sys
from pathlib import Path

from tests.permissions.coverage import (
    cover,
    read_reasons,
    read_requests,
    recorded,
    table,
    without_use,
    write_requests,
    write_table,
)
from tests.permissions.translated import translated_template
from tests.support.repository import ROOT


def main() -> None:
    """Keep what a run recorded, write the page of permissions, and name each permission without a use."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="what SANDBOX_PERMISSIONS_RECORD named in a run")
    parser.add_argument(
        "--add", action="store_true", help="the run was of some tests: keep the others' requests"
    )
    options = parser.parse_args()
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    document, reasons = translated_template(), read_reasons()
    requests = read_requests() if options.add or not options.folder else []
    if options.folder:
        requests = [*requests, *recorded(options.folder)]
        write_requests(cover(document, requests).needed.values())
    coverage = cover(document, requests)
    write_table(table(coverage, reasons), ROOT / "docs" / "measurements" / "permissions.md")
    if told := without_use(coverage, reasons):
        sys.exit("\n".join(told))
    print(f"{len(coverage.permissions)} permissions, each needed by a test's request or with its reason.")  # noqa: T201


if __name__ == "__main__":
    main()
