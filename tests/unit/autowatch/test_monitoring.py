import json
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.champion import Champion, write_champion
from autowatch.drift import DriftRules
from autowatch.manifest import Manifest, WrittenObject
from autowatch.monitoring import Clients, DaysFailed, MonitoringSettings, watch
from autowatch.objects import ObjectVersion, read_json, write_json
from autowatch.profile import Baseline, ProfileBuilder, baseline_column

BUCKET = "bank"
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
TODAY = "2026-11-23"
LIKE_TRAINING = {"age": [str(20 + number % 50) for number in range(500)], "job": ["a", "b"] * 250}
DRIFTED = {"age": [str(60 + number % 10) for number in range(500)], "job": ["a", "b"] * 250}
NEW_CATEGORY = {"age": LIKE_TRAINING["age"] * 2, "job": (["a", "b"] * 495) + ["<script>"] * 10}


class Topic:
    """Stands in for SNS: notes what is published."""

    def __init__(self):
        self.messages = []

    def publish(self, **message):
        self.messages.append(message)


class Bus:
    """Stands in for EventBridge: notes what is put, refuses where it is told to."""

    def __init__(self):
        self.entries = []
        self.refuses = False

    def put_events(self, Entries):
        if self.refuses:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


@pytest.fixture
def clients():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield Clients(s3, Topic(), Bus())


def release(s3, run="run-1"):
    texts = {name: Counter(values * 4) for name, values in LIKE_TRAINING.items()}
    baseline = Baseline(
        run,
        2_000,
        (
            baseline_column("age", "feature", "numeric", texts["age"]),
            baseline_column("job", "feature", "categorical", texts["job"]),
        ),
    )
    key = f"models/{run}/baseline.json"
    write_json(s3, BUCKET, key, baseline.to_json())
    try:
        etag = s3.head_object(Bucket=BUCKET, Key="models/champion.json")["ETag"]
    except s3.exceptions.ClientError:
        etag = None
    champion = Champion(
        run, "e", f"c-{run}", f"m-{run}", f"models/{run}/contract.json", key, "2026-11-20T00:00:00Z", {}
    )
    write_champion(s3, BUCKET, champion, etag)
    return baseline


def score(s3, baseline, columns, name="a", day=TODAY, commit=True):
    builder = ProfileBuilder(baseline)
    builder.add(columns)
    stem = f"predictions/date={day}/{name}-0123456789abcdef"
    answer = s3.put_object(
        Bucket=BUCKET, Key=f"{stem}.profile.json", Body=json.dumps(builder.build().to_json()).encode()
    )
    rows = len(columns["age"])
    manifest = Manifest(
        input=ObjectVersion(f"inference/{name}.csv", "v", "e", 1),
        predictions=WrittenObject(f"{stem}.csv", None),
        profile=WrittenObject(f"{stem}.profile.json", answer["VersionId"]),
        rejected=None,
        rows_in=rows,
        rows_scored=rows,
        rows_rejected=0,
        run=baseline.run,
        model_name="m",
        endpoint_name="e",
        endpoint_config="c",
        prediction_date=f"{day}T09:00:00Z",
        started=f"{day}T09:00:00Z",
        finished=f"{day}T09:00:01Z",
        versions={},
    )
    if commit:
        write_json(s3, BUCKET, f"{stem}.manifest.json", manifest.to_json())
    return stem


def run(clients, now=NOW, only=None, **options):
    settings = MonitoringSettings(
        BUCKET,
        "predictions/",
        "arn:topic",
        "Autowatch",
        "bank-stack",
        "eu-west-1",
        DriftRules(min_rows=300),
        **options,
    )
    return watch(clients, settings, now, only)


def report_of(clients, day=TODAY):
    return read_json(clients.s3, BUCKET, f"reports/date={day}/drift.json")


def keys(clients, prefix):
    return [
        item["Key"] for item in clients.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    ]


def test_without_a_champion_there_is_a_clear_outcome_and_nothing_is_written(clients):
    result = run(clients)

    assert (result.run, result.days) == (None, ())
    assert "start a training run" in result.reason
    assert keys(clients, "reports/") == []
    assert clients.sns.messages == []


def test_a_day_without_files_is_not_enough_data_and_quiet(clients):
    release(clients.s3)

    (day,) = run(clients).days

    assert (day.date, day.verdict, day.rows, day.notified) == (TODAY, "not enough data", 0, False)
    assert report_of(clients)["rows"] == 0
    assert keys(clients, "reports/") == [
        f"reports/date={TODAY}/drift.html",
        f"reports/date={TODAY}/drift.json",
    ]


