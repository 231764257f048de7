"""Each alarm of the template in its directions: good values, bad values, and silence; then with what functions emit."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.client import running_sandbox

pytestmark = pytest.mark.sandbox

PARAMETERS = {
    "AlertEmail": "me@example.com",
    "DmmUrl": "{endpoint}/domino/api/v0/models/",
    "DmmModelId": "bank",
    "DmmTokenSecretArn": "{domino_token_secret_arn}",
}
TELLS_NOBODY = {"DriftAlarm", "QualityAlarm"}
# Every case has a month of its own, so that none sees another's data.
months = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(parameters=PARAMETERS) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def alarms(sandbox):
    """The alarms as they were deployed, by logical id."""
    described = sandbox.client("cloudwatch").describe_alarms(MaxRecords=100)["MetricAlarms"]
    return {alarm["AlarmName"].split("-")[1]: alarm for alarm in described}


@pytest.fixture
def moment():
    return datetime.now(UTC).replace(second=30, microsecond=0) + timedelta(days=30 * next(months))


def watched(alarm):
    """The metrics that an alarm looks at: (namespace, name, dimensions)."""
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return [(metric["Namespace"], metric["MetricName"], metric["Dimensions"]) for metric in stats or [alarm]]


def put(sandbox, metric, moment, value, count=1):
    namespace, name, dimensions = metric
    datum = {
        "MetricName": name,
        "Dimensions": dimensions,
        "Timestamp": moment,
        "Values": [value],
        "Counts": [count],
    }
    sandbox.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])


def state(sandbox, alarm, moment):
    states = {item["name"]: item["state"] for item in sandbox.evaluate_alarms(moment)}
    return states[alarm["AlarmName"]]


COUNTED = [
    "ScoringFailuresAlarm",
    "ScoringRefusalsAlarm",
    "TransformFailuresAlarm",
    "MonitoringFailuresAlarm",
    "TrainFailuresAlarm",
    "DriftAlarm",
    "QualityAlarm",
]
SHARES = ["EndpointErrorsAlarm", "EndpointModelErrorsAlarm"]
HEARTBEATS = ["HeartbeatAlarm", "DominoHeartbeatAlarm"]
OTHERS = ["EndpointLatencyAlarm", "DominoWaitingAlarm"]


def test_every_alarm_of_the_template_is_tried_here(alarms):
    assert sorted(alarms) == sorted([*COUNTED, *SHARES, *HEARTBEATS, *OTHERS])


@pytest.mark.parametrize("name", [*COUNTED, *SHARES, *OTHERS])
def test_silence_is_no_reason_for_these(sandbox, alarms, name, moment):
    assert state(sandbox, alarms[name], moment) == "OK"


@pytest.mark.parametrize("name", HEARTBEATS)
def test_silence_sets_off_a_heartbeat(sandbox, alarms, name, moment):
    assert state(sandbox, alarms[name], moment) == "ALARM"


@pytest.mark.parametrize("name", COUNTED)
def test_one_is_enough_and_none_is_fine(sandbox, alarms, name, moment):
    alarm = alarms[name]
    for metric in watched(alarm):
        put(sandbox, metric, moment - timedelta(seconds=20), 0)
    assert state(sandbox, alarm, moment) == "OK"
    for days, metric in enumerate(watched(alarm)):
        later = moment + timedelta(days=5 * days)
        put(sandbox, metric, later, 1)
        assert state(sandbox, alarm, later) == "ALARM", metric
        assert state(sandbox, alarm, later + timedelta(days=4)) == "OK", metric


@pytest.mark.parametrize("name", SHARES)
def test_five_percent_of_the_requests_may_fail_and_not_more(sandbox, alarms, name, moment):
    (metric,) = watched(alarms[name])
    put(sandbox, metric, moment, 0, 95)
    put(sandbox, metric, moment, 1, 5)
    assert state(sandbox, alarms[name], moment) == "OK"
    put(sandbox, metric, moment, 1)
    assert state(sandbox, alarms[name], moment) == "ALARM"


def test_the_model_may_take_fifty_seconds_on_average_and_not_longer(sandbox, alarms, moment):
    alarm = alarms["EndpointLatencyAlarm"]
    (metric,) = watched(alarm)
    put(sandbox, metric, moment, 45_000_000)
    put(sandbox, metric, moment, 55_000_000)
    assert state(sandbox, alarm, moment) == "OK"
    put(sandbox, metric, moment, 50_000_001)
    assert state(sandbox, alarm, moment) == "ALARM"


@pytest.mark.parametrize("name", HEARTBEATS)
@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (timedelta(0), "OK"),
        (timedelta(hours=25, minutes=59), "OK"),
        (timedelta(hours=26, minutes=1), "ALARM"),
        (timedelta(days=2), "ALARM"),
    ],
)
def test_a_heartbeat_lasts_for_its_hours_and_not_longer(sandbox, alarms, name, moment, since, expected):
    (metric,) = watched(alarms[name])
    put(sandbox, metric, moment - since, 1)
    assert state(sandbox, alarms[name], moment) == expected


@pytest.mark.parametrize("name", HEARTBEATS)
def test_a_daily_run_that_comes_at_its_time_never_sets_off_a_heartbeat(sandbox, alarms, name, moment):
    (metric,) = watched(alarms[name])
    # The clocks change in between: 24 hours, 25, 23, and a run that is late by half an hour.
    for hours in (0, 24, 49, 72, 96.5):
        put(sandbox, metric, moment + timedelta(hours=hours), 1)
    seen = {
        state(sandbox, alarms[name], moment + timedelta(hours=hours))
        for hours in (1, 23, 25, 48, 73, 96, 120)
    }
    assert seen == {"OK"}


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        ([0, 0, 0], "OK"),
        ([9, 9, 0], "OK"),
        ([0, 9, 9], "OK"),
        ([9, 0, 9], "OK"),
        ([1, 1, 1], "ALARM"),
        ([5, 3, 1], "ALARM"),
    ],
)
def test_files_must_wait_for_three_days_until_somebody_is_told(sandbox, alarms, moment, waiting, expected):
    alarm = alarms["DominoWaitingAlarm"]
    (metric,) = watched(alarm)
    for days_ago, files in zip((2, 1, 0), waiting, strict=True):
        put(sandbox, metric, moment - timedelta(days=days_ago), files)
    assert state(sandbox, alarm, moment + timedelta(hours=1)) == expected


def test_a_retry_on_the_same_day_that_leaves_nothing_makes_up_for_the_run_before(sandbox, alarms, moment):
    alarm = alarms["DominoWaitingAlarm"]
    (metric,) = watched(alarm)
    for days_ago in (2, 1, 0):
        put(sandbox, metric, moment - timedelta(days=days_ago), 4)
    put(sandbox, metric, moment + timedelta(minutes=2), 0)
    assert state(sandbox, alarm, moment + timedelta(hours=1)) == "OK"


def test_people_are_told_by_every_alarm_but_those_whose_function_tells_more(alarms, sandbox):
    topic = [sandbox.outputs["AlertTopicArn"]]
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == ([] if name in TELLS_NOBODY else topic), name
        assert alarm["OKActions"] == (topic if name in HEARTBEATS else []), name
        assert alarm["AlarmDescription"].endswith("."), name
