"""Alarms on metrics in moto: windows, statistics, dimensions, state changes and their actions."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from moto.cloudwatch.models import cloudwatch_backends

from sandbox.access.decisions import Decisions
from sandbox.access.record import Record
from sandbox.access.world import World
from sandbox.alarms.alarms import Alarms
from sandbox.alarms.metric_series import metric_series
from sandbox.errors import AlarmError

NOW = datetime(2026, 11, 23, 20, 0, 30, tzinfo=UTC)
ALERTS = "arn:aws:sns:us-east-1:123456789012:alerts"
METRIC = {"Namespace": "Tests", "MetricName": "Failures", "Dimensions": [{"Name": "Stack", "Value": "bank"}]}


@pytest.fixture
def cloudwatch():
    with mock_aws():
        yield boto3.client("cloudwatch", "us-east-1")


@pytest.fixture
def data(cloudwatch):
    return cloudwatch_backends["123456789012"]["us-east-1"].metric_data


@pytest.fixture(autouse=True)
def sns(cloudwatch):
    """SNS, with the topic that the alarms tell."""
    client = boto3.client("sns", "us-east-1")
    assert client.create_topic(Name="alerts")["TopicArn"] == ALERTS
    return client


def alarms_of(cloudwatch, topic, data):
    return Alarms(cloudwatch, topic, data, Decisions(World("123456789012", "us-east-1"), Record()))


class Topic:
    """A double of SNS that records what is published."""

    def __init__(self):
        self.subjects = []

    def publish(self, TopicArn, Subject, Message):
        self.subjects.append(Subject)


def put(cloudwatch, value=None, minutes_ago=0.0, dimensions=METRIC["Dimensions"], **datum):
    datum |= {} if value is None else {"Value": value}
    moment = NOW - timedelta(minutes=minutes_ago)
    item = {"MetricName": "Failures", "Timestamp": moment, "Dimensions": dimensions, **datum}
    cloudwatch.put_metric_data(Namespace="Tests", MetricData=[item])


def put_alarm(cloudwatch, name="a", **fields):
    alarm = {
        "AlarmName": name,
        **METRIC,
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [ALERTS],
    }
    alarm |= fields
    cloudwatch.put_metric_alarm(**{key: value for key, value in alarm.items() if value is not None})


def test_each_window_includes_its_beginning_but_not_its_end(cloudwatch, data):
    # The last window is 19:56:00 to 20:01:00.
    for minutes_ago, value in [(0, 1), (4.5, 2), (4.6, 4), (9.5, 8), (9.6, 16), (400, 32), (-0.6, 64)]:
        put(cloudwatch, value, minutes_ago)
    assert metric_series(data, METRIC, "Sum", 300, 3, NOW) == [16, 12, 3]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("Sum", 16), ("SampleCount", 5), ("Average", 3.2), ("Minimum", 1), ("Maximum", 7)],
)
def test_statistics_accept_single_values_lists_and_summaries(cloudwatch, data, statistic, expected):
    put(cloudwatch, 2)
    put(cloudwatch, Values=[3.0], Counts=[2.0])
    put(cloudwatch, StatisticValues={"Sum": 8, "SampleCount": 2, "Minimum": 1, "Maximum": 7})
    assert metric_series(data, METRIC, statistic, 60, 1, NOW) == [expected]


def test_a_percentile_is_refused(data):
    with pytest.raises(AlarmError, match="p99"):
        metric_series(data, METRIC, "p99", 60, 1, NOW)


@pytest.mark.parametrize(
    "dimensions",
    [
        [],
        [{"Name": "Stack", "Value": "other"}],
        [{"Name": "Stack", "Value": "bank"}, {"Name": "Column", "Value": "age"}],
    ],
)
def test_a_metric_with_other_dimensions_is_another_metric(cloudwatch, data, dimensions):
    put(cloudwatch, 1, dimensions=dimensions)
    assert metric_series(data, METRIC, "Sum", 60, 1, NOW) == [None]


def test_a_change_of_state_is_published_once_with_a_description(cloudwatch, data):
    put_alarm(cloudwatch, OKActions=[ALERTS, "arn:aws:automate:x:ec2:stop"])
    topic = Topic()
    alarms = alarms_of(cloudwatch, topic, data)
    assert [item.state for item in alarms.evaluate(NOW)] == ["OK"]
    put(cloudwatch, 3)

    (first,), (second,) = alarms.evaluate(NOW), alarms.evaluate(NOW)

    assert (first.name, first.previous, first.state) == ("a", "OK", "ALARM")
    assert (second.previous, second.state) == ("ALARM", "ALARM")
    assert first.reason.endswith("newest last: -, -, 3")
    (described,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert (described["StateValue"], described["StateReason"]) == ("ALARM", first.reason)
    (later,) = alarms.evaluate(NOW + timedelta(minutes=16))
    assert later.state == "OK"
    assert topic.subjects == ['ALARM: "a"', 'OK: "a"']


def test_an_alarm_with_disabled_actions_publishes_nothing(cloudwatch, data):
    put_alarm(cloudwatch, ActionsEnabled=False)
    put(cloudwatch, 1)
    topic = Topic()
    assert [item.state for item in alarms_of(cloudwatch, topic, data).evaluate(NOW)] == ["ALARM"]
    assert topic.subjects == []


def test_a_topic_whose_policy_forbids_alarms_gets_no_message(cloudwatch, data, sns, caplog):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": ALERTS}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=ALERTS, AttributeName="Policy", AttributeValue=policy)
    put_alarm(cloudwatch)
    put(cloudwatch, 1)
    topic = Topic()
    assert [item.state for item in alarms_of(cloudwatch, topic, data).evaluate(NOW)] == ["ALARM"]
    assert topic.subjects == []
    assert f"a: {ALERTS} could not be notified: " in caplog.text


def test_an_expression_is_watched_and_its_metrics_are_not(cloudwatch, data):
    statistics = {"Period": 300, "Stat": "Sum"}
    queries = [
        {"Id": "failed", "ReturnData": False, "MetricStat": {"Metric": METRIC, **statistics}},
        {"Id": "all", "Expression": "FILL(failed, 0) * 2"},
    ]
    absent = dict.fromkeys([*METRIC, "Statistic", "Period"])
    put_alarm(cloudwatch, Metrics=queries, Threshold=5, **absent)
    put(cloudwatch, 3)
    (evaluation,) = alarms_of(cloudwatch, Topic(), data).evaluate(NOW)
    assert (evaluation.state, evaluation.reason[-7:]) == ("ALARM", "0, 0, 6")


def test_alarms_are_ordered_by_name(cloudwatch, data):
    for number in range(120):
        put_alarm(cloudwatch, f"alarm-{number:03}")
    names = [item.name for item in alarms_of(cloudwatch, Topic(), data).evaluate(NOW)]
    assert names == [f"alarm-{number:03}" for number in range(120)]


def test_an_alarm_that_cannot_be_evaluated_is_named(cloudwatch, data):
    put_alarm(cloudwatch, "slow", Statistic=None, ExtendedStatistic="p99")
    with pytest.raises(AlarmError, match="Alarm slow: .*percentiles"):
        alarms_of(cloudwatch, Topic(), data).evaluate(NOW)
