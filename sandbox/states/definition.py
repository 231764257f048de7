"""Checks a state machine's definition as Step Functions does at CreateStateMachine and UpdateStateMachine.

The wording is AWS's where an example of it was found. JSONata is not offered: the sandbox's interpreter has none.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.states import fields
from sandbox.states.fields import Shape
from sandbox.states.paths import is_path_or_call, is_reference_path
from sandbox.states.resources import check_resource

_LONGEST_NAME = 80
_SCHEMA = "SCHEMA_VALIDATION_FAILED"
_TARGET = "MISSING_TRANSITION_TARGET"


@dataclass(frozen=True)
class Diagnostic:
    """One fault; the location is a path such as `/States/Ask/Next`, or None for the whole machine."""

    code: str
    message: str
    location: str | None

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {'null' if self.location is None else self.location}"


def refusal(diagnostics: list[Diagnostic]) -> str:
    """The text of InvalidDefinition for these faults."""
    return f"Invalid State Machine Definition: '{', '.join(map(str, diagnostics))}'"


def check_definition(text: str) -> list[Diagnostic]:
    """Everything for which Step Functions would reject the definition; empty if it would accept it."""
    try:
        machine = json.loads(text, object_pairs_hook=_without_twins)
    except ValueError as error:
        return [Diagnostic("INVALID_JSON_DESCRIPTION", str(error), None)]
    if not isinstance(machine, dict):
        return [Diagnostic("INVALID_JSON_DESCRIPTION", "The definition is not an object", None)]
    found = [*_check_shape(machine, fields.MACHINE, "")]
    if _uses_jsonata(machine):
        found.append(Diagnostic(_SCHEMA, "JSONata is not offered in the sandbox", "/QueryLanguage"))
    found += _check_scope(machine, "")
    found += _check_twins(machine)
    return found


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise ValueError(f"Duplicate field '{name}'")
    return dict(pairs)


def _uses_jsonata(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("QueryLanguage") == "JSONata" or any(map(_uses_jsonata, value.values()))
    return isinstance(value, list) and any(map(_uses_jsonata, value))


def _check_shape(document: Mapping[str, Any], shape: Shape, at: str) -> Iterator[Diagnostic]:
    missing = [name for name in shape.required if name not in document]
    if missing:
        yield Diagnostic(_SCHEMA, f"These fields are required: [{', '.join(missing)}]", at or "/")
    for names in shape.one_of:
        if not any(name in document for name in names):
            yield Diagnostic(_SCHEMA, f"One of these fields is required: [{', '.join(names)}]", at)
    for name, value in document.items():
        if name not in shape.fields:
            yield Diagnostic(_SCHEMA, f"Field '{name}' is not supported", at or "/")
        elif wrong := shape.fields[name](value):
            words = f"The field '{name}' {wrong}" if wrong.startswith("should") else wrong
            yield Diagnostic(_SCHEMA, words, f"{at}/{name}")
    for one, other in fields.EXCLUDING:
        if one in document and other in document and {one, other} <= shape.fields.keys():
            yield Diagnostic(_SCHEMA, f"Fields '{one}' and '{other}' exclude each other", at)


def _check_scope(scope: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    """Checks the states of a machine, branch or processor, and the transitions between them."""
    states = scope.get("States")
    if not isinstance(states, dict):
        return
    if not states:
        yield Diagnostic(_SCHEMA, "At least one state is required", f"{at}/States")
    for name, state in states.items():
        here = f"{at}/States/{name}"
        if not 0 < len(name) <= _LONGEST_NAME:
            yield Diagnostic(
                "INVALID_STATE_NAME", f"State name must have 1 to {_LONGEST_NAME} characters", here
            )
        if isinstance(state, dict):
            yield from _check_state(state, here)
        else:
            yield Diagnostic(_SCHEMA, "Expected value of type Object", here)
    yield from _check_ways(scope, states, at)


def _check_ways(scope: Mapping[str, Any], states: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    ways = {
        name: list(_targets(state, f"{at}/States/{name}"))
        for name, state in states.items()
        if isinstance(state, dict)
    }
    start = scope.get("StartAt")
    starts = [(start, f"{at}/StartAt")] if isinstance(start, str) else []
    for target, place in [*starts, *(way for each in ways.values() for way in each)]:
        if target not in states:
            yield Diagnostic(_TARGET, f"Missing 'Next' target: {target}", place)
    if not any(_is_end(state) for state in states.values()):
        yield Diagnostic("MISSING_END_STATE", "Workflow has no terminal state", at or None)
        return
    seen: set[str] = set()
    waiting = [target for target, _ in starts]
    while waiting:
        name = waiting.pop()
        if name in ways and name not in seen:
            seen.add(name)
            waiting += [target for target, _ in ways[name]]
    for name in states:
        if name not in seen:
            yield Diagnostic(_TARGET, f'State "{name}" is not reachable.', f"{at}/States/{name}")


def _targets(state: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    for name in ("Next", "Default"):
        if isinstance(state.get(name), str):
            yield state[name], f"{at}/{name}"
    for listed in ("Choices", "Catch"):
        for number, item in enumerate(_objects(state.get(listed))):
            if isinstance(item.get("Next"), str):
                yield item["Next"], f"{at}/{listed}[{number}]/Next"


def _is_end(state: Any) -> bool:
    return isinstance(state, dict) and (state.get("End") is True or state.get("Type") in ("Succeed", "Fail"))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _check_state(state: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    kind = state.get("Type")
    if kind not in fields.STATES:
        if kind is None:
            yield Diagnostic(_SCHEMA, "These fields are required: [Type]", at)
        else:
            kinds = "Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map"
            words = f"The field 'Type' should have one of these values: [{kinds}]"
            yield Diagnostic(_SCHEMA, words, f"{at}/Type")
        return
    yield from _check_shape(state, fields.STATES[kind], at)
    for name in fields.TEMPLATES:
        yield from _check_template(state.get(name), f"{at}/{name}")
    yield from _check_tries(state, at)
    match kind:
        case "Task":
            if isinstance(state.get("Resource"), str) and (wrong := check_resource(state["Resource"])):
                yield Diagnostic(_SCHEMA, wrong, f"{at}/Resource")
        case "Choice":
            yield from _check_choices(state.get("Choices"), f"{at}/Choices")
        case "Fail":
            yield from _check_fail(state, at)
        case "Parallel":
            for number, branch in enumerate(_objects(state.get("Branches"))):
                here = f"{at}/Branches[{number}]"
                yield from _check_shape(branch, fields.BRANCH, here)
                yield from _check_scope(branch, here)
        case "Map":
            yield from _check_map(state, at)


def _check_template(value: Any, at: str) -> Iterator[Diagnostic]:
    """A field whose name ends with `.$` contains a path or a call; any other value is literal."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _check_template(item, f"{at}[{number}]")
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        if not name.endswith(".$"):
            yield from _check_template(item, f"{at}/{name}")
        elif not (isinstance(item, str) and is_path_or_call(item)):
            words = f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
            yield Diagnostic(_SCHEMA, words, at)


