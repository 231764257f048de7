"""The environments of `make bench-drift` hold what benchmarks/drift_ways.py imports there."""

import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import ROOT

BLOCK = """
import sys
class Block:
    def find_spec(self, name, *_):
        if name in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def with_requirements(names):
    """These packages and all installed ones that they require, without extras."""
    installed = {canonicalize_name(each) for names in packages_distributions().values() for each in names}
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in installed and name not in found:
            found.add(name)
            needed = map(Requirement, requires(name) or ())
            waiting += [
                canonicalize_name(each.name)
                for each in needed
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]
    return found


@pytest.mark.parametrize(
    ("requirements", "modules"),
    [
        ("bench.txt", "benchmarks.drift_ways, autowatch.monitoring.drift.judge, autowatch.tabular.profile"),
        ("bench-evidently.txt", "benchmarks.drift_ways"),
    ],
)
def test_an_environment_has_what_is_imported_in_it(requirements, modules):
    lines = (ROOT / "requirements" / requirements).read_text().splitlines()
    allowed = with_requirements(Requirement(line).name for line in lines if not line.startswith("#"))
    distributions = packages_distributions()
    blocked = [
        top for top, names in distributions.items() if not allowed & set(map(canonicalize_name, names))
    ]
    assert "pytest" in blocked
    subprocess.run(
        [sys.executable, "-c", f"BLOCKED = {blocked}\n{BLOCK}\nimport {modules}"],
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        check=True,
    )
