import json
import random
import threading
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from autowatch.aws.objects import DocumentMalformed
from autowatch.monitoring.requests import DayRange, OneDay
from autowatch.monitoring.watch import DaysFailed
from tests.support.monitored_bucket import (
    BUCKET,
    DRIFTED,
    LIKE_TRAINING,
    NEW_CATEGORY,
    NOW,
    TODAY,
    delete_for_good,
    keys,
    release,
    report_of,
    run,
    score,
)


def test_without_a_champion_nothing_is_written_and_the_reason_is_returned(clients):
    result = run(clients)

    assert (result.run, result.days) == (None, ())
    assert "start a training run" in result.reason
    assert keys(clients, "reports/") == []
    assert clients.sns.messages == []


def test_a_day_without_files_is_not_enough_data_and_quiet(clients):
    release(clients.bucket.client)

    (day,) = run(clients).days

    assert (day.date, day.verdict, day.rows, day.notified) == (TODAY, "not enough data", 0, False)
    assert report_of(clients)["rows"] == 0
    assert keys(clients, "reports/") == [
        f"reports/date={TODAY}/drift.json",
        f"reports/date={TODAY}/index.html",
        "reports/index.html",
    ]


def test_a_quiet_day_is_reported_without_an_alert(clients):
    score(clients.bucket.client, release(clients.bucket.client), LIKE_TRAINING)

    (day,) = run(clients).days

    assert (day.verdict, day.rows, day.files, day.notified) == ("no drift", 500, 1, False)
    assert (clients.sns.messages, clients.events.entries) == ([], [])


def test_a_drifted_day_is_reported_and_alerted_on_once(clients):
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED)

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
        "drift_share": 0.5,
        "since": TODAY,
        "alarms": [],
        "report_key": f"reports/date={TODAY}/drift.json",
    }


def test_the_report_has_the_agreed_fields(clients):
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
    run(clients)

    report = report_of(clients)

    assert set(report) == {
        "date", "generated", "run", "verdict", "rows", "files", "reference_rows", "min_rows", "drifted_columns",
        "drift_share", "alarms", "columns", "since", "judged_with", "judged_rows", "compared_with", "other_runs",
        "alerted", "told", "rejected_rows", "refused_files", "extra_columns", "domino", "inputs", "alerting",
        "settings",
    }  # fmt: skip
    assert (report["date"], report["generated"], report["run"]) == (TODAY, "2026-11-23T20:00:00Z", "run-1")
    assert (report["other_runs"], report["alerted"], report["domino"]) == ([], True, None)
    page = clients.bucket.client.get_object(Bucket=BUCKET, Key=f"reports/date={TODAY}/index.html")
    assert page["ContentType"] == "text/html; charset=utf-8"


def test_alarms_without_drift_send_a_mail_but_no_event(clients):
    score(clients.bucket.client, release(clients.bucket.client), NEW_CATEGORY)

    (day,) = run(clients).days

    assert (day.alarms, day.notified) == (1, True)
    assert "Data alarms" in clients.sns.messages[0]["Subject"]
    assert clients.events.entries == []


def test_the_same_files_are_not_alerted_on_again(clients):
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
    run(clients)

    assert run(clients).days == ()
    (again,) = run(clients, only=date(2026, 11, 23)).days

    assert (again.verdict, again.notified) == ("drift", False)
    assert (len(clients.sns.messages), len(clients.events.entries)) == (1, 1)


def test_a_further_file_has_the_day_judged_again(clients):
    baseline = release(clients.bucket.client)
    score(clients.bucket.client, baseline, LIKE_TRAINING)
    run(clients)
    score(
        clients.bucket.client,
        baseline,
        {name: values * 4 for name, values in DRIFTED.items()},
        name="b/late +ü",
    )

    (day,) = run(clients).days

    assert (day.verdict, day.files, day.rows, day.notified) == ("drift", 2, 2_500, True)


