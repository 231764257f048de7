import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from autowatch.ranks import average_ranks

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "values", [[], [3.0], [2, 1], [1, 1, 1], [0.5, -1, 0.5, np.inf, -np.inf, 0, -0.0]], ids=str
)
def test_ranks_are_those_of_scipy(values):
    assert average_ranks(np.array(values)).tolist() == rankdata(values).tolist()


@pytest.mark.parametrize("decimals", [0, 2, 16])
def test_of_many_values_too(decimals):
    values = np.random.default_rng(decimals).normal(size=5_000).round(decimals)
    assert average_ranks(values).tolist() == rankdata(values).tolist()


@pytest.mark.parametrize("module", ["measure_quality.app", "train.gate"])
def test_a_cold_start_does_without_the_import_of_scipy_stats(module):
    code = f"import sys, {module}; sys.exit('scipy.stats' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "src"}, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0
