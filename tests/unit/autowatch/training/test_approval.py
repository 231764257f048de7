import pytest

from autowatch.evaluation.figures import Bounded
from autowatch.records.decision import GateDecision
from autowatch.training.approval import ApprovalAnswer, read_answer, with_answer
from autowatch.training.gate.checks import approval_reason

DECISION = GateDecision("r", True, "AUC 0.8.", 0.6, 100, {"auc": 0.8}, approval="Drift started it.")
FINE, EXCHANGED, UNSURE = Bounded(0.7, 0.6, 0.8), Bounded(0.1, 0.05, 0.2), Bounded(0.44, 0.42, 0.46)


@pytest.mark.parametrize(
    ("policy", "trigger", "champion", "words"),
    [
        ("never", "drift", FINE, None),
        ("never", "drift", None, None),
        ("never", "manual", UNSURE, None),
        ("never", "manual", EXCHANGED, "The champion, run old, ranks the new rows the wrong way round"),
        ("always", "drift", EXCHANGED, "its AUC on them is 0.100, at most 0.200"),
        ("drift", "manual", FINE, None),
        ("drift", "drift", FINE, "Drift started the run"),
        ("always", "manual", None, "before every release"),
    ],
)
def test_who_must_be_asked(policy, trigger, champion, words):
    reason = approval_reason(policy, trigger, "old", champion)
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
def test_what_is_no_answer_approves_nothing(document, answer):
    assert read_answer(document) == answer
