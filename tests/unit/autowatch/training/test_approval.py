import pytest

from autowatch.records.decision import GateDecision
from autowatch.training.approval import ApprovalAnswer, read_answer, with_answer
from autowatch.training.gate.checks import approval_reason

DECISION = GateDecision("r", True, "AUC 0.8.", 0.6, 100, {"auc": 0.8}, approval="Drift started it.")
EXCHANGED = "The champion, run old, ranks the new rows the wrong way round."


@pytest.mark.parametrize(
    ("policy", "trigger", "wrong", "words"),
    [
        ("never", "drift", None, None),
        ("never", "manual", EXCHANGED, EXCHANGED),
        ("always", "drift", EXCHANGED, EXCHANGED),
        ("drift", "manual", None, None),
        ("drift", "drift", None, "Drift started the run"),
        ("always", "manual", None, "approval of every release"),
    ],
)
def test_who_must_be_asked(policy, trigger, wrong, words):
    reason = approval_reason(policy, trigger, wrong)
    assert (words in reason) if words else (reason is None)


def test_an_answer_decides_once():
    approved = with_answer(DECISION, ApprovalAnswer(True, "ann", "Seen."))
    assert approved.passed
    assert approved.reason == "AUC 0.8. Drift started it. ann approved the release: Seen."
    rejected = with_answer(DECISION, ApprovalAnswer(False, "bob", "No."))
    assert not rejected.passed
    assert rejected.reason == "AUC 0.8. Drift started it. bob rejected the release: No."
    late = with_answer(DECISION, ApprovalAnswer(False))
    assert late.reason == "AUC 0.8. Drift started it. Nobody approved the release in time."
    assert with_answer(rejected, ApprovalAnswer(True, "eve", "Again.")) == rejected
    assert with_answer(DECISION, None) == DECISION


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({}, None),
        ({"approved": True, "by": "ann", "reason": "x"}, ApprovalAnswer(True, "ann", "x")),
        ({"approved": "true"}, ApprovalAnswer(False)),
        ({"Error": "States.Timeout", "Cause": ""}, ApprovalAnswer(False)),
    ],
)
def test_an_invalid_answer_approves_nothing(document, answer):
    assert read_answer(document) == answer
