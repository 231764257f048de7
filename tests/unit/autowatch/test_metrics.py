import io
import json
import time

import pytest

from autowatch.metrics import InvalidMetrics, emit


def emitted(values, dimensions):
    stream = io.StringIO()
    emit("Autowatch", values, dimensions, stream)
    return stream.getvalue()


def test_a_line_is_one_json_document_with_every_target_member_at_its_root():
    line = emitted({"RowsScored": 4000, "DriftedColumns": 0.0}, {"Stack": "autowatch"})

    assert line.count("\n") == 1
    assert line.endswith("\n")
    document = json.loads(line)
    directive = document["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "Autowatch"
    assert directive["Dimensions"] == [["Stack"]]
    assert directive["Metrics"] == [{"Name": "RowsScored"}, {"Name": "DriftedColumns"}]
    assert document["Stack"] == "autowatch"
    assert (document["RowsScored"], document["DriftedColumns"]) == (4000, 0.0)


def test_the_timestamp_is_in_milliseconds():
    before = time.time() * 1000

    timestamp = json.loads(emitted({"Runs": 1}, {}))["_aws"]["Timestamp"]

    assert isinstance(timestamp, int)
    assert before - 1 <= timestamp <= time.time() * 1000


def test_no_dimensions_are_one_empty_set():
    assert json.loads(emitted({"Runs": 1}, {}))["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


def test_the_default_stream_is_standard_output(capsys):
    emit("Autowatch", {"Runs": 1}, {})

    assert json.loads(capsys.readouterr().out)["Runs"] == 1


def test_a_foreign_dimension_stays_on_one_line():
    document = json.loads(emitted({"Runs": 1}, {"Column": 'a\n"b"\u2028ü'}))

    assert document["Column"] == 'a\n"b"\u2028ü'


@pytest.mark.parametrize(
    ("namespace", "values", "dimensions", "message"),
    [
        ("", {"Runs": 1}, {}, "METRICS_NAMESPACE"),
        ("Autowatch", {}, {}, "1 to 100"),
        ("Autowatch", {f"m{number}": 1 for number in range(101)}, {}, "101"),
        ("Autowatch", {"Runs": 1}, {f"d{number}": "x" for number in range(31)}, "30 dimensions"),
        ("Autowatch", {"Runs": float("nan")}, {}, "Runs"),
        ("Autowatch", {"Runs": float("inf")}, {}, "Runs"),
        ("Autowatch", {"Runs": 1}, {"Stack": ""}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Runs": "x"}, "both"),
    ],
)
def test_what_cloudwatch_would_ignore_is_refused_and_nothing_is_written(
    namespace, values, dimensions, message
):
    stream = io.StringIO()

    with pytest.raises(InvalidMetrics, match=message):
        emit(namespace, values, dimensions, stream)

    assert stream.getvalue() == ""


def test_a_hundred_metrics_fit():
    assert emitted({f"m{number}": 1 for number in range(100)}, {})
