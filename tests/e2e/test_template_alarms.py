"""Each alarm of the template with good values, bad values and no values; then with what functions emit."""

import itertools
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.evaluation.measures import MEASURES
from autowatch.monitoring.days.metrics import column_dimension
from autowatch.monitoring.quality.job import emit_quality, emit_taken
from autowatch.records.champion import Champion, write_champion
from autowatch.records.manifest import Manifest, RowCounts
from autowatch.scoring.outcome import report_postponed, report_scored
from autowatch.tabular.profile import Baseline, ProfileBuilder, baseline_column
from sandbox.client import running_sandbox
from sandbox.install import REPOSITORY

pytestmark = pytest.mark.sandbox

PARAMETERS = {
    "AlertEmail": "me@example.com",
    "InstanceType": "ml.m5.large",
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
    """The metrics of an alarm: (namespace, name, dimensions)."""
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
    "LabelRefusalsAlarm",
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
def test_missing_data_does_not_set_off_these_alarms(sandbox, alarms, name, moment):
    assert state(sandbox, alarms[name], moment) == "OK"


@pytest.mark.parametrize("name", HEARTBEATS)
def test_missing_data_sets_off_a_heartbeat_alarm(sandbox, alarms, name, moment):
    assert state(sandbox, alarms[name], moment) == "ALARM"


@pytest.mark.parametrize("name", COUNTED)
def test_one_event_sets_off_the_alarm_and_none_does_not(sandbox, alarms, name, moment):
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
def test_five_percent_of_the_requests_may_fail_in_two_minutes_of_three_and_not_more(
    sandbox, alarms, name, moment
):
    (metric,) = watched(alarms[name])
    before = moment - timedelta(minutes=2)
    put(sandbox, metric, before, 1)
    assert state(sandbox, alarms[name], moment) == "OK", "one request of a quiet minute"
    put(sandbox, metric, moment, 0, 95)
    put(sandbox, metric, moment, 1, 5)
    assert state(sandbox, alarms[name], moment) == "OK"
    put(sandbox, metric, moment, 1)
    assert state(sandbox, alarms[name], moment) == "ALARM"


def test_the_model_may_take_fifty_seconds_on_average_and_not_longer(sandbox, alarms, moment):
    alarm = alarms["EndpointLatencyAlarm"]
    (metric,) = watched(alarm)
    put(sandbox, metric, moment - timedelta(minutes=2), 55_000_000)
    assert state(sandbox, alarm, moment) == "OK", "one slow minute"
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
        ([(0, 0), (0, 0), (0, 0)], "OK"),
        ([(9, 0), (9, 0), (0, 0)], "OK"),
        ([(0, 0), (9, 0), (9, 9)], "OK"),
        ([(9, 0), (0, 0), (9, 0)], "OK"),
        ([(1, 0), (1, 0), (1, 0)], "ALARM"),
        ([(0, 1), (0, 1), (0, 1)], "ALARM"),
        ([(5, 0), (3, 2), (0, 1)], "ALARM"),
    ],
    ids=str,
)
def test_files_or_days_left_for_three_days_set_off_the_alarm(sandbox, alarms, moment, waiting, expected):
    alarm = alarms["DominoWaitingAlarm"]
    files, days = watched(alarm)
    for days_ago, left in zip((2, 1, 0), waiting, strict=True):
        put(sandbox, files, moment - timedelta(days=days_ago), left[0])
        put(sandbox, days, moment - timedelta(days=days_ago), left[1])
    assert state(sandbox, alarm, moment + timedelta(hours=1)) == expected


def test_a_clean_retry_on_the_same_day_resets_the_count(sandbox, alarms, moment):
    alarm = alarms["DominoWaitingAlarm"]
    files, days = watched(alarm)
    for days_ago in (2, 1, 0):
        put(sandbox, files, moment - timedelta(days=days_ago), 4)
        put(sandbox, days, moment - timedelta(days=days_ago), 0)
    put(sandbox, files, moment + timedelta(minutes=2), 0)
    assert state(sandbox, alarm, moment + timedelta(hours=1)) == "OK"


def test_every_alarm_notifies_unless_its_function_sends_a_better_mail(alarms, sandbox):
    topic = [sandbox.outputs["AlertTopicArn"]]
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == ([] if name in TELLS_NOBODY else topic), name
        assert alarm["OKActions"] == (topic if name in HEARTBEATS else []), name
        assert alarm["AlarmDescription"].endswith("."), name