def test_a_profile_without_a_manifest_is_ignored(clients):
    baseline = release(clients.bucket.client)
    score(clients.bucket.client, baseline, LIKE_TRAINING)
    score(clients.bucket.client, baseline, DRIFTED, name="half-way", commit=False)

    (day,) = run(clients).days

    assert (day.files, day.rows, day.verdict) == (1, 500, "no drift")


def test_the_version_that_the_manifest_names_counts(clients):
    baseline = release(clients.bucket.client)
    stem = score(clients.bucket.client, baseline, LIKE_TRAINING, counts=False)
    clients.bucket.client.put_object(
        Bucket=BUCKET, Key=f"{stem}.profile.json", Body=b"{a later, half-written duplicate"
    )

    (day,) = run(clients).days

    assert day.verdict == "no drift"


def test_missed_days_are_caught_up_oldest_first_and_only_within_the_window(clients):
    baseline = release(clients.bucket.client)
    for back in (31, 30, 6, 3, 0):
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=str((NOW - timedelta(days=back)).date()))

    result = run(clients)

    assert [day.date for day in result.days] == ["2026-10-24", "2026-11-17", "2026-11-20", TODAY]


def test_a_date_judges_only_that_day_at_any_age(clients):
    baseline = release(clients.bucket.client)
    score(clients.bucket.client, baseline, LIKE_TRAINING, day="2025-01-31")
    score(clients.bucket.client, baseline, LIKE_TRAINING)

    result = run(clients, only=date(2025, 1, 31))

    assert [day.date for day in result.days] == ["2025-01-31"]


def test_the_rows_of_each_run_are_judged_by_its_own_baseline(clients):
    old = release(clients.bucket.client, "run-1")
    score(clients.bucket.client, old, DRIFTED, name="early")
    new = release(clients.bucket.client, "run-2")
    score(clients.bucket.client, new, LIKE_TRAINING, name="late")

    (day,) = run(clients).days

    report = report_of(clients)
    assert (day.verdict, day.files, day.rows) == ("no drift", 1, 500)
    (other,) = report["other_runs"]
    assert (report["run"], other["run"], other["verdict"], other["rows"]) == ("run-2", "run-1", "drift", 500)
    assert other["drifted_columns"] == ["age"]
    assert run(clients).days == ()


def test_drift_of_an_earlier_models_rows_sends_a_mail_but_starts_no_run(clients):
    score(clients.bucket.client, release(clients.bucket.client, "run-1"), DRIFTED)
    release(clients.bucket.client, "run-2")

    (day,) = run(clients).days

    assert (day.notified, clients.events.entries) == (True, [])
    assert "not the model in force" in clients.sns.messages[0]["Message"]
    assert "no training run starts" in clients.sns.messages[0]["Message"]


def test_a_new_champion_does_not_change_its_predecessors_report(clients):
    old = release(clients.bucket.client, "run-1")
    score(clients.bucket.client, old, DRIFTED, name="early")
    run(clients)
    score(clients.bucket.client, old, DRIFTED, name="after the daily run")
    release(clients.bucket.client, "run-2")

    result = run(clients, now=NOW + timedelta(days=1))

    report = report_of(clients)
    assert (report["verdict"], report["run"], report["files"]) == ("drift", "run-1", 2)
    assert [day.date for day in result.days] == [TODAY, "2026-11-24"]
    assert len(clients.sns.messages) == 1


def test_the_judgement_of_deleted_rows_is_kept(clients):
    stem = score(clients.bucket.client, release(clients.bucket.client, "run-1"), DRIFTED)
    run(clients)
    clients.bucket.client.delete_object(Bucket=BUCKET, Key=f"{stem}.manifest.json")
    score(clients.bucket.client, release(clients.bucket.client, "run-2"), LIKE_TRAINING, name="b")

    run(clients, only=date(2026, 11, 23))

    report = report_of(clients)
    assert (report["run"], report["verdict"]) == ("run-2", "no drift")
    assert [(part["run"], part["verdict"]) for part in report["other_runs"]] == [("run-1", "drift")]


