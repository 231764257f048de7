"""The training machine's definition: every path leads somewhere, every failure to the clean-up."""

import json
import re

import pytest

from autowatch.aws.step_functions import next_wait
from tests.template.conftest import ROOT

DEFINITION = json.loads((ROOT / "statemachine/train.asl.json").read_text())
STATES = DEFINITION["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
NOBODY_ANSWERED = {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.approval", "Next": "Finish"}
LAST_RESORT = {"Skip", "Fail", "GiveUp"}


def successors(state):
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (catcher["Next"] for catcher in state.get("Catch", []))


def reachable(start):
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(successors(STATES[name]))
    return seen


def test_every_state_can_be_reached_and_can_reach_an_end():
    assert reachable(DEFINITION["StartAt"]) == set(STATES)
    ends = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
    assert ends == {"Done", "Skipped", "Failed"}
    for name in STATES:
        assert reachable(name) & ends, name


@pytest.mark.parametrize("name", sorted(TASKS.keys() - LAST_RESORT - {"RegisterModel"}))
def test_every_error_leads_to_the_clean_up(name):
    *others, catcher = TASKS[name]["Catch"]
    assert others == ([NOBODY_ANSWERED] if name == "AskForApproval" else [])
    assert catcher == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}


def test_a_failure_of_domino_does_not_affect_the_release():
    (catcher,) = STATES["RegisterModel"]["Catch"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], STATES["RegisterModel"]["Next"])
    assert STATES["Promote"]["Next"] == "RegisterModel"
    assert STATES["Finish"]["Parameters"]["Payload"]["register_model.$"] == catcher["ResultPath"]
    # Finish is also reached without that state, and a missing path would fail the run.
    assert STATES["Begin"]["Parameters"]["register_model"] == {}


def test_a_clean_up_that_fails_leads_to_a_message():
    (catcher,) = STATES["Fail"]["Catch"]
    assert (catcher["ErrorEquals"], catcher["Next"]) == (["States.ALL"], "GiveUp")


@pytest.mark.parametrize("name", ["PreparePromotion", "Stage", "Release", "Finish", "Fail"])
def test_a_state_that_meets_a_busy_endpoint_is_retried(name):
    (retrier,) = [item for item in STATES[name]["Retry"] if "EndpointBusy" in item["ErrorEquals"]]
    assert retrier["MaxAttempts"] >= 30


@pytest.mark.parametrize("name", sorted(TASKS.keys() - {"Skip", "Gate", "RegisterModel", "GiveUp"}))
def test_a_throttled_request_to_sagemaker_is_retried(name):
    (retrier,) = [item for item in TASKS[name]["Retry"] if item["ErrorEquals"] == ["Throttled"]]
    assert retrier["MaxAttempts"] >= 30


@pytest.mark.parametrize(
    ("name", "told"), [("Release", {"config"}), ("Promote", {"run", "config"}), ("RegisterModel", {"run"})]
)
def test_a_release_uses_the_given_model_new_or_earlier(name, told):
    assert TASKS[name]["Parameters"]["Payload"] == {f"{each}.$": f"$.stage.value.{each}" for each in told}
    before = {other for other, state in STATES.items() if name in successors(state)}
    if name == "Release":
        assert before == {"IsGood", "IsApproved", "TakeEarlierModel"}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_is_retried_after_an_error_of_lambda(name):
    tried_again = {error for retrier in TASKS[name]["Retry"] for error in retrier["ErrorEquals"]}
    stumbling = "States.TaskFailed" if "sns:publish" in TASKS[name]["Resource"] else "Lambda.ServiceException"
    assert stumbling in tried_again
    assert "States.ALL" not in tried_again, "a function's own error would be repeated without hope"


@pytest.mark.parametrize("name", sorted(name for name, state in STATES.items() if state["Type"] == "Wait"))
def test_every_wait_is_followed_by_a_poll_with_a_limit(name):
    look = STATES[name]["Next"]
    assert STATES[look]["Type"] == "Task"
    assert look in ("DescribeAutopilot", "DescribeCandidate", "DescribeEndpoint")


def test_the_template_substitutes_exactly_the_definitions_variables(template):
    asked = set(re.findall(r"\$\{(\w+)\}", json.dumps(DEFINITION)))
    machine = template["Resources"]["TrainStateMachine"]["Properties"]
    assert asked == set(machine["DefinitionSubstitutions"])
    allowed = machine["Policies"][1]["Statement"][0]["Resource"]
    assert len(allowed) == len(asked - {"AlertTopicArn", "Partition", "StackName"})


@pytest.mark.parametrize("seconds", ["MaxTrainingSeconds", "MaxEndpointSeconds"])
def test_the_longest_wait_stays_within_the_events_of_one_execution(template, seconds):
    """Step Functions ends an execution at its 25,000th event; a look takes nine, and three things are looked at."""
    parameters = template["Parameters"]
    elapsed = looks = 0
    while elapsed < parameters[seconds]["MaxValue"] + 3600:
        elapsed += next_wait(elapsed, parameters["PollSeconds"]["MinValue"])
        looks += 1
    assert 9 * looks < 25_000 / 3


def test_the_machine_has_a_time_limit():
    assert 0 < DEFINITION["TimeoutSeconds"] <= 7 * 24 * 3600
