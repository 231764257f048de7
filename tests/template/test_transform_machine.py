"""The transform machine's definition: every path leads somewhere, every failure to the clean-up."""

import json
import re

import pytest

from tests.template.conftest import ROOT

DEFINITION = json.loads((ROOT / "statemachine/transform.asl.json").read_text())
STATES = DEFINITION["States"]
MAPS = {name: state for name, state in STATES.items() if state["Type"] == "Map"}
CHILDREN = {
    f"{name}.{child}": state
    for name, map_state in MAPS.items()
    for child, state in map_state["ItemProcessor"]["States"].items()
}
TASKS = {name: state for name, state in (STATES | CHILDREN).items() if state["Type"] == "Task"}
FUNCTIONS = {name: state for name, state in TASKS.items() if state["Resource"].endswith("lambda:invoke")}


def successors(state):
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (choice["Next"] for choice in state.get("Choices", []))
    yield from (catcher["Next"] for catcher in state.get("Catch", []))


def reachable(states, start):
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(successors(states[name]))
    return seen


def test_every_state_can_be_reached_and_can_reach_an_end():
    assert reachable(STATES, DEFINITION["StartAt"]) == set(STATES)
    ends = {name for name, state in STATES.items() if state["Type"] in ("Succeed", "Fail")}
    assert ends == {"Done", "Failed"}
    for name in STATES:
        assert reachable(STATES, name) & ends, name


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, state in STATES.items()
        if state["Type"] in ("Task", "Map") and name not in ("Fail", "AnnounceAgain")
    ),
)
def test_every_error_leads_to_the_clean_up(name):
    (catcher,) = STATES[name]["Catch"]
    assert catcher == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}


def test_a_file_that_cannot_be_announced_again_fails_the_execution_with_that_error():
    """No transform has begun that Fail could clean up; the failed execution sets off the alarm."""
    assert "Catch" not in STATES["AnnounceAgain"]
    assert STATES["AnnounceAgain"]["Parameters"]["InvocationType"] == "Event"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_retried_after_an_error_of_lambda_or_a_killed_process(name):
    tried_again = {error for retrier in TASKS[name]["Retry"] for error in retrier["ErrorEquals"]}
    assert {"Lambda.ServiceException", "Lambda.TooManyRequestsException", "Runtime.ExitError"} <= tried_again
    assert "States.ALL" not in tried_again, "a function's own error would be repeated without hope"


@pytest.mark.parametrize("name", sorted(MAPS))
def test_pieces_are_read_from_the_bucket_bounded_and_leave_no_result_in_the_payload(name):
    state = MAPS[name]
    assert state["ItemReader"]["Resource"] == "arn:${Partition}:states:::s3:getObject"
    assert state["MaxConcurrencyPath"] == "$.plan.value.pieces_at_once"
    assert state["ResultPath"] is None
    processor = state["ItemProcessor"]
    # An EXPRESS execution ends after five minutes, a piece may take fifteen.
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert reachable(processor["States"], processor["StartAt"]) == set(processor["States"])


@pytest.mark.parametrize("name", sorted(MAPS))
def test_the_error_of_a_piece_is_kept_for_the_clean_up(name):
    processor = MAPS[name]["ItemProcessor"]
    (catcher,) = processor["States"][processor["StartAt"]]["Catch"]
    assert catcher["ErrorEquals"] == ["States.ALL"]
    kept = processor["States"][catcher["Next"]]
    assert kept["Parameters"]["Key.$"] == "$.failure_key"
    assert kept["Parameters"]["Body.$"] == catcher["ResultPath"]
    assert processor["States"][kept["Next"]]["Type"] == "Fail"


def test_every_wait_is_followed_by_a_call_with_a_limit():
    waits = {name: state["Next"] for name, state in STATES.items() if state["Type"] == "Wait"}
    assert waits == {"WaitForTransform": "RunTransform", "WaitForRelease": "AnnounceAgain"}


def test_the_template_substitutes_exactly_the_definitions_variables(template):
    asked = set(re.findall(r"\$\{(\w+)\}", json.dumps(DEFINITION)))
    machine = template["Resources"]["TransformStateMachine"]["Properties"]
    assert asked == set(machine["DefinitionSubstitutions"])
    allowed = machine["Policies"][0]["Statement"][0]["Resource"]
    assert len(allowed) == len(asked - {"Partition"})


def test_work_objects_are_swept_with_all_their_versions(resources):
    rules = resources["DataBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule.get("Prefix") == "transform/"]
    assert rule["ExpirationInDays"] == 7
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1


def test_the_machine_has_a_time_limit():
    assert 0 < DEFINITION["TimeoutSeconds"] <= 7 * 24 * 3600