class TestBaselines:
    def test_a_missing_baseline_is_reported_and_the_other_runs_are_judged(self, clients):
        score(clients.bucket.client, release(clients.bucket.client, "run-1"), DRIFTED, name="early")
        score(clients.bucket.client, release(clients.bucket.client, "run-2"), LIKE_TRAINING, name="late")
        clients.bucket.client.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")

        run(clients)

        report = report_of(clients)
        (other,) = report["other_runs"]
        assert (report["verdict"], other["verdict"], other["rows"]) == ("no drift", "not enough data", 500)
        (alarm,) = other["alarms"]
        assert alarm["kind"] == "baseline"
        assert "models/run-1/baseline.json is missing" in alarm["message"]
        assert "Restore" in alarm["message"]

    @pytest.mark.parametrize("change", [{"profile_version": 0}, {"columns": 5}, {"bins": "other"}], ids=str)
    def test_an_unusable_baseline_is_an_error_only_of_its_run(self, clients, change):
        baseline = release(clients.bucket.client, "run-1")
        score(clients.bucket.client, baseline, DRIFTED, name="early")
        clients.bucket.write_json("models/run-1/baseline.json", msgspec.to_builtins(baseline) | change)
        score(clients.bucket.client, release(clients.bucket.client, "run-2"), LIKE_TRAINING, name="late")

        run(clients)

        report = report_of(clients)
        assert report["verdict"] == "no drift"
        assert [alarm["kind"] for alarm in report["other_runs"][0]["alarms"]] == ["baseline"]

    def test_the_champions_missing_baseline_is_reported_even_without_rows(self, clients):
        release(clients.bucket.client)
        clients.bucket.client.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")

        (day,) = run(clients).days

        assert (day.verdict, day.alarms, day.notified) == ("not enough data", 1, True)

    def test_it_is_alerted_on_once_and_the_day_is_judged_after_the_restore(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, DRIFTED)
        clients.bucket.client.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")
        run(clients)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day="2026-11-24")
        run(clients, now=NOW + timedelta(days=1))
        assert len(clients.sns.messages) == 1

        clients.bucket.write_json("models/run-1/baseline.json", baseline)
        run(clients, now=NOW + timedelta(days=2))

        assert (report_of(clients)["verdict"], report_of(clients)["alarms"]) == ("drift", [])
        assert len(clients.sns.messages) == 2

    def test_the_earlier_judgement_is_kept(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        run(clients)
        clients.bucket.client.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")

        run(clients, only=date(2026, 11, 23))
        run(clients, only=date(2026, 11, 23))

        report = report_of(clients)
        assert (report["verdict"], report["drifted_columns"]) == ("drift", ["age"])
        assert [alarm["kind"] for alarm in report["alarms"]] == ["baseline"]


def test_the_mail_says_since_when(clients):
    baseline = release(clients.bucket.client)
    for day, columns in [("2026-11-19", LIKE_TRAINING), ("2026-11-20", DRIFTED), (TODAY, DRIFTED)]:
        score(clients.bucket.client, baseline, columns, day=day)

    run(clients)

    assert [
        line for line in clients.sns.messages[-1]["Message"].splitlines() if line.startswith("Since:")
    ] == ["Since:    2026-11-20, model run-1; news of other days, too: 2026-11-20"]


def test_a_refused_event_fails_the_run_and_the_next_one_alerts_again(clients):
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
    clients.events.refuses = True

    with pytest.raises(DaysFailed, match="ThrottlingException"):
        run(clients)
    assert not report_of(clients)["alerted"]

    clients.events.refuses = False
    (day,) = run(clients).days
    assert day.notified
    assert len(clients.events.entries) == 1


def test_one_broken_day_does_not_stop_the_others(clients):
    baseline = release(clients.bucket.client)
    broken = score(clients.bucket.client, baseline, LIKE_TRAINING, day="2026-11-21", counts=False)
    delete_for_good(clients.bucket.client, f"{broken}.profile.json")
    score(clients.bucket.client, baseline, LIKE_TRAINING)

    with pytest.raises(DaysFailed, match=r"1 of 31 days .*2026-11-21: .*csv and its profile are gone"):
        run(clients)

    assert report_of(clients)["verdict"] == "no drift"


def test_without_a_profile_the_predictions_are_counted(clients):
    stem = score(clients.bucket.client, release(clients.bucket.client), DRIFTED, counts=False)
    delete_for_good(clients.bucket.client, f"{stem}.profile.json")
    rows = "".join(f"{age},{job}\n" for age, job in zip(*DRIFTED.values(), strict=True))
    clients.bucket.client.put_object(Bucket=BUCKET, Key=f"{stem}.csv", Body=f"age,job\n{rows}".encode())

    (day,) = run(clients).days

    assert (day.verdict, day.rows) == ("drift", 500)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "no json", '{"input": 5}', '{"columns": ["' + "x" * (9 << 20)],
    ids=lambda text: text[:12],
)
def test_a_broken_manifest_is_named_and_stops_only_its_own_day(clients, text):
    baseline = release(clients.bucket.client)
    broken = "predictions/date=2026-11-20/broken-0123456789abcdef.manifest.json"
    clients.bucket.client.put_object(Bucket=BUCKET, Key=broken, Body=text.encode())
    score(clients.bucket.client, baseline, DRIFTED)
    with pytest.raises(DaysFailed, match="1 of 31 days") as caught:
        run(clients)
    assert broken in str(caught.value)
    assert report_of(clients)["verdict"] == "drift"


