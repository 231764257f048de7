"""Definitions that Step Functions refuses: each is a valid one with one change."""

import copy
import json

import pytest

from sandbox.states import check_definition, refusal
from sandbox.states.paths import is_path_or_call, is_reference_path
from tests.support.state_machines import NAMES, definition

LAMBDA = "arn:aws:states:::lambda:invoke"
MACHINE = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": LAMBDA,
            "Parameters": {"FunctionName": "f", "Payload": {"a.$": "$.a", "b.$": "States.Format('{}', $.b)"}},
            "Retry": [
                {"ErrorEquals": ["Lambda.ServiceException"], "MaxDelaySeconds": 10, "JitterStrategy": "FULL"}
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Failed"}],
            "Next": "Is",
        },
        "Is": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.done", "BooleanEquals": True, "Next": "Each"}],
            "Default": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 5, "Next": "Ask"},
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Work",
                "States": {"Work": {"Type": "Pass", "End": True}},
            },
            "Label": "Each",
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "One", "States": {"One": {"Type": "Succeed"}}}],
            "End": True,
        },
        "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "It failed."},
    },
}


def changed(path, value):
    """The machine with the value under a path of keys, None for nothing."""
    machine = copy.deepcopy(MACHINE)
    *folders, last = path
    place = machine
    for name in folders:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return machine


def test_a_valid_machine_is_accepted():
    assert check_definition(json.dumps(MACHINE)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_applications_machines_are_accepted(name):
    assert check_definition(json.dumps(definition(name)).replace("${Partition}", "aws")) == []


def test_the_wording_is_awss():
    """As observed in answers of CreateStateMachine."""
    machine = {
        "StartAt": "pass1",
        "States": {"pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": {"Type": "Succeed"}},
    }
    assert refusal(check_definition(json.dumps(machine))) == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at "
        '/States/pass1/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2\''
    )