def test_a_quiet_day_is_reported_and_nobody_is_told(clients):
    score(clients.s3, release(clients.s3), LIKE_TRAINING)

    (day,) = run(clients).days

    assert (day.verdict, day.rows, day.files, day.notified) == ("no drift", 500, 1, False)
    assert (clients.sns.messages, clients.events.entries) == ([], [])


def test_a_drifted_day_is_reported_and_told_once(clients):
    score(clients.s3, release(clients.s3), DRIFTED)

    (day,) = run(clients).days

    assert (day.verdict, day.drifted_columns, day.notified) == ("drift", ("age",), True)
    assert len(clients.sns.messages) == 1
    assert clients.sns.messages[0]["Subject"] == f"[bank-stack] Drift on {TODAY}: age"
    (event,) = clients.events.entries
    assert (event["Source"], event["DetailType"]) == ("autowatch", "DriftDetected")
    assert json.loads(event["Detail"]) == {
        "bucket": BUCKET,
        "date": TODAY,
        "run": "run-1",
        "rows": 500,
        "drifted_columns": ["age"],
        "report_key": f"reports/date={TODAY}/drift.json",
    }


def test_the_report_has_the_agreed_fields(clients):
    score(clients.s3, release(clients.s3), DRIFTED)
    run(clients)

    report = report_of(clients)

    assert set(report) == {
        "date", "generated", "run", "verdict", "rows", "files", "reference_rows", "other_runs", "drifted_columns",
        "alarms", "columns",
    }  # fmt: skip
    assert (report["date"], report["generated"], report["run"]) == (TODAY, "2026-11-23T20:00:00Z", "run-1")
    assert report["other_runs"] == {"files": 0, "rows": 0}
    page = clients.s3.get_object(Bucket=BUCKET, Key=f"reports/date={TODAY}/drift.html")
    assert page["ContentType"] == "text/html; charset=utf-8"


def test_alarms_alone_are_told_but_are_no_drift_event(clients):
    score(clients.s3, release(clients.s3), NEW_CATEGORY)

    (day,) = run(clients).days

    assert (day.alarms, day.notified) == (1, True)
    assert "Data alarms" in clients.sns.messages[0]["Subject"]
    assert clients.events.entries == []


def test_the_same_files_are_not_told_of_again(clients):
    score(clients.s3, release(clients.s3), DRIFTED)
    run(clients)

    assert run(clients).days == ()
    (again,) = run(clients, only=date(2026, 11, 23)).days

    assert (again.verdict, again.notified) == ("drift", False)
    assert (len(clients.sns.messages), len(clients.events.entries)) == (1, 1)


def test_a_further_file_has_the_day_judged_again(clients):
    baseline = release(clients.s3)
    score(clients.s3, baseline, LIKE_TRAINING)
    run(clients)
    score(clients.s3, baseline, {name: values * 4 for name, values in DRIFTED.items()}, name="b/late +ü")

    (day,) = run(clients).days

    assert (day.verdict, day.files, day.rows, day.notified) == ("drift", 2, 2_500, True)


def test_a_profile_without_a_manifest_does_not_exist(clients):
    baseline = release(clients.s3)
    score(clients.s3, baseline, LIKE_TRAINING)
    score(clients.s3, baseline, DRIFTED, name="half-way", commit=False)

    (day,) = run(clients).days

    assert (day.files, day.rows, day.verdict) == (1, 500, "no drift")


def test_the_version_that_the_manifest_names_counts(clients):
    baseline = release(clients.s3)
    stem = score(clients.s3, baseline, LIKE_TRAINING)
    clients.s3.put_object(Bucket=BUCKET, Key=f"{stem}.profile.json", Body=b"{a later, half-written duplicate")

    (day,) = run(clients).days

    assert day.verdict == "no drift"


def test_missed_days_are_caught_up_oldest_first_and_only_within_the_window(clients):
    baseline = release(clients.s3)
    for back in (8, 7, 6, 3, 0):
        score(clients.s3, baseline, LIKE_TRAINING, day=str((NOW - timedelta(days=back)).date()))

    result = run(clients)

    assert [day.date for day in result.days] == ["2026-11-17", "2026-11-20", TODAY]


def test_a_date_judges_just_that_day_however_old(clients):
    baseline = release(clients.s3)
    score(clients.s3, baseline, LIKE_TRAINING, day="2025-01-31")
    score(clients.s3, baseline, LIKE_TRAINING)

    result = run(clients, only=date(2025, 1, 31))

    assert [day.date for day in result.days] == ["2025-01-31"]


