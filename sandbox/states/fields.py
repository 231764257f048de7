"""The fields that Step Functions knows, where they may occur, and their values (States Language with JSONPath)."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.states.paths import is_path, is_reference_path

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value; None if nothing is."""


@dataclass(frozen=True)
class Shape:
    """An object of the definition: its fields with their checks, the required ones, and one-of groups."""

    fields: dict[str, Check]
    required: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = field(default=())


def _kind(*types: type, words: str) -> Check:
    def check(value: Any) -> str | None:
        right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        return None if right else f"Expected value of type {words}"

    return check


def _number(least: float, most: float, *, whole: bool = True) -> Check:
    kind = _kind(int, words="Integer") if whole else _kind(int, float, words="Number")

    def check(value: Any) -> str | None:
        wrong = kind(value)
        if wrong is None and not least <= value <= most:
            return f"Value should be between {least:g} and {most:g}"
        return wrong

    return check


def _choice(*values: str) -> Check:
    def check(value: Any) -> str | None:
        return None if value in values else f"should have one of these values: [{', '.join(values)}]"

    return check


def _path(value: Any) -> str | None:
    """InputPath and OutputPath may be null, which selects nothing."""
    return (
        None
        if value is None or (isinstance(value, str) and is_path(value))
        else "Value is not a valid JSONPath"
    )


def _reference(value: Any) -> str | None:
    right = isinstance(value, str) and is_reference_path(value)
    return None if right else "Value is not a Reference Path"


def _result_path(value: Any) -> str | None:
    if value is None:
        return None
    # A state's result cannot be written into the context object.
    return (
        "Value is not a Reference Path"
        if isinstance(value, str) and value.startswith("$$")
        else _reference(value)
    )


def _timestamp(value: Any) -> str | None:
    right = isinstance(value, str) and re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", value
    )
    return None if right else "Value is not a valid timestamp"


def _any(_: Any) -> str | None:
    return None


TEXT = _kind(str, words="String")
FLAG = _kind(bool, words="Boolean")
OBJECT = _kind(dict, words="Object")
LIST = _kind(list, words="Array")
SECONDS = _number(1, 99_999_999)

_LABEL = re.compile(r"[^\s?*<>{}\[\]:;,\\|^~$#%&`\"\x00-\x1f\x7f-\x9f]{1,40}")


def _label(value: Any) -> str | None:
    right = isinstance(value, str) and _LABEL.fullmatch(value)
    return None if right else "Value is not a valid label"


_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
_EVERY = {"Type": TEXT, "Comment": TEXT}
_ENDS = {"Next": TEXT, "End": FLAG}
_IN_AND_OUT: dict[str, Check] = {"InputPath": _path, "OutputPath": _path}
_RESULT: dict[str, Check] = {
    "Parameters": _any,
    "ResultSelector": OBJECT,
    "ResultPath": _result_path,
    "Assign": OBJECT,
}
_TRIES = {"Retry": LIST, "Catch": LIST}

MACHINE = Shape(
    {
        "Comment": TEXT,
        "StartAt": TEXT,
        "States": OBJECT,
        "TimeoutSeconds": SECONDS,
        "Version": TEXT,
        "QueryLanguage": _choice("JSONPath", "JSONata"),
    },
    ("StartAt", "States"),
)
BRANCH = Shape({"Comment": TEXT, "StartAt": TEXT, "States": OBJECT}, ("StartAt", "States"))
PROCESSOR = Shape(BRANCH.fields | {"ProcessorConfig": OBJECT}, BRANCH.required)
PROCESSOR_CONFIG = Shape(
    {"Mode": _choice("INLINE", "DISTRIBUTED"), "ExecutionType": _choice("STANDARD", "EXPRESS")}
)