def test_files_beyond_the_first_page_of_the_listing_are_found(clients):
    baseline = release(clients.bucket.client)
    score(clients.bucket.client, baseline, LIKE_TRAINING, name="a")
    for number in range(1_000):
        clients.bucket.client.put_object(
            Bucket=BUCKET, Key=f"predictions/date={TODAY}/b{number}.csv", Body=b""
        )
    score(clients.bucket.client, baseline, LIKE_TRAINING, name="z")

    (day,) = run(clients).days

    assert (day.files, day.rows) == (2, 1_000)


REPORT = f"s3://{BUCKET}/reports/date={TODAY}/drift.json"
CONTESTED = f"Another invocation works on {REPORT}; the next one does what is left."


def test_two_jobs_at_once_leave_one_report(clients):
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
    outcomes = []

    def job():
        try:
            outcomes.append(run(clients))
        except DaysFailed as error:
            outcomes.append(error)

    jobs = [threading.Thread(target=job) for _ in range(2)]

    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=60)

    assert len(outcomes) == 2
    assert [str(outcome) for outcome in outcomes if isinstance(outcome, DaysFailed)] in (
        [],
        [f"1 of 31 days could not be judged or alerted on. {TODAY}: {CONTESTED}"],
    )
    assert (report_of(clients)["verdict"], report_of(clients)["alerted"]) == ("drift", True)


