"""`python -m tests.permissions FOLDER [--write]`: every permission of the template against what a test run recorded."""

import argparse
import os
import sys
from pathlib import Path

from tests.permissions.coverage import permissions, read_reasons, table, unexplained, write_table
from tests.permissions.statements import role_statements
from tests.permissions.translated import translated_template
from tests.support.repository import ROOT


def main() -> None:
    """Write the table into docs/security.md when asked to, and end with an error where a permission has no use."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description=__doc__)
    parser.add_argument("folder", type=Path, help="what SANDBOX_PERMISSIONS_RECORD named during the run")
    parser.add_argument("--write", action="store_true", help="write the table into docs/security.md")
    options = parser.parse_args()
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    reasons = read_reasons()
    found = permissions(role_statements(translated_template()), options.folder)
    if options.write:
        write_table(table(found, reasons), ROOT / "docs" / "security.md")
    if told := unexplained(found, reasons):
        sys.exit("\n".join(told))
    print(f"{len(found)} permissions, each needed by a request of the tests or with its reason.")  # noqa: T201


if __name__ == "__main__":
    main()
