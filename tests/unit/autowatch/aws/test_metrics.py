import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from autowatch.aws.metrics import InvalidMetrics, emit


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
    assert directive["Metrics"] == [
        {"Name": "RowsScored", "Unit": "None"},
        {"Name": "DriftedColumns", "Unit": "None"},
    ]
    assert document["Stack"] == "autowatch"
    assert (document["RowsScored"], document["DriftedColumns"]) == (4000, 0.0)


def test_the_timestamp_is_in_milliseconds():
    before = time.time() * 1000

    timestamp = json.loads(emitted({"Runs": 1}, {}))["_aws"]["Timestamp"]

    assert isinstance(timestamp, int)
    assert before - 1 <= timestamp <= time.time() * 1000 + 1


def test_no_dimensions_are_one_empty_set():
    assert json.loads(emitted({"Runs": 1}, {}))["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


def test_the_default_stream_is_standard_output(capsys):
    emit("Autowatch", {"Runs": 1}, {})

    assert json.loads(capsys.readouterr().out)["Runs"] == 1


def test_a_foreign_dimension_is_unchanged():
    document = json.loads(emitted({"Runs": 1}, {"Column": ' :a "b" {}[]\\u2028\'<'}))

    assert document["Column"] == ' :a "b" {}[]\\u2028\'<'


def emitted_at(moment):
    stream = io.StringIO()
    emit("Autowatch", {"Runs": 1}, {}, stream, moment)
    return json.loads(stream.getvalue())["_aws"]["Timestamp"]


def test_metrics_may_have_another_time():
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=13)

    assert emitted_at(moment) == moment.timestamp() * 1000


@pytest.mark.parametrize("away", [timedelta(days=-14), timedelta(hours=2, minutes=1)])
def test_a_time_that_cloudwatch_rejects_is_refused(away):
    with pytest.raises(InvalidMetrics, match="two weeks ago"):
        emitted_at(datetime.now(UTC) + away)


@pytest.mark.parametrize(
    ("namespace", "values", "dimensions", "message"),
    [
        ("", {"Runs": 1}, {}, "METRICS_NAMESPACE"),
        ("Autowatch", {}, {}, "1 to 100"),
        ("Autowatch", {f"m{number}": 1 for number in range(101)}, {}, "101"),
        ("Autowatch", {"Runs": 1}, {f"d{number}": "x" for number in range(31)}, "30 dimensions"),
        ("Autowatch", {"Runs": float("nan")}, {}, "Runs"),
        ("Autowatch", {"Runs": float("inf")}, {}, "Runs"),
        ("Autowatch", {"Runs": -float("inf")}, {}, "Runs"),
        ("Autowatch", {"Runs": 2.0**361}, {}, "Runs"),
        ("Autowatch", {"": 1}, {}, "names"),
        ("Autowatch", {"n" * 256: 1}, {}, "names"),
        ("Autowatch", {"Zeilenzähler": 1}, {}, "names"),
        ("Autowatch", {"Runs": 1}, {"Stack": ""}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Stack": "  "}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Stack": "ü"}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Stack": "a\nb"}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Stack": "s" * 1025}, "Stack"),
        ("Autowatch", {"Runs": 1}, {"Runs": "x"}, "both"),
    ],
)
def test_metrics_that_cloudwatch_would_ignore_are_refused(namespace, values, dimensions, message):
    stream = io.StringIO()

    with pytest.raises(InvalidMetrics, match=message):
        emit(namespace, values, dimensions, stream)

    assert stream.getvalue() == ""


def test_metrics_at_the_limits_are_accepted():
    assert emitted({f"m{number}": 1 for number in range(100)}, {})
    assert emitted({"n" * 255: 2.0**360}, {"d" * 255: "s" * 1024})
    assert emitted({"Runs": 1}, {f"d{number}": "x" for number in range(30)})
