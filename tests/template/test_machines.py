"""What holds for both state machines."""

import itertools

import pytest

from tests.support.state_machines import NAMES, all_states, definition


@pytest.mark.parametrize("machine", NAMES)
def test_state_names_are_unique_in_the_whole_machine(machine):
    names = [name for name, _ in all_states(definition(machine))]
    assert len(names) == len(set(names))


def waits(retrier):
    """The longest wait before each attempt."""
    seconds = retrier["IntervalSeconds"]
    for _ in range(retrier["MaxAttempts"]):
        yield min(seconds, retrier.get("MaxDelaySeconds", seconds))
        seconds *= retrier["BackoffRate"]


FUNCTIONS = [
    pytest.param(state, id=f"{machine}.{name}")
    for machine in NAMES
    for name, state in all_states(definition(machine))
    if state.get("Resource", "").endswith("lambda:invoke")
]


@pytest.mark.parametrize("state", FUNCTIONS)
def test_an_account_whose_functions_are_all_busy_does_not_end_a_run(state):
    """A function may be at work for 15 minutes, and a new account has ten of them at once."""
    (retrier,) = [each for each in state["Retry"] if "Lambda.TooManyRequestsException" in each["ErrorEquals"]]
    assert retrier["JitterStrategy"] == "FULL"
    # Full jitter waits half as long as it may, on average.
    assert sum(waits(retrier)) / 2 > 3600
    assert max(itertools.pairwise(waits(retrier)), key=lambda pair: pair[1])[1] == 300


@pytest.mark.parametrize("state", FUNCTIONS)
def test_a_process_that_is_killed_or_cut_off_does_not_end_a_run(state):
    """`test_killed_states.py` and `test_transform.py` kill them."""
    tried_again = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
    assert {"Runtime.ExitError", "Lambda.Unknown", "Sandbox.Timedout"} <= tried_again


@pytest.mark.parametrize("machine", NAMES)
def test_every_working_state_is_retried(machine):
    tasks = [(name, state) for name, state in all_states(definition(machine)) if state["Type"] == "Task"]
    assert [name for name, state in tasks if not state.get("Retry")] == []