def emitted(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_judged_day_and_each_column_have_metrics_and_the_run_a_heartbeat_last(clients, capsys):
    # Metrics have the time of their day, and CloudWatch rejects old ones.
    now = datetime.now(UTC)
    score(clients.bucket.client, release(clients.bucket.client), DRIFTED, day=now.date().isoformat())

    run(clients, now)

    day, *columns, heartbeat = emitted(capsys)
    assert (heartbeat["DriftRuns"], heartbeat["DaysJudged"], heartbeat["Stack"]) == (1, 1, "bank-stack")
    assert (day["RowsJudged"], day["DriftDetected"], day["DriftedColumns"]) == (500, 1, 1)
    assert {column["Column"]: column["DriftSize"] > 1 for column in columns} == {"age": True, "job": False}


def test_a_run_with_nothing_to_do_emits_a_heartbeat(clients, capsys):
    run(clients)
    assert [line["DriftRuns"] for line in emitted(capsys)] == [1]

    release(clients.bucket.client)
    run(clients)
    run(clients)
    assert [line["DriftRuns"] for line in emitted(capsys) if "DriftRuns" in line] == [1, 1]


def test_a_killed_run_emits_no_heartbeat(clients, capsys):
    clients.bucket.client.put_object(Bucket=BUCKET, Key="models/champion.json", Body=b"{")

    with pytest.raises(DocumentMalformed, match=r"models/champion\.json"):
        run(clients)

    assert emitted(capsys) == []


def test_a_failed_day_prevents_the_heartbeat_but_not_the_other_days(clients, capsys):
    baseline = release(clients.bucket.client)
    stem = score(clients.bucket.client, baseline, DRIFTED, day="2026-11-22")
    score(clients.bucket.client, baseline, DRIFTED)
    clients.bucket.client.put_object(Bucket=BUCKET, Key=f"{stem}.manifest.json", Body=b"{}")

    with pytest.raises(DaysFailed):
        run(clients)

    assert report_of(clients)["verdict"] == "drift"
    assert not any("DriftRuns" in line for line in emitted(capsys))


@pytest.mark.parametrize("released", [True, False])
@pytest.mark.parametrize("request_", [OneDay(NOW.date()), DayRange(NOW.date(), NOW.date())])
def test_requests_on_demand_emit_no_heartbeat(clients, capsys, request_, released):
    if released:
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)

    run(clients, request=request_)

    assert not any("DriftRuns" in line for line in emitted(capsys))


class TestFewRows:
    """The job needs 300 rows; a single day has only 100."""

    def few(self, clients, baseline, columns, back, rows=100):
        day = str((NOW - timedelta(days=back)).date())
        score(
            clients.bucket.client,
            baseline,
            {name: values[:rows] for name, values in columns.items()},
            day=day,
        )

    def test_entirely_missing_columns_are_alerted_on_the_first_day(self, clients):
        baseline = release(clients.bucket.client)
        missing = {name: [""] * 40 for name in LIKE_TRAINING}
        score(clients.bucket.client, baseline, missing)
        (day,) = run(clients).days
        assert (day.verdict, day.notified) == ("not enough data", True)
        assert {alarm["kind"] for alarm in report_of(clients)["alarms"]} == {"missing values"}

    def test_small_days_are_judged_together_until_they_have_enough_rows(self, clients):
        baseline = release(clients.bucket.client)
        for back in (3, 2, 1, 0):
            self.few(clients, baseline, DRIFTED, back)
        verdicts = [(day.verdict, day.rows) for day in run(clients).days]
        assert verdicts == [("not enough data", 100)] * 2 + [("drift", 100)] * 2
        report = report_of(clients)
        assert (report["judged_rows"], report["rows"]) == (300, 100)
        assert report["judged_with"] == ["2026-11-22", "2026-11-21"]

    def test_a_day_with_enough_rows_is_judged_alone(self, clients):
        baseline = release(clients.bucket.client)
        self.few(clients, baseline, DRIFTED, 1)
        score(clients.bucket.client, baseline, LIKE_TRAINING)
        run(clients)
        assert (report_of(clients)["verdict"], report_of(clients)["judged_with"]) == ("no drift", [])

    def test_small_days_without_drift_stay_quiet(self, clients):
        baseline = release(clients.bucket.client)
        for back in (3, 2, 1, 0):
            rows = random.Random(back).sample(range(len(LIKE_TRAINING["age"])), 100)
            alike = {name: [values[row] for row in rows] for name, values in LIKE_TRAINING.items()}
            self.few(clients, baseline, alike, back)
        assert [day.notified for day in run(clients).days] == [False] * 4
        assert report_of(clients)["verdict"] == "no drift"