STATES = {
    "Pass": Shape(_EVERY | _ENDS | _IN_AND_OUT | _RESULT | {"Result": _any}, one_of=(("Next", "End"),)),
    "Task": Shape(
        _EVERY
        | _ENDS
        | _IN_AND_OUT
        | _RESULT
        | _TRIES
        | {
            "Resource": TEXT,
            "Credentials": OBJECT,
            "TimeoutSeconds": SECONDS,
            "TimeoutSecondsPath": _reference,
            "HeartbeatSeconds": SECONDS,
            "HeartbeatSecondsPath": _reference,
        },
        ("Resource",),
        (("Next", "End"),),
    ),
    "Choice": Shape(
        _EVERY | _IN_AND_OUT | {"Choices": LIST, "Default": TEXT, "Assign": OBJECT}, ("Choices",)
    ),
    "Wait": Shape(
        _EVERY
        | _ENDS
        | _IN_AND_OUT
        | {
            "Seconds": _number(0, 99_999_999),
            "SecondsPath": _reference,
            "Timestamp": _timestamp,
            "TimestampPath": _reference,
            "Assign": OBJECT,
        },
        one_of=(("Next", "End"), _WAITS),
    ),
    "Succeed": Shape(_EVERY | _IN_AND_OUT),
    "Fail": Shape(_EVERY | {"Error": TEXT, "Cause": TEXT, "ErrorPath": _any, "CausePath": _any}),
    "Parallel": Shape(
        _EVERY | _ENDS | _IN_AND_OUT | _RESULT | _TRIES | {"Branches": LIST},
        ("Branches",),
        (("Next", "End"),),
    ),
    "Map": Shape(
        _EVERY
        | _ENDS
        | _IN_AND_OUT
        | _RESULT
        | _TRIES
        | {
            "ItemsPath": _reference,
            "ItemSelector": OBJECT,
            "ItemProcessor": OBJECT,
            "Iterator": OBJECT,
            "ItemReader": OBJECT,
            "ItemBatcher": OBJECT,
            "ResultWriter": OBJECT,
            "MaxConcurrency": _number(0, 99_999_999),
            "MaxConcurrencyPath": _reference,
            "ToleratedFailurePercentage": _number(0, 100, whole=False),
            "ToleratedFailurePercentagePath": _reference,
            "ToleratedFailureCount": _number(0, 99_999_999),
            "ToleratedFailureCountPath": _reference,
            "Label": _label,
        },
        one_of=(("Next", "End"), ("ItemProcessor", "Iterator")),
    ),
}
FOR_DISTRIBUTED = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    *(name for name in STATES["Map"].fields if name.startswith("Tolerated")),
)
"""Fields of a Map state that an inline one lacks."""

EXCLUDING = (
    *itertools.combinations(_WAITS, 2),
    ("Next", "End"),
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ("ToleratedFailureCount", "ToleratedFailureCountPath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
)
TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign", "Credentials")
"""Fields whose objects may contain paths, under names that end with `.$`."""

RETRIER = Shape(
    {
        "Comment": TEXT,
        "ErrorEquals": LIST,
        "IntervalSeconds": SECONDS,
        "MaxAttempts": _number(0, 99_999_999),
        "BackoffRate": _number(1, 99_999_999, whole=False),
        "MaxDelaySeconds": _number(1, 31_622_400),
        "JitterStrategy": _choice("FULL", "NONE"),
    },
    ("ErrorEquals",),
)
CATCHER = Shape(
    {"Comment": TEXT, "ErrorEquals": LIST, "Next": TEXT, "ResultPath": _result_path, "Assign": OBJECT},
    ("ErrorEquals", "Next"),
)
RESERVED_ERRORS = frozenset(
    f"States.{name}"
    for name in (
        "ALL",
        "BranchFailed",
        "DataLimitExceeded",
        "ExceedToleratedFailureThreshold",
        "HeartbeatTimeout",
        "Http.Socket",
        "IntrinsicFailure",
        "ItemReaderFailed",
        "NoChoiceMatched",
        "ParameterPathFailure",
        "Permissions",
        "QueryEvaluationError",
        "ResultPathMatchFailure",
        "ResultWriterFailed",
        "Runtime",
        "TaskFailed",
        "Timeout",
    )
)


def _comparisons() -> dict[str, Check]:
    number = _kind(int, float, words="Number")
    found: dict[str, Check] = {"StringMatches": TEXT, "BooleanEquals": FLAG, "BooleanEqualsPath": _reference}
    for kind, check in (("String", TEXT), ("Numeric", number), ("Timestamp", _timestamp)):
        for comparison in ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"):
            found |= {f"{kind}{comparison}": check, f"{kind}{comparison}Path": _reference}
    return found | {
        f"Is{kind}": FLAG for kind in ("Null", "Present", "Numeric", "String", "Boolean", "Timestamp")
    }


COMPARISONS = _comparisons()
COMBINATIONS = ("And", "Or", "Not")
RULE_FIELDS = ("Variable", "Next", "Comment", "Assign", *COMBINATIONS, *COMPARISONS)
