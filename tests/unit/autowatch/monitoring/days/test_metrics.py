import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.monitoring.days.metrics import column_dimension, emit_day, emit_run

CLOCK = datetime.now(UTC).replace(hour=20, minute=0, second=1, microsecond=0)
if datetime.now(UTC) < CLOCK:
    CLOCK -= timedelta(days=1)
TODAY = CLOCK.date()


def column(name, js=0.14, threshold=0.07, missing=0.25):
    return {
        "name": name,
        "js": js,
        "js_threshold": threshold,
        "missing": {"reference": 0.0, "current": missing},
    }


def document(columns=(), day=TODAY, **fields):
    return {
        "date": day.isoformat(),
        "verdict": "drift",
        "rows": 4000,
        "drifted_columns": ["age"],
        "drift_share": 0.5,
        "alarms": [{"column": None, "kind": "volume", "message": "few"}],
        "columns": list(columns),
        "other_runs": [],
        **fields,
    }


@pytest.fixture
def emitted(capsys):
    """Emits a day and returns its lines as (dimensions, values, milliseconds)."""

    def emit(*arguments, by_column=True, clock=CLOCK, **fields):
        emit_day(document(*arguments, **fields), "Autowatch", "bank", by_column=by_column, clock=clock)
        return [parse(line) for line in capsys.readouterr().out.splitlines()]

    return emit


def parse(line):
    record = json.loads(line)
    (directive,) = record["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Autowatch"
    (names,) = directive["Dimensions"]
    return (
        {name: record[name] for name in names},
        {metric["Name"]: record[metric["Name"]] for metric in directive["Metrics"]},
        record["_aws"]["Timestamp"],
    )


def test_a_day_and_each_column_have_metrics(emitted):
    day, age, job = emitted([column("age", 0.14), column("job", 0.035, missing=0.0)])

    assert day[0] == {"Stack": "bank"}
    assert day[1] == {
        "RowsJudged": 4000,
        "DriftDetected": 1,
        "NotEnoughData": 0,
        "DriftedColumns": 1,
        "DriftShare": 0.5,
        "DataAlarms": 1,
        "WorstDriftSize": pytest.approx(2.0),
    }
    assert age[:2] == ({"Stack": "bank", "Column": "age"}, {"DriftSize": 2.0, "MissingShare": 0.25})
    assert job[:2] == ({"Stack": "bank", "Column": "job"}, {"DriftSize": 0.5, "MissingShare": 0.0})


@pytest.mark.parametrize(
    ("verdict", "detected", "undecided"),
    [("drift", 1, 0), ("no drift", 0, 0), ("not enough data", 0, 1)],
)
def test_each_verdict_has_its_metric(emitted, verdict, detected, undecided):
    ((_, values, _),) = emitted(verdict=verdict)

    assert (values["DriftDetected"], values["NotEnoughData"]) == (detected, undecided)


def test_rows_of_earlier_models_count_as_well(emitted):
    others = [
        {"rows": 30, "verdict": "drift", "alarms": [{}, {}]},
        {"rows": 2, "verdict": "no drift", "alarms": []},
    ]

    ((_, values, _),) = emitted(
        verdict="not enough data", drifted_columns=[], drift_share=0.0, other_runs=others
    )

    assert (values["RowsJudged"], values["DataAlarms"]) == (4032, 3)
    assert (values["DriftDetected"], values["NotEnoughData"], values["DriftedColumns"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("js", "threshold"), [(None, None), (None, 0.07), (0.1, 0.0), (float("nan"), 0.07), (float("inf"), 0.07)]
)
def test_non_finite_values_are_left_out(emitted, js, threshold):
    day, age = emitted([column("age", js, threshold)])

    assert "WorstDriftSize" not in day[1]
    assert age[1] == {"MissingShare": 0.25}


def test_a_column_without_values_has_no_line(emitted):
    assert len(emitted([column("age", None, missing=None)])) == 1


def test_column_metrics_can_be_turned_off(emitted):
    assert [line[0] for line in emitted([column("age")], by_column=False)] == [{"Stack": "bank"}]


def test_the_metrics_of_today_have_the_time_of_the_run(emitted):
    ((_, _, milliseconds),) = emitted()

    assert milliseconds == CLOCK.timestamp() * 1000


@pytest.mark.parametrize("days", [1, 13])
def test_the_metrics_of_a_past_day_have_its_last_second(emitted, days):
    day = TODAY - timedelta(days=days)

    lines = emitted([column("age")], day=day)

    moments = {datetime.fromtimestamp(milliseconds / 1000, UTC) for _, _, milliseconds in lines}
    assert moments == {datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)}


def test_just_after_midnight_the_past_day_is_yesterday(emitted):
    midnight = datetime(TODAY.year, TODAY.month, TODAY.day, 0, 0, 5, tzinfo=UTC)

    ((_, _, milliseconds),) = emitted(day=TODAY - timedelta(days=1), clock=midnight)

    assert milliseconds / 1000 == midnight.timestamp() - 6


def test_a_day_too_old_for_cloudwatch_has_no_metrics(emitted):
    assert emitted([column("age")], day=TODAY - timedelta(days=16)) == []


def test_fifty_columns_have_fifty_lines(emitted):
    lines = emitted([column(f"column {number}") for number in range(50)])

    assert len({line[0].get("Column") for line in lines}) == 51


HOSTILE = [
    "",
    " ",
    "\t",
    "ü",
    "ö",
    "a\nb",
    "a\x00b",
    "a" * 201,
    "a" * 202,
    "\ud800",
    "<script>",
    '"',
    "_aws",
    "数" * 5_000,
]


def test_every_column_name_has_its_own_line(emitted):
    lines = emitted([column(name) for name in HOSTILE])

    dimensions = [line[0]["Column"] for line in lines[1:]]
    assert len(set(dimensions)) == len(HOSTILE)
    assert {"<script>", '"', "_aws"} <= set(dimensions)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_dimensions_are_short_printable_ascii_and_plain_names_are_kept(name):
    dimension = column_dimension(name)

    assert 1 <= len(dimension) <= 200
    assert dimension.isascii()
    assert dimension.isprintable()
    assert dimension.strip()
    if name.isascii() and name.isprintable() and name.strip() and len(name) <= 200:
        assert dimension == name


def test_the_heartbeat_counts_the_run_and_its_days(capsys):
    emit_run("Autowatch", "bank", 0)

    dimensions, values, milliseconds = parse(capsys.readouterr().out)
    assert (dimensions, values) == ({"Stack": "bank"}, {"DriftRuns": 1, "DaysJudged": 0})
    assert abs(milliseconds / 1000 - datetime.now(UTC).timestamp()) < 60
