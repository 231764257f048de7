"""Each import contract of pyproject.toml fails on a forbidden import."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.repository import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FORBIDDEN = {
    "Rooms import downwards alone": ("src/autowatch/tabular/bins.py", "autowatch.records.champion"),
    "The domain imports no entry point": ("src/autowatch/aws/metrics.py", "invoke_endpoint.settings"),
    "Entry folders do not know each other": ("src/transform/plan.py", "train.settings"),
    "What scores reaches no heavy package": ("src/autowatch/records/champion.py", "numpy"),
    "What judges reaches no pyarrow": ("src/autowatch/tabular/table.py", "pyarrow"),
    "Only domino speaks HTTP": ("src/autowatch/aws/metrics.py", "requests"),
    "Only reports renders": ("src/autowatch/monitoring/days/job.py", "jinja2"),
    "Tables and statistics know no AWS": ("src/autowatch/evaluation/auc.py", "boto3"),
    "Inside monitoring": ("src/autowatch/monitoring/drift/judge.py", "autowatch.monitoring.days.due"),
    "Inside training": ("src/autowatch/training/start.py", "autowatch.training.serving.endpoints"),
    "No circles among siblings": ("src/autowatch/tabular/cells.py", "autowatch.tabular.profile"),
    "The sandbox knows the application from outside": ("sandbox/client.py", "autowatch.records.run"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for folder in ("src", "sandbox", "autowatch_client"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def lint(house: Path) -> str:
    command = (
        "import sys; sys.path[:0] = ['src', '.']; from importlinter.cli import lint_imports as lint; lint()"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=house, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_every_contract_has_a_forbidden_import_here():
    assert {contract["name"] for contract in CONTRACTS} == set(FORBIDDEN)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(house, name):
    place, imported = FORBIDDEN[name]
    module = house / place
    before = module.read_text()
    module.write_text(f"import {imported}  # noqa\n{before}")
    try:
        assert f"{name} BROKEN" in lint(house)
    finally:
        module.write_text(before)