BASELINE = Baseline(
    "r1",
    10_000,
    (
        baseline_column("age", "feature", "numeric", {str(age): 100 for age in range(100)}),
        baseline_column("job größe", "feature", "categorical", {"admin.": 6_000, "retired": 4_000}),
    ),
)
AS_IN_TRAINING = {
    "age": [str(age) for age in range(100)] * 10,
    "job größe": ["admin."] * 600 + ["retired"] * 400,
}
OLDER = AS_IN_TRAINING | {"age": [str(60 + number % 40) for number in range(1_000)]}


FIGURE = {"value": 0.7, "lower": 0.6, "upper": 0.8}
QUALITY = {
    "coverage": 0.5,
    "verdict": "worse",
    "metrics": dict.fromkeys(MEASURES, FIGURE),  # those of all types of problem
}


def release(s3, bucket):
    key = "models/r1/baseline.json"
    Bucket(s3, bucket).write_json(key, BASELINE)
    champion = Champion("r1", "e", "c", "m", "models/r1/contract.json", key, "2026-11-20T00:00:00Z", {})
    write_champion(Bucket(s3, bucket), champion, None)


def scored_manifest(day, rows):
    stem = f"predictions/date={day}/a-0123456789abcdef"
    return Manifest(
        input=ObjectVersion("inference/a.csv", "v", "e", 1),
        predictions_key=f"{stem}.csv",
        predictions_version_id=None,
        profile_key=f"{stem}.profile.json",
        profile_version_id=None,
        rows=RowCounts(rows, rows, 0),
        run="r1",
        model_name="m",
        endpoint_name="e",
        endpoint_config="c",
        prediction_date=f"{day}T00:00:00Z",
        started=f"{day}T00:00:00Z",
        finished=f"{day}T00:00:01Z",
        versions={},
        columns=("age", "job größe"),
    )


def score(s3, bucket, columns, day):
    """The objects that scoring writes for a file with these columns."""
    builder = ProfileBuilder(BASELINE)
    builder.add(columns)
    manifest = scored_manifest(day, len(columns["age"]))
    Bucket(s3, bucket).write_json(manifest.profile.key, builder.build())
    Bucket(s3, bucket).write_json(manifest.predictions.key.replace(".csv", ".manifest.json"), manifest)


def total(sandbox, metric):
    """The sum of a metric of the stack over the last three days."""
    now = datetime.now(UTC)
    answer = sandbox.client("cloudwatch").get_metric_statistics(
        Namespace="Autowatch",
        MetricName=metric,
        Dimensions=[{"Name": "Stack", "Value": "autowatch"}],
        StartTime=now - timedelta(days=3),
        EndTime=now + timedelta(minutes=1),
        Period=86400,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])


