import pytest

from autowatch.records.threshold import ThresholdRule
from autowatch.training.gate.checks import GateRules
from tests.support.lambda_context import Context
from train import gate


@pytest.fixture
def settings(monkeypatch):
    """The function's variables. The judgement is replaced by its arguments; the tests of the gate cover it."""
    variables = {
        "S3_BUCKET": "bank",
        "STACK_NAME": "bank",
        "PREDICTIONS_PREFIX": "predictions/",
        "METRICS_NAMESPACE": "Autowatch",
        "ENDPOINT_NAME": "e",
        "CONCURRENCY": "3",
        "MAX_BATCH_BYTES": "1000",
        "MINIMUM_AUC": "0.6",
        "GATE_CONFIDENCE_PERCENT": "90",
        "AUC_TOLERANCE": "0.01",
        "MINIMUM_MACRO_F1": "0.4",
        "MINIMUM_R2": "0.1",
        "ERROR_TOLERANCE_PERCENT": "5",
        "OBJECTIVE_METRIC": "MAE",
        "MAX_BATCH_SECONDS": "12.5",
        "RELEASE_APPROVAL": "drift",
        "APPROVAL_HOURS": "2",
        "DECISION_THRESHOLD": "0.3",
        "COST_OF_MISS": "",
        "COST_OF_ALARM": "",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_settings_and_the_two_endpoints_reach_the_gate(settings, monkeypatch):
    asked = {}

    decision = {"passed": False, "reason": "worse", "metrics": {"auc": 0.7}, "approval": None}

    def judge(bucket, run, endpoints, limits, rules, trigger):
        asked.update(
            bucket=bucket.name, run=run, endpoints=endpoints, limits=limits, rules=rules, trigger=trigger
        )
        return type("Decision", (), decision)

    def explain(bucket, run, endpoints, limits, error):
        asked["explained"] = (bucket.name, run, endpoints, limits, error)

    monkeypatch.setattr(gate, "judge_challenger", judge)
    monkeypatch.setattr(gate, "explain_challenger", explain)
    answer = gate.lambda_handler(
        {"run": "r", "trigger": "drift", "endpoint_name": "e-candidate"}, Context(90)
    )
    assert answer == decision | {"approval_seconds": 7200}
    assert (asked["bucket"], asked["run"], asked["trigger"]) == ("bank", "r", "drift")
    assert (asked["endpoints"].candidate, asked["endpoints"].champion) == ("e-candidate", "e")
    assert asked["endpoints"].seconds_left() == 90
    assert (asked["limits"].max_batch_bytes, asked["limits"].concurrency) == (1000, 3)
    assert asked["explained"] == ("bank", "r", asked["endpoints"], asked["limits"], "mae")
    assert asked["rules"] == GateRules(
        0.6, 0.9, 0.01, 12.5, ThresholdRule(0.3), "drift", 0.05, "mae", minimum_macro_f1=0.4, minimum_r2=0.1
    )
