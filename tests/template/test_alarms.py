"""The alarms as written in the template; tests in the sandbox set them off."""

import re

import pytest

from tests.template.conftest import ROOT


@pytest.fixture
def alarms(template):
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_the_metrics_of_an_alarms_expression_exist_with_one_period(alarms):
    seen = 0
    for name, alarm in alarms.items():
        if queries := alarm.get("Metrics"):
            (watched,) = (query for query in queries if query.get("ReturnData", True))
            read = {query["Id"]: query["MetricStat"] for query in queries if "MetricStat" in query}
            assert set(re.findall(r"\b[a-z]\w*", watched["Expression"])) == set(read), name
            assert len({stat["Period"] for stat in read.values()}) == 1, name
            seen += 1
    assert seen >= 4


def test_no_alarm_exceeds_cloudwatchs_longest_range(alarms, template):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html."""
    longest_heartbeat = template["Parameters"]["HeartbeatHours"]["MaxValue"]
    for name, alarm in alarms.items():
        stats = [query["MetricStat"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        period = (stats or [alarm])[0]["Period"]
        periods = alarm["EvaluationPeriods"]
        if isinstance(periods, dict):
            assert periods == {"Ref": "HeartbeatHours"}, name
            periods = longest_heartbeat
        assert period * periods <= (604_800 if period >= 3600 else 86_400), name


def test_every_alarm_treats_missing_data_explicitly_and_is_documented(alarms):
    manual = (ROOT / "docs" / "operations.md").read_text()
    for name, alarm in alarms.items():
        assert alarm["TreatMissingData"] in ("breaching", "notBreaching"), name
        assert f"`{name}`" in manual, name
        assert alarm["AlarmDescription"].endswith("."), name


def test_a_message_in_a_queue_keeps_its_alarm_until_it_is_received(alarms):
    """SQS metrics come late: a queue that was idle reports after a quarter of an hour."""
    watched = [alarm for alarm in alarms.values() if alarm.get("Namespace") == "AWS/SQS"]
    assert len(watched) == 2
    for alarm in watched:
        assert (alarm["MetricName"], alarm["Statistic"]) == ("ApproximateNumberOfMessagesVisible", "Maximum")
