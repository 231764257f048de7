import subprocess
import sys

import msgspec

from autowatch.evaluation.figures import CalibrationPoint, Comparison, Confusion, Costs, TradeOffPoint
from autowatch.records.decision import Check, GateDecision, JudgedModel, Latency
from autowatch.records.threshold import DecisionThreshold
from tests.support.repository import ROOT

MODEL = JudgedModel(
    "new",
    100,
    {"auc": 0.8},
    ((0.0, 0.0), (0.25, 0.75), (1.0, 1.0)),
    (CalibrationPoint(0.1, 0.12, 90), CalibrationPoint(0.7, 0.6, 10)),
    Latency(2, 0.5, 0.9),
    DecisionThreshold(0.2, "cost", Costs(10.0, 1.0)),
    Confusion(7, 3, 2, 88),
)
DECISION = GateDecision(
    run="new",
    passed=True,
    reason="good",
    minimum_auc=0.6,
    rows=100,
    metrics={"auc": 0.8},
    checks=(Check("floor", True, "good"),),
    challenger=MODEL,
    champion=MODEL,
    comparison=Comparison(100, 0.8, 0.79, 0.01, -0.01, 0.03, 0.95, 0.01, 0.025, 2_000, 7),
    trade_off=(TradeOffPoint(0.1, 0.5, 0.9, 0.64, 0.3), TradeOffPoint(0.2, 0.7, 0.78, 0.74, 0.2)),
)


def test_a_decision_comes_back_from_json_as_it_was():
    assert msgspec.json.decode(msgspec.json.encode(DECISION), type=GateDecision) == DECISION


def test_a_decision_of_an_earlier_version_is_read_and_unknown_fields_are_ignored():
    old = {
        "run": "r",
        "passed": False,
        "reason": "bad",
        "minimum_auc": 0.6,
        "rows": 5,
        "metrics": {},
        "new": 1,
    }
    decision = msgspec.convert(old, GateDecision)
    assert (decision.passed, decision.challenger, decision.checks) == (False, None, ())


def test_the_states_behind_the_gate_can_read_it_without_numpy():
    """Their functions have no layer."""
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['scipy'] = None; import train.finish, train.promote"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": "src"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