def _check_tries(state: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    for name, shape in (("Retry", fields.RETRIER), ("Catch", fields.CATCHER)):
        items = _objects(state.get(name))
        for number, item in enumerate(items):
            here = f"{at}/{name}[{number}]"
            yield from _check_shape(item, shape, here)
            yield from _check_errors(item.get("ErrorEquals"), here, is_last=number == len(items) - 1)
            if item.get("MaxDelaySeconds", 31_622_400) <= item.get("IntervalSeconds", 1):
                yield Diagnostic(_SCHEMA, "MaxDelaySeconds must be greater than IntervalSeconds", here)


def _check_errors(errors: Any, at: str, *, is_last: bool) -> Iterator[Diagnostic]:
    if not isinstance(errors, list):
        return
    here = f"{at}/ErrorEquals"
    if not errors:
        yield Diagnostic(_SCHEMA, "At least one error name is required", here)
    for error in errors:
        if not isinstance(error, str) or not error:
            yield Diagnostic(_SCHEMA, "Expected value of type String", here)
        elif error.startswith("States.") and error not in fields.RESERVED_ERRORS:
            yield Diagnostic(
                _SCHEMA, f"Error name '{error}' is not one of those that begin with 'States.'", here
            )
    if "States.ALL" in errors and (len(errors) > 1 or not is_last):
        yield Diagnostic(_SCHEMA, "States.ALL must appear alone and at the end of the list", here)


def _check_choices(rules: Any, at: str) -> Iterator[Diagnostic]:
    if isinstance(rules, list) and not rules:
        yield Diagnostic(_SCHEMA, "At least one choice is required", at)
    for number, rule in enumerate(_objects(rules)):
        here = f"{at}[{number}]"
        if "Next" not in rule:
            yield Diagnostic(_SCHEMA, "These fields are required: [Next]", here)
        yield from _check_rule(rule, here)


def _check_rule(rule: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    for name in rule:
        if name not in fields.RULE_FIELDS:
            yield Diagnostic(_SCHEMA, f"Field '{name}' is not supported", at)
    tests = [name for name in rule if name in fields.COMPARISONS or name in fields.COMBINATIONS]
    if len(tests) != 1:
        yield Diagnostic(_SCHEMA, "A choice rule needs exactly one comparison", at)
        return
    (test,) = tests
    if test in fields.COMPARISONS:
        if wrong := fields.COMPARISONS[test](rule[test]):
            yield Diagnostic(_SCHEMA, wrong, f"{at}/{test}")
        variable = rule.get("Variable")
        if variable is None:
            yield Diagnostic(_SCHEMA, "These fields are required: [Variable]", at)
        elif not (isinstance(variable, str) and is_reference_path(variable)):
            yield Diagnostic(_SCHEMA, "Value is not a Reference Path", f"{at}/Variable")
        return
    nested = [rule[test]] if test == "Not" else rule[test]
    if not isinstance(nested, list) or not nested or len(_objects(nested)) != len(nested):
        yield Diagnostic(_SCHEMA, "Expected choice rules", f"{at}/{test}")
        return
    for number, each in enumerate(nested):
        here = f"{at}/{test}" if test == "Not" else f"{at}/{test}[{number}]"
        if "Next" in each:
            yield Diagnostic(_SCHEMA, "Field 'Next' is not supported", here)
        yield from _check_rule(each, here)


def _check_fail(state: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    for name in ("ErrorPath", "CausePath"):
        value = state.get(name)
        if value is not None and not (
            isinstance(value, str)
            and (is_reference_path(value) or (value.startswith("States.") and is_path_or_call(value)))
        ):
            yield Diagnostic(_SCHEMA, "Value is not a Reference Path", f"{at}/{name}")


def _check_map(state: Mapping[str, Any], at: str) -> Iterator[Diagnostic]:
    name = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    processor = state.get(name)
    if not isinstance(processor, dict):
        return
    here = f"{at}/{name}"
    yield from _check_shape(processor, fields.PROCESSOR, here)
    configuration = processor.get("ProcessorConfig", {})
    if isinstance(configuration, dict):
        place = f"{here}/ProcessorConfig"
        yield from _check_shape(configuration, fields.PROCESSOR_CONFIG, place)
        distributed = configuration.get("Mode") == "DISTRIBUTED"
        if distributed and "ExecutionType" not in configuration:
            yield Diagnostic(_SCHEMA, "These fields are required: [ExecutionType]", place)
        for field in () if distributed else fields.FOR_DISTRIBUTED:
            if field in state:
                yield Diagnostic(_SCHEMA, f"Field '{field}' is not supported", at)
    for field in ("ItemReader", "ItemBatcher", "ResultWriter"):
        yield from _check_nested(state.get(field), f"{at}/{field}")
    yield from _check_scope(processor, here)


def _check_nested(item: Any, at: str) -> Iterator[Diagnostic]:
    """A reader, a batcher or a writer of a Distributed Map."""
    if not isinstance(item, dict):
        return
    if isinstance(item.get("Resource"), str) and (wrong := check_resource(item["Resource"])):
        yield Diagnostic(_SCHEMA, wrong, f"{at}/Resource")
    for name in ("Parameters", "BatchInput"):
        yield from _check_template(item.get(name), f"{at}/{name}")


def _check_twins(machine: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Names and labels must be unique in the whole machine, including its processors' and branches' states."""
    names: set[str] = set()
    labels: set[str] = set()
    for name, state, at in _walk(machine, ""):
        if name in names:
            yield Diagnostic("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", at)
        names.add(name)
        label = state.get("Label")
        if isinstance(label, str):
            if label in labels:
                yield Diagnostic("DUPLICATE_LABEL_NAME", f"Duplicate Label name: {label}", f"{at}/Label")
            labels.add(label)


def _walk(scope: Mapping[str, Any], at: str) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    states = scope.get("States")
    for name, state in states.items() if isinstance(states, dict) else ():
        if not isinstance(state, dict):
            continue
        here = f"{at}/States/{name}"
        yield name, state, here
        for inner in ("ItemProcessor", "Iterator"):
            if isinstance(state.get(inner), dict):
                yield from _walk(state[inner], f"{here}/{inner}")
        for number, branch in enumerate(_objects(state.get("Branches"))):
            yield from _walk(branch, f"{here}/Branches[{number}]")