class TestWhatTheFunctionsEmit:
    """The tests run in order, starting from an empty stack; everything is dated now."""

    @pytest.fixture
    def s3(self, sandbox):
        return sandbox.client("s3")

    @pytest.fixture
    def bucket(self, sandbox):
        return sandbox.outputs["DataBucketName"]

    @pytest.fixture
    def subjects(self, sandbox):
        """The mails sent since the test began."""
        before = len(sandbox.mailbox.messages())
        return lambda: [mail.subject for mail in sandbox.mailbox.messages()[before:]]

    def test_runs_without_a_model_are_heartbeats(self, sandbox, alarms, subjects):
        now = datetime.now(UTC)
        for name in HEARTBEATS:
            assert state(sandbox, alarms[name], now) == "ALARM"
        for function in ("DetectDriftFunction", "LoadDmmFunction"):
            sandbox.fire(function)
        sandbox.wait_until_idle(60)
        for name in HEARTBEATS:
            assert state(sandbox, alarms[name], datetime.now(UTC)) == "OK"
            assert subjects().count(f'OK: "{alarms[name]["AlarmName"]}"') == 1
        for name in HEARTBEATS:
            assert state(sandbox, alarms[name], datetime.now(UTC) + timedelta(hours=27)) == "ALARM"

    def test_a_failed_run_is_not_a_heartbeat(self, sandbox, alarms, s3, bucket):
        before = total(sandbox, "DriftRuns")
        s3.put_object(Bucket=bucket, Key="models/champion.json", Body=b"{")
        sandbox.fire("DetectDriftFunction")
        sandbox.wait_until_idle(60)
        s3.delete_object(Bucket=bucket, Key="models/champion.json")
        assert sandbox.logs("DetectDriftFunction").count("DocumentMalformed") >= 3
        assert total(sandbox, "DriftRuns") == before

    @pytest.mark.parametrize(
        ("name", "prefix"), [("ScoringRefusalsAlarm", "inference/"), ("LabelRefusalsAlarm", "labels/")]
    )
    def test_a_refused_file_is_reported(self, sandbox, alarms, s3, bucket, subjects, name, prefix):
        alarm = alarms[name]
        assert state(sandbox, alarm, datetime.now(UTC)) == "OK"
        s3.put_object(Bucket=bucket, Key=f"{prefix}a.csv", Body=b"age\n1\n")
        sandbox.wait_until_idle(60)
        assert state(sandbox, alarm, datetime.now(UTC)) == "ALARM"
        assert f'ALARM: "{alarm["AlarmName"]}"' in subjects()

    def test_the_daily_run_names_the_refused_files(self, sandbox, subjects):
        for _ in range(2):
            sandbox.fire("DetectDriftFunction")
            sandbox.wait_until_idle(60)
        assert [subject for subject in subjects() if "refused:" in subject] == [
            "[autowatch] 2 files refused: a.csv, a.csv"
        ]

    def test_a_drifted_day_sets_off_the_alarm_and_a_good_day_does_not(
        self, sandbox, alarms, s3, bucket, subjects
    ):
        release(s3, bucket)
        today = datetime.now(UTC).date()
        score(s3, bucket, AS_IN_TRAINING, today - timedelta(days=1))
        sandbox.fire("DetectDriftFunction")
        sandbox.wait_until_idle(60)
        assert total(sandbox, "RowsJudged") == 1_000
        assert state(sandbox, alarms["DriftAlarm"], datetime.now(UTC)) == "OK"

        score(s3, bucket, OLDER, today)
        sandbox.fire("DetectDriftFunction")
        sandbox.wait_until_idle(60)
        assert state(sandbox, alarms["DriftAlarm"], datetime.now(UTC)) == "ALARM"
        assert f'ALARM: "{alarms["DriftAlarm"]["AlarmName"]}"' not in subjects()
        assert [subject for subject in subjects() if "rift" in subject]

    def test_columns_have_metrics_whatever_their_names(self, sandbox):
        metrics = sandbox.client("cloudwatch").list_metrics(Namespace="Autowatch", MetricName="DriftSize")[
            "Metrics"
        ]
        columns = {
            item["Value"] for metric in metrics for item in metric["Dimensions"] if item["Name"] == "Column"
        }
        assert columns == {column_dimension("age"), column_dimension("job größe")}

    def test_every_named_metric_is_emitted(self, sandbox, alarms, capsys):
        """The metrics of files and labels are emitted here, the others came from the functions above."""
        report_scored(scored_manifest(date(2026, 11, 23), 10), "Autowatch", "autowatch")
        report_postponed("Autowatch", "autowatch")
        emit_taken("Autowatch", "autowatch", 3_000, 1)
        emit_quality("Autowatch", "autowatch", QUALITY)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        emitted = {
            metric["Name"] for line in lines for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        }
        arrived = sandbox.client("cloudwatch").list_metrics(Namespace="Autowatch")["Metrics"]
        emitted |= {metric["MetricName"] for metric in arrived}

        document = (REPOSITORY / "docs" / "operations.md").read_text()
        table = document[document.index("| metric | dimensions |") :].split("\n\n")[0]
        documented = {
            name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
        }
        template = (REPOSITORY / "template.yaml").read_text()
        shown = set(re.findall(r'\["Autowatch", "(\w+)"', template))
        shown |= set(re.findall(r'MetricName=\\"(\w+)\\"', template))
        of_alarms = {
            name for alarm in alarms.values() for space, name, _ in watched(alarm) if space == "Autowatch"
        }

        assert documented == emitted == shown
        assert {"DriftRuns", "FilesRefused", "DriftDetected", "QualityWorse"} < of_alarms <= emitted