class TestWeekday:
    """Each Monday the rows differ from the training data, in the same way."""

    @pytest.fixture
    def mondays(self, clients):
        settings = b"compare: weekday\nvolume: {least: 0}"
        clients.bucket.client.put_object(Bucket=BUCKET, Key="monitoring/settings.yaml", Body=settings)
        baseline = release(clients.bucket.client)
        for back in range(15, -1, -1):
            columns = DRIFTED if back % 7 == 0 else LIKE_TRAINING
            score(clients.bucket.client, baseline, columns, day=str((NOW - timedelta(days=back)).date()))
        run(clients)
        return clients

    def report(self, clients, back):
        return report_of(clients, str((NOW - timedelta(days=back)).date()))

    def test_a_weekly_rhythm_is_alerted_on_once(self, mondays):
        reports = [self.report(mondays, back) for back in (14, 7, 0)]
        assert [report["verdict"] for report in reports] == ["drift", "no drift", "no drift"]
        assert [report["compared_with"] for report in reports] == [
            [],
            ["2026-11-09"],
            ["2026-11-09", "2026-11-16"],
        ]

    def test_rows_that_differ_from_their_weekday_drift(self, mondays):
        baseline = release(mondays.bucket.client)
        later = NOW + timedelta(days=7)
        score(mondays.bucket.client, baseline, LIKE_TRAINING, day=str(later.date()))
        run(mondays, now=later)
        report = report_of(mondays, str(later.date()))
        assert report["verdict"] == "drift"
        assert report["compared_with"] == ["2026-11-09", "2026-11-16", "2026-11-23"]
        page = mondays.bucket.read(f"reports/date={later.date()}/index.html")[0].decode()
        assert "from the rows of the same weekday before (2026-11-09, 2026-11-16, 2026-11-23)" in page

    def test_by_default_the_training_data_are_the_reference(self, clients):
        baseline = release(clients.bucket.client)
        for back in (7, 0):
            score(clients.bucket.client, baseline, DRIFTED, day=str((NOW - timedelta(days=back)).date()))
        run(clients)
        assert (report_of(clients)["verdict"], report_of(clients)["compared_with"]) == ("drift", [])


def test_files_with_the_same_content_are_named(clients):
    baseline = release(clients.bucket.client)
    for name in ("a", "b"):
        stem = score(clients.bucket.client, baseline, LIKE_TRAINING, name=name)
        key = f"{stem}.manifest.json"
        clients.bucket.write_json(
            key,
            clients.bucket.read_json(key)
            | {"input": {"key": f"inference/{name}.csv", "version_id": "v", "etag": "same", "size": 7}},
        )
    run(clients)
    (alarm,) = [alarm for alarm in report_of(clients)["alarms"] if alarm["kind"] == "same content"]
    assert "1 file repeats the content of another file" in alarm["message"]


def test_repeated_user_keys_on_a_day_are_alerted_on(clients):
    baseline = release(clients.bucket.client)
    for name, first in (("a", 0), ("b", 480)):
        stem = score(
            clients.bucket.client, baseline, LIKE_TRAINING, name=name, header=("customer", "age", "job")
        )
        rows = [f"{f'C-{number}' if number % 10 else ''},id" for number in range(first, first + 500)]
        clients.bucket.put(f"{stem}.csv", "\n".join(["customer,id", *rows, ""]).encode(), "text/csv")
    score(clients.bucket.client, baseline, LIKE_TRAINING, name="without")
    run(clients, id_column="customer")
    (alarm,) = report_of(clients)["alarms"]
    message = "Of 1,000 scored rows, 18 rows have the same key (IdColumn) as an earlier row of the day."
    assert alarm == {"column": None, "kind": "repeated keys", "message": message}
    (mail,) = clients.sns.messages
    assert message in mail["Message"]
    assert "C-481" not in mail["Message"] + json.dumps(report_of(clients))


def test_without_a_key_column_predictions_are_not_read(clients):
    baseline = release(clients.bucket.client)
    score(clients.bucket.client, baseline, LIKE_TRAINING, header=("customer", "age", "job"))
    run(clients)
    assert report_of(clients)["alarms"] == []
