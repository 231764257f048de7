import json
import subprocess
import sys
from dataclasses import replace

import boto3
import msgspec
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, DocumentMalformed
from autowatch.evaluation.figures import (
    BiasBin,
    Bounded,
    CalibrationPoint,
    ClassFigures,
    ClassTable,
    Comparison,
    Confusion,
    Costs,
    NumberTable,
    TradeOffPoint,
)
from autowatch.records.decision import Check, GateDecision, JudgedModel, Latency, read_decision, to_decision
from autowatch.records.keys import decision_key
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


def test_a_decision_survives_json():
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


def test_a_comparison_by_an_earlier_version_compares_aucs():
    document = json.loads(msgspec.json.encode(DECISION))
    comparison = document["comparison"]
    comparison["challenger_auc"] = comparison.pop("challenger")
    comparison["champion_auc"] = comparison.pop("champion")
    del comparison["measure"]
    assert to_decision(document) == DECISION


def test_a_malformed_decision_is_reported_with_its_key():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        s3.put_object(Bucket="bank", Key=decision_key("r1"), Body=b'{"run": 1}')
        with pytest.raises(DocumentMalformed, match="models/r1/gate.json cannot be read"):
            read_decision(Bucket(s3, "bank"), "r1")


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_the_fields_of_other_problem_types_survive_json(kind):
    share = Bounded(0.7, 0.6, 0.8)
    added = {
        "classes": {
            "classes": ClassTable((ClassFigures("a", 9, 7, share, share, None, None),), ((7, 2), (0, 4)))
        },
        "numbers": {
            "numbers": NumberTable(
                (BiasBin(1.0, 2.0, -1.0, None, None, 1),), ((0.5, -1.0),), (0.0, 1.0, 2.0), ((3, 0), (1, 2))
            )
        },
    }
    model = replace(MODEL, intervals={"r2": (0.1, 0.3)}, **added[kind])
    decision = replace(
        DECISION,
        minimum_auc=None,
        challenger=model,
        problem_type="regression",
        decided_by="mae",
        floors={"r2": 0.0},
    )
    assert to_decision(json.loads(msgspec.json.encode(decision))) == decision


def test_states_after_the_gate_can_read_a_decision_without_numpy():
    """Their functions have no layer with numpy."""
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
