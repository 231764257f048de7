"""The evaluation of alarms against the examples of AWS's documentation, and its arithmetic at the edges."""

import pytest

from sandbox.alarms.metric_math import evaluate
from sandbox.alarms.state import alarm_state, breaches, evaluation_range
from sandbox.errors import AlarmError

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
NONE = "INSUFFICIENT_DATA"


def points(text):
    return [{"0": False, "X": True, "-": None}[mark] for mark in text.split()]


def states(text, periods, to_alarm, current="OK"):
    return tuple(alarm_state(points(text), periods, to_alarm, how, current) for how in TREATMENTS)


# The tables of "Configuring how CloudWatch alarms treat missing data", in two editions of the user guide. The last
# five data points are looked at, the oldest first; "retain" keeps the state.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 - X - X", ("OK", "OK", "OK", "OK")),
        ("0 - - - -", ("OK", "OK", "OK", "OK")),
        ("- - - - 0", ("OK", "OK", "OK", "OK")),
        ("- - - - -", (NONE, "retain", "ALARM", "OK")),
        ("0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - - - X", (NONE, "retain", "ALARM", "OK")),
        ("X - - - -", ("ALARM", "retain", "ALARM", "OK")),
        ("- - X - -", ("ALARM", "retain", "ALARM", "OK")),
    ],
)
@pytest.mark.parametrize("current", ["OK", "ALARM", NONE])
def test_the_documents_table_of_three_out_of_three(text, expected, current):
    expected = tuple(current if state == "retain" else state for state in expected)
    assert states(text, 3, 3, current) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", ("OK", "OK", "ALARM", "OK")),
        ("- - - - X", (NONE, "retain", "ALARM", "OK")),
        ("- - - X -", ("ALARM", "retain", "ALARM", "OK")),
    ],
)
@pytest.mark.parametrize("current", ["OK", "ALARM", NONE])
def test_the_documents_table_of_two_out_of_three(text, expected, current):
    expected = tuple(current if state == "retain" else state for state in expected)
    assert states(text, 3, 2, current) == expected


def test_the_document_looks_at_five_points_for_three():
    assert evaluation_range(3) == 5


def test_the_documents_figure_three_points_above_three_units_set_it_off_and_one_below_ends_it():
    values = [2, 2, 4, 5, 4, 3, 2, 2, 5, 2]
    seen = [
        alarm_state([breaches(v, "GreaterThanThreshold", 3) for v in values[:end]], 3, 3, "missing", "OK")
        for end in range(3, len(values) + 1)
    ]
    assert seen == ["OK", "OK", "ALARM", "OK", "OK", "OK", "OK", "OK"]


def test_existing_points_replace_missing_ones_in_the_evaluation_range():
    assert states("- - X - -", 1, 1) == ("ALARM",) * 4
    assert states("- X 0 - -", 1, 1) == ("OK",) * 4


def test_an_unknown_treatment_is_reported_even_without_missing_data():
    with pytest.raises(AlarmError, match="'sometimes'"):
        alarm_state([True], 1, 1, "sometimes", "OK")


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        ("GreaterThanThreshold", False, False, True),
        ("GreaterThanOrEqualToThreshold", False, True, True),
        ("LessThanThreshold", True, False, False),
        ("LessThanOrEqualToThreshold", True, True, False),
    ],
)
def test_every_comparison_just_below_on_and_just_above(comparison, below, equal, above):
    assert [breaches(value, comparison, 5) for value in (4.999, 5, 5.001)] == [below, equal, above]


def test_anomaly_detection_is_not_supported():
    with pytest.raises(AlarmError, match="GreaterThanUpperThreshold"):
        breaches(1, "GreaterThanUpperThreshold", 0)


SERIES = {"a": [1.0, None, 3.0], "b": [None, None, 2.0], "never": [None, None, None]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", [1, None, 3]),
        ("a + b", [None, None, 5]),
        ("FILL(a, 0) + FILL(b, 0)", [1, 0, 5]),
        ("FILL(never, 0)", [0, 0, 0]),
        ("FILL(never, -1.5)", [-1.5, -1.5, -1.5]),
        ("FILL(a, REPEAT)", [1, 1, 3]),
        ("FILL(b, REPEAT)", [None, None, 2]),
        ("FILL(a + b, 7)", [7, 7, 5]),
        ("100 * a / (a + 1)", [50, None, 75]),
        ("a / FILL(b, 0)", [None, None, 1.5]),
        ("-a - 1", [-2, None, -4]),
    ],
)
def test_metric_math(expression, expected):
    assert evaluate(expression, SERIES) == expected


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("a +", "not metric math"),
        ("c", "understand 'c'"),
        ("1 + 1", "needs a series"),
        ("FILL(1, 0)", "FILL needs a series"),
        ("FILL(a, LINEAR)", "LINEAR"),
        ("FILL(a, b)", "'b'"),
        ("METRICS()", "METRICS"),
        ("a ** 2", "understand"),
        ("a if b else a", "understand"),
        ("__import__('os')", "understand"),
        ("SEARCH('{N}', 'Sum', 60)", "SEARCH"),
    ],
)
def test_unsupported_features_are_reported(expression, words):
    with pytest.raises(AlarmError, match=words):
        evaluate(expression, SERIES)
