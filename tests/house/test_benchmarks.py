"""The environments of the benchmarks hold what the benchmarks import."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

from tests.support.repository import ROOT

IMPORTS = "autowatch.monitoring.drift.judge", "autowatch.tabular.profile"
"""What benchmarks/drift_ways.py imports of this project beside pandas and DuckDB, in their environment."""


def normalised(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def with_requirements(names):
    """These packages and all installed ones that they require, without extras."""
    installed = {normalised(each) for several in packages_distributions().values() for each in several}
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in installed and name not in found:
            found.add(name)
            waiting += [normalised(each) for each in requires(name) or () if "extra ==" not in each]
    return found


BLOCK = """
import sys
class Block:
    def find_spec(self, name, *_):
        if name in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def test_the_environment_of_pandas_and_duckdb_has_what_the_verdict_imports():
    lines = (ROOT / "requirements" / "bench.txt").read_text().splitlines()
    allowed = with_requirements(normalised(line) for line in lines if not line.startswith("#"))
    distributions = packages_distributions()
    blocked = [top for top, names in distributions.items() if not allowed & set(map(normalised, names))]
    assert "pytest" in blocked
    subprocess.run(
        [sys.executable, "-c", f"BLOCKED = {blocked}\n{BLOCK}\nimport {', '.join(IMPORTS)}"],
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
    )