def test_rows_of_another_model_are_counted_apart(clients):
    old = release(clients.s3, "run-1")
    score(clients.s3, old, DRIFTED, name="early")
    new = release(clients.s3, "run-2")
    score(clients.s3, new, LIKE_TRAINING, name="late")

    (day,) = run(clients).days

    assert (day.verdict, day.files, day.rows) == ("no drift", 1, 500)
    assert report_of(clients)["other_runs"] == {"files": 1, "rows": 500}
    assert run(clients).days == ()


def test_a_new_champion_does_not_take_back_what_was_said_of_its_predecessor(clients):
    old = release(clients.s3, "run-1")
    score(clients.s3, old, DRIFTED, name="early")
    run(clients)
    score(clients.s3, old, DRIFTED, name="after the daily run")
    release(clients.s3, "run-2")

    result = run(clients, now=NOW + timedelta(days=1))

    assert report_of(clients)["verdict"] == "drift"
    assert [day.date for day in result.days] == ["2026-11-24"]


def test_the_mail_says_since_when(clients):
    baseline = release(clients.s3)
    for day, columns in [("2026-11-19", LIKE_TRAINING), ("2026-11-20", DRIFTED), (TODAY, DRIFTED)]:
        score(clients.s3, baseline, columns, day=day)

    run(clients)

    assert [
        line for line in clients.sns.messages[-1]["Message"].splitlines() if line.startswith("Since:")
    ] == ["Since:    2026-11-20, model run-1"]


def test_a_refused_event_fails_the_run_and_the_next_one_tells_again(clients):
    score(clients.s3, release(clients.s3), DRIFTED)
    clients.events.refuses = True

    with pytest.raises(DaysFailed, match="ThrottlingException"):
        run(clients)
    assert keys(clients, f"reports/date={TODAY}/drift.json") == []

    clients.events.refuses = False
    (day,) = run(clients).days
    assert day.notified
    assert len(clients.events.entries) == 1


def test_one_broken_day_does_not_stop_the_others(clients):
    baseline = release(clients.s3)
    broken = score(clients.s3, baseline, LIKE_TRAINING, day="2026-11-21")
    versions = clients.s3.list_object_versions(Bucket=BUCKET, Prefix=f"{broken}.profile.json")["Versions"]
    for version in versions:
        clients.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    score(clients.s3, baseline, LIKE_TRAINING)

    with pytest.raises(DaysFailed, match=r"1 of 7 days .*2026-11-21: .*profile\.json is gone"):
        run(clients)

    assert report_of(clients)["verdict"] == "no drift"


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"input": 5}'], ids=repr)
def test_a_broken_manifest_is_named_and_stops_only_its_own_day(clients, text):
    baseline = release(clients.s3)
    broken = "predictions/date=2026-11-20/broken-0123456789abcdef.manifest.json"
    clients.s3.put_object(Bucket=BUCKET, Key=broken, Body=text.encode())
    score(clients.s3, baseline, DRIFTED)
    with pytest.raises(DaysFailed, match="1 of 7 days") as caught:
        run(clients)
    assert broken in str(caught.value)
    assert report_of(clients)["verdict"] == "drift"


def test_files_beyond_the_first_page_of_the_listing_are_found(clients):
    baseline = release(clients.s3)
    score(clients.s3, baseline, LIKE_TRAINING, name="a")
    for number in range(1_000):
        clients.s3.put_object(Bucket=BUCKET, Key=f"predictions/date={TODAY}/b{number}.csv", Body=b"")
    score(clients.s3, baseline, LIKE_TRAINING, name="z")

    (day,) = run(clients).days

    assert (day.files, day.rows) == (2, 1_000)


def test_two_jobs_at_once_leave_one_report(clients):
    score(clients.s3, release(clients.s3), DRIFTED)
    outcomes = []
    jobs = [threading.Thread(target=lambda: outcomes.append(run(clients))) for _ in range(2)]

    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=60)

    assert len(outcomes) == 2
    assert report_of(clients)["verdict"] == "drift"


def test_every_run_leaves_a_heartbeat_and_each_judged_day_its_metrics(clients, capsys):
    score(clients.s3, release(clients.s3), DRIFTED)

    run(clients)

    heartbeat, day = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (heartbeat["DriftRuns"], heartbeat["Stack"]) == (1, "bank-stack")
    assert (day["RowsJudged"], day["DriftDetected"], day["DriftedColumns"]) == (500, 1, 1)