STATES = "States"
TASK, CHOICE, MAP = (STATES, "Ask"), (STATES, "Is"), (STATES, "Each")
INNER = (*MAP, "ItemProcessor")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("StartAt",), None, "These fields are required: [StartAt] at /"),
        (("StartAt",), "Nobody", "Missing 'Next' target: Nobody at /StartAt"),
        (("Startat",), "Ask", "Field 'Startat' is not supported at /"),
        ((STATES, "Alone"), {"Type": "Succeed"}, 'State "Alone" is not reachable. at /States/Alone'),
        (
            (STATES, "Work"),
            {"Type": "Succeed"},
            "DUPLICATE_STATE_NAME: Duplicate State name: Work at /States/Work",
        ),
        ((STATES, "n" * 81), {"Type": "Succeed"}, "INVALID_STATE_NAME"),
        ((*TASK, "Type"), "Taks", "The field 'Type' should have one of these values: [Task, Wait"),
        ((*TASK, "Type"), None, "These fields are required: [Type] at /States/Ask"),
        ((*TASK, "Resource"), None, "These fields are required: [Resource] at /States/Ask"),
        ((*TASK, "Resource"), "invoke", "Value is not a valid resource ARN at /States/Ask/Resource"),
        ((*TASK, "Resource"), "arn:aws:states:::lambda:call", "is not recognized"),
        ((*TASK, "Resource"), "arn:aws:states:::aws-sdk:s3:putObjekt", "is not recognized"),
        ((*TASK, "Next"), None, "One of these fields is required: [Next, End] at /States/Ask"),
        ((*TASK, "End"), True, "Fields 'Next' and 'End' exclude each other at /States/Ask"),
        ((*TASK, "Result"), 1, "Field 'Result' is not supported at /States/Ask"),
        ((*TASK, "TimeoutSeconds"), "60", "Expected value of type Integer at /States/Ask/TimeoutSeconds"),
        ((*TASK, "ResultPath"), "$.a[*]", "Value is not a Reference Path at /States/Ask/ResultPath"),
        ((*TASK, "InputPath"), "a.b", "Value is not a valid JSONPath at /States/Ask/InputPath"),
        (
            (*TASK, "Parameters", "Payload", "a.$"),
            "a",
            "The value for the field 'a.$' must be a valid JSONPath",
        ),
        ((*TASK, "Parameters", "Payload", "b.$"), "States.Formt($.b)", "or a valid intrinsic function call"),
        (
            (*TASK, "Retry", 0, "ErrorEquals"),
            None,
            "These fields are required: [ErrorEquals] at /States/Ask/Retry[0]",
        ),
        (
            (*TASK, "Retry", 0, "ErrorEquals"),
            ["States.Timedout"],
            "Error name 'States.Timedout' is not one of those",
        ),
        ((*TASK, "Retry", 0, "MaxDelaySeconds"), 1, "MaxDelaySeconds must be greater than IntervalSeconds"),
        ((*TASK, "Retry", 0, "BackoffRate"), 0.5, "Value should be between 1 and"),
        (
            (*TASK, "Retry", 0, "JitterStrategy"),
            "HALF",
            "The field 'JitterStrategy' should have one of these values",
        ),
        ((*TASK, "Catch", 0, "ErrorEquals"), ["States.ALL", "Other"], "States.ALL must appear alone"),
        ((*TASK, "Catch", 0, "Next"), "Nobody", "Missing 'Next' target: Nobody at /States/Ask/Catch[0]/Next"),
        ((*CHOICE, "Next"), "Ask", "Field 'Next' is not supported at /States/Is"),
        ((*CHOICE, "Choices"), [], "At least one choice is required at /States/Is/Choices"),
        ((*CHOICE, "Default"), "Nobody", "Missing 'Next' target: Nobody at /States/Is/Default"),
        (
            (*CHOICE, "Choices", 0, "Next"),
            "Nobody",
            "Missing 'Next' target: Nobody at /States/Is/Choices[0]/Next",
        ),
        ((*CHOICE, "Choices", 0, "Variable"), "done", "Value is not a Reference Path"),
        ((*CHOICE, "Choices", 0, "StringEquals"), "x", "A choice rule needs exactly one comparison"),
        ((*CHOICE, "Choices", 0, "BooleanEquals"), "true", "Expected value of type Boolean"),
        ((STATES, "Wait", "Timestamp"), "2026-11-23T09:00:00Z", "exclude each other at /States/Wait"),
        (
            (STATES, "Wait", "Seconds"),
            None,
            "[Seconds, SecondsPath, Timestamp, TimestampPath] at /States/Wait",
        ),
        ((STATES, "Failed", "Next"), "Ask", "Field 'Next' is not supported at /States/Failed"),
        (
            (STATES, "Failed", "ErrorPath"),
            "error",
            "Value is not a Reference Path at /States/Failed/ErrorPath",
        ),
        ((*INNER, "ProcessorConfig", "ExecutionType"), None, "These fields are required: [ExecutionType]"),
        ((*INNER, "ProcessorConfig"), {"Mode": "INLINE"}, "Field 'Label' is not supported at /States/Each"),
        ((*INNER, "StartAt"), "Ask", "Missing 'Next' target: Ask at /States/Each/ItemProcessor/StartAt"),
        ((*MAP, "Label"), "a label", "Value is not a valid label"),
        ((*MAP, "ItemReader"), {"Resource": "arn:aws:states:::s3:readObject"}, "is not recognized"),
        (
            (STATES, "Both", "Branches", 0, "StartAt"),
            "Two",
            "Missing 'Next' target: Two at /States/Both/Branches[0]/",
        ),
        (("QueryLanguage",), "JSONata", "JSONata is not offered in the sandbox"),
    ],
)
def test_a_single_fault_is_named(path, value, words):
    assert words in refusal(check_definition(json.dumps(changed(path, value))))


def test_a_loop_without_an_end_is_refused():
    machine = {
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}},
    }
    (found,) = check_definition(json.dumps(machine))
    assert str(found) == "MISSING_END_STATE: Workflow has no terminal state at null"


@pytest.mark.parametrize("text", ["", "[]", '{"StartAt": "A", "StartAt": "B"}', "{"])
def test_text_that_is_not_a_definition(text):
    (found,) = check_definition(text)
    assert found.code == "INVALID_JSON_DESCRIPTION"


@pytest.mark.parametrize(
    "text",
    [
        "$",
        "$.a.b",
        "$$.Execution.Id",
        "$.a[0]['b c']",
        "$.a[*].b",
        "$.a[?(@.b > 1)]",
        "$variable.a",
        "States.Format('it\\'s {}', $.a )",
        "States.Array(1, $.b, States.UUID(), null)",
    ],
)
def test_paths_and_calls(text):
    assert is_path_or_call(text)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "$.",
        "$.a.",
        "$.a[",
        "States.Foo()",
        "States.Format(",
        "States.Array(1,)",
        "States.UUID(1)",
        "x States.UUID()",
    ],
)
def test_text_that_is_neither_path_nor_call(text):
    assert not is_path_or_call(text)


def test_a_reference_path_leads_to_one_place():
    assert is_reference_path("$.a['b'][0]")
    assert not any(map(is_reference_path, ["$.a[*]", "$..a", "$.a[0:2]", "States.UUID()"]))
