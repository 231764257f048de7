"""Runs of the daily job after earlier ones: history, settings, catching up, and the objects that are read."""

import json
from collections import Counter
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from autowatch.monitoring.requests import DayRange
from autowatch.monitoring.watch import DaysFailed
from autowatch.records.timestamps import to_text
from autowatch.tabular.profile import Baseline, baseline_column
from tests.support.monitored_bucket import (
    BUCKET,
    DRIFTED,
    LIKE_TRAINING,
    NOW,
    TODAY,
    keys,
    release,
    report_of,
    run,
    score,
)


def spoil(clients, day, content=b"{"):
    """Adds a malformed manifest to a day and returns its key."""
    key = f"predictions/date={day}/x.manifest.json"
    clients.bucket.client.put_object(Bucket=BUCKET, Key=key, Body=content)
    return key


def day_before(days):
    return str((NOW - timedelta(days=days)).date())


def failing_put(clients, failing):
    """Within this context, the object under the key `failing` cannot be written."""

    def fail(key):
        if key == failing:
            raise ClientError({}, "PutObject")

    return before_each(clients.bucket.client, "PutObject", fail)


def set_settings(clients, text):
    clients.bucket.client.put_object(Bucket=BUCKET, Key="monitoring/settings.yaml", Body=text.encode())


def refuse(clients, error="MissingColumns", name="x", day=TODAY):
    clients.bucket.write_json(f"rejected/date={day}/{name}-0123456789abcdef.error.json", {"error": error})


def subjects(clients):
    return [message["Subject"] for message in clients.sns.messages]


class TestKOfM:
    def test_with_two_of_three_days_the_second_drift_is_alerted_on(self, clients):
        set_settings(clients, "alert: {days: 2, of: 3}")
        baseline = release(clients.bucket.client)
        told = []
        for back, columns in [(3, DRIFTED), (2, LIKE_TRAINING), (1, DRIFTED), (0, DRIFTED)]:
            score(clients.bucket.client, baseline, columns, day=day_before(back))
            run(clients, now=NOW - timedelta(days=back))
            told.append(len(clients.events.entries))
        assert told == [0, 0, 1, 1]
        assert [report_of(clients, day_before(back))["alerted"] for back in (3, 2, 1, 0)] == [
            False,
            False,
            True,
            True,
        ]

    def test_catching_up_sends_one_alert_with_the_news_of_all_days(self, clients):
        set_settings(clients, "alert: {days: 2, of: 3}\nvolume: {least: 0}")
        baseline = release(clients.bucket.client)
        for back in (3, 2, 1):
            score(clients.bucket.client, baseline, DRIFTED, day=day_before(back))

        result = run(clients)

        assert [(day.date, day.notified) for day in result.days] == [
            (day_before(3), False),
            (day_before(2), True),
            (day_before(1), False),
            (TODAY, False),
        ]
        assert subjects(clients) == [f"[bank-stack] Drift on {day_before(1)}: age"]
        assert f"news of other days, too: {day_before(2)}" in clients.sns.messages[0]["Message"]
        assert len(clients.events.entries) == 1
        assert report_of(clients, day_before(2))["alerted"]

    def test_catching_up_on_a_day_does_not_repeat_the_alert_of_a_later_one(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, DRIFTED)
        run(clients)
        score(clients.bucket.client, baseline, DRIFTED, day=day_before(1))

        result = run(clients, now=NOW + timedelta(hours=1))

        assert [day.date for day in result.days] == [day_before(1)]
        assert subjects(clients) == [f"[bank-stack] Drift on {TODAY}: age"]

    def test_a_new_file_with_the_same_findings_sends_no_alert(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, DRIFTED)
        run(clients)
        score(clients.bucket.client, baseline, DRIFTED, name="b")

        (day,) = run(clients, now=NOW + timedelta(hours=1)).days

        assert (day.files, day.notified) == (2, False)
        assert report_of(clients)["alerted"]


class TestSettings:
    def test_they_are_used(self, clients):
        set_settings(clients, "columns: {age: {importance: 0}}")
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)

        (day,) = run(clients).days

        assert (day.verdict, day.drifted_columns, day.notified) == ("no drift", (), False)

    @pytest.mark.parametrize("text", ["columns: {aeg: {importance: 0}}", "alarm: {}", "{"])
    def test_invalid_settings_are_alerted_on_once_and_the_defaults_apply(self, clients, text):
        set_settings(clients, text)
        baseline = release(clients.bucket.client)
        for back in (1, 0):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
            run(clients, now=NOW - timedelta(days=back))

        assert subjects(clients) == [f"[bank-stack] Data alarms on {day_before(1)}: settings"]
        assert "monitoring/settings.yaml, line 1" in clients.sns.messages[0]["Message"]
        report = report_of(clients)
        assert (report["verdict"], [alarm["kind"] for alarm in report["alarms"]]) == (
            "no drift",
            ["settings"],
        )

    def test_invalid_settings_are_not_alerted_on_again_for_a_late_day(self, clients):
        baseline = release(clients.bucket.client)
        for back in (3, 2, 1):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
            run(clients, now=NOW - timedelta(days=back))
        set_settings(clients, "{")
        run(clients)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(2), name="late")

        (day,) = run(clients).days

        assert (day.date, day.alarms, len(clients.sns.messages)) == (day_before(2), 1, 1)

    def test_a_change_that_ends_all_drift_is_told_once_and_shown_daily(self, clients):
        baseline = release(clients.bucket.client)
        for back, text in [(3, ""), (2, "defaults: {importance: 0}"), (1, "defaults: {importance: 0}")]:
            set_settings(clients, text)
            score(clients.bucket.client, baseline, DRIFTED, day=day_before(back))
            (day, *_) = run(clients, now=NOW - timedelta(days=back)).days
            assert day.verdict == ("drift" if back == 3 else "not enough data")
            page = clients.bucket.read(f"reports/date={day_before(back)}/index.html")[0].decode()
            assert ("No drift verdict: no column counts" in page) == (back < 3)
            assert ("No drift verdict: no column counts, and 1 alarm" in page) == (back == 2)

        assert subjects(clients) == [
            f"[bank-stack] Drift on {day_before(3)}: age",
            f"[bank-stack] Data alarms on {day_before(2)}: settings changed",
        ]
        mail = clients.sns.messages[1]["Message"]
        assert f"Changed since {day_before(3)}: defaults.importance 1 → 0." in mail
        assert "Drift:    there is no verdict, since monitoring/settings.yaml lets no column count." in mail
        assert [report_of(clients, day_before(back))["settings"] for back in (3, 2)] == [
            {},
            {"defaults": {"importance": 0}},
        ]

    def test_after_reports_without_settings_no_change_is_reported(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(1))
        run(clients, now=NOW - timedelta(days=1))
        older = report_of(clients, day_before(1))
        del older["settings"]
        clients.bucket.write_json(f"reports/date={day_before(1)}/drift.json", older)
        set_settings(clients, "columns: {age: {importance: 0}}")
        score(clients.bucket.client, baseline, LIKE_TRAINING)

        run(clients)

        assert (subjects(clients), report_of(clients)["alarms"]) == ([], [])

    def test_drift_is_alerted_on_under_invalid_settings(self, clients):
        set_settings(clients, "{")
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        run(clients)
        assert subjects(clients) == [f"[bank-stack] Drift on {TODAY}: age"]
        assert "settings" in clients.sns.messages[0]["Message"]


class TestDay:
    def test_rejected_rows_and_columns_come_from_the_manifests(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, header=("age", "job", "customer"), rejected=3)
        score(
            clients.bucket.client, baseline, LIKE_TRAINING, name="b", header=("job", "age", "ü"), rejected=4
        )

        run(clients)

        assert (report_of(clients)["rejected_rows"], report_of(clients)["extra_columns"]) == (
            7,
            ["customer", "ü"],
        )

    def test_a_manifest_without_columns_leaves_them_unknown(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, header=())
        score(clients.bucket.client, baseline, LIKE_TRAINING, name="b", header=("age", "job", "customer"))

        run(clients)

        assert report_of(clients)["extra_columns"] is None

    def test_a_disappeared_column_is_alerted_on(self, clients):
        baseline = release(clients.bucket.client)
        score(
            clients.bucket.client,
            baseline,
            LIKE_TRAINING,
            header=("age", "job", "customer"),
            day=day_before(1),
        )
        score(clients.bucket.client, baseline, LIKE_TRAINING)

        run(clients)

        (alarm,) = report_of(clients)["alarms"]
        assert (alarm["column"], alarm["kind"]) == (None, "schema")
        assert alarm["message"] == f"Columns that the files of {day_before(1)} had are gone: customer."
        assert subjects(clients) == [f"[bank-stack] Data alarms on {TODAY}: schema"]

    def test_a_day_with_only_refused_files_is_judged_and_has_their_mail(self, clients):
        release(clients.bucket.client)
        refuse(clients, day=day_before(1))
        refuse(clients, "NotUtf8", "y", day=day_before(1))

        run(clients)

        report = report_of(clients, day_before(1))
        assert report["refused_files"] == {"MissingColumns": 1, "NotUtf8": 1}
        assert [alarm["kind"] for alarm in report["alarms"]] == ["refused files"]
        assert report["alerted"] is False
        assert [subject.partition(":")[0] for subject in subjects(clients)] == [
            "[bank-stack] 2 files refused"
        ]

    def test_a_further_refusal_has_the_day_judged_again(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), LIKE_TRAINING)
        run(clients)
        refuse(clients)
        (day,) = run(clients, now=NOW + timedelta(hours=1)).days
        assert (day.alarms, day.notified) == (1, False)
        assert report_of(clients)["refused_files"] == {"MissingColumns": 1}

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"eror": 1}'])
    def test_a_damaged_refusal_is_counted(self, clients, body):
        release(clients.bucket.client)
        clients.bucket.client.put_object(Bucket=BUCKET, Key=f"rejected/date={TODAY}/x.error.json", Body=body)
        run(clients)
        assert report_of(clients)["refused_files"] == {"unreadable": 1}

    def test_a_day_with_few_rows_is_alerted_on(self, clients):
        baseline = release(clients.bucket.client)
        for back in (3, 2, 1):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))

        run(clients)

        (alarm,) = report_of(clients)["alarms"]
        assert (alarm["kind"], report_of(clients)["verdict"]) == ("volume", "not enough data")
        assert subjects(clients) == [f"[bank-stack] Data alarms on {TODAY}: volume"]

    def test_dominos_results_are_in_the_report(self, clients):
        release(clients.bucket.client)
        checks = {"read": "2026-11-23T20:00:09Z", "checks": []}
        clients.bucket.write_json("monitoring/domino/checks.json", checks)
        run(clients)
        assert report_of(clients)["domino"] == checks

    def test_a_day_with_a_malformed_report_is_judged_again(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), LIKE_TRAINING)
        clients.bucket.write_json(
            f"reports/date={TODAY}/drift.json",
            {"date": TODAY, "other_runs": {"files": 0}},
        )
        (day,) = run(clients).days
        assert (day.verdict, report_of(clients)["other_runs"]) == ("no drift", [])


@contextmanager
def calls(s3):
    """The prefixes and starts of a client's listings, and the keys of the objects that it reads."""
    listed, got = [], []
    handlers = {
        "before-parameter-build.s3.ListObjectsV2": lambda params, **_: listed.append(
            (params["Prefix"], params.get("StartAfter"))
        ),
        "before-parameter-build.s3.GetObject": lambda params, **_: got.append(params["Key"]),
    }
    for event, handler in handlers.items():
        s3.meta.events.register(event, handler)
    try:
        yield listed, got
    finally:
        for event, handler in handlers.items():
            s3.meta.events.unregister(event, handler)


class TestWhatIsLookedAt:
    def test_complete_days_are_not_listed_again(self, clients):
        baseline = release(clients.bucket.client)
        for back in (20, 3, 0):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
        run(clients)
        with calls(clients.bucket.client) as (listed, got):
            run(clients, now=NOW + timedelta(days=1))

        starts = [start for prefix, start in listed if prefix in ("predictions/date=", "rejected/date=")]
        assert starts == [f"predictions/date={day_before(6)}", f"rejected/date={day_before(6)}"]
        assert not any(key.startswith("predictions/") for key in got)

    def test_a_replaced_file_is_found(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING)
        run(clients)
        stem = score(clients.bucket.client, baseline, DRIFTED, name="b")
        clients.bucket.client.delete_object(Bucket=BUCKET, Key=stem.replace("/b-", "/a-") + ".manifest.json")
        (day,) = run(clients).days
        assert (day.files, day.verdict) == (1, "drift")
        assert run(clients).days == ()

    def test_a_file_that_comes_late_is_still_found(self, clients):
        baseline = release(clients.bucket.client)
        run(clients, now=NOW)
        score(clients.bucket.client, baseline, DRIFTED, day=day_before(0))
        result = run(clients, now=NOW + timedelta(days=6))
        assert [day.date for day in result.days] == [TODAY, day_before(-6)]

    def test_days_that_fail_stay_open(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(20))
        broken = spoil(clients, day_before(15))
        with pytest.raises(DaysFailed, match=day_before(15)):
            run(clients)
        assert clients.bucket.read_json("monitoring/days.json") == {"complete_until": day_before(16)}
        clients.bucket.client.delete_object(Bucket=BUCKET, Key=broken)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(15))

        result = run(clients, now=NOW + timedelta(days=1))

        assert [day.date for day in result.days] == [day_before(15), day_before(-1)]

    def test_an_outage_of_three_weeks_is_caught_up(self, clients):
        baseline = release(clients.bucket.client)
        run(clients, now=NOW - timedelta(days=22))
        for back in range(21, 0, -1):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
        assert len(run(clients).days) == 22

    def test_asking_for_one_day_does_not_close_others(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), LIKE_TRAINING, day=day_before(20))
        run(clients, only=date.fromisoformat(day_before(20)))
        assert keys(clients, "monitoring/") == []

    def test_a_failed_alert_shows_in_the_report(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, DRIFTED)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(1))
        clients.events.refuses = True

        with pytest.raises(DaysFailed, match="1 of 31 days"):
            run(clients)

        report = report_of(clients)
        assert (report["alerted"], report["told"], report["alerting"]) == (False, [], None)
        clients.events.refuses = False
        assert [day.date for day in run(clients).days] == [TODAY]
        assert (report_of(clients)["alerted"], len(clients.events.entries)) == (True, 1)
        assert report_of(clients, day_before(1))["verdict"] == "no drift"

    @pytest.mark.parametrize(
        "error", [ReadTimeoutError(endpoint_url="https://s3"), ClientError({}, "GetObject")]
    )
    def test_a_broken_connection_fails_only_its_day(self, clients, error):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(1))
        score(clients.bucket.client, baseline, LIKE_TRAINING)

        def break_off(params, **_):
            if f"date={day_before(1)}/a" in params["Key"]:
                raise error

        event = "before-parameter-build.s3.GetObject"
        clients.bucket.client.meta.events.register(event, break_off)
        try:
            with pytest.raises(DaysFailed, match=f"1 of 31 days .* {day_before(1)}"):
                run(clients)
        finally:
            clients.bucket.client.meta.events.unregister(event, break_off)

        assert report_of(clients)["verdict"] == "no drift"
        assert [day.date for day in run(clients).days] == [day_before(1)]


@contextmanager
def before_each(s3, operation, act):
    """Calls `act` with the object's key before each call of the operation."""

    def call(params, **_):
        act(params["Key"])

    event = f"before-parameter-build.s3.{operation}"
    s3.meta.events.register(event, call)
    try:
        yield
    finally:
        s3.meta.events.unregister(event, call)


class TestOrder:
    def test_the_page_in_the_mail_is_written_before_the_mail(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        folder = f"reports/date={TODAY}/"
        seen = []
        publish = clients.sns.publish
        clients.sns.publish = lambda **message: seen.append(keys(clients, folder)) or publish(**message)

        run(clients)

        assert seen == [[f"{folder}drift.json", f"{folder}index.html"]]

    def test_a_page_written_concurrently_with_quality_ends_with_both(self, clients):
        """The quality function does not see drift.json yet, so its page must not be the last one."""
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)

        def measure(key):
            if key == f"reports/date={TODAY}/drift.json" and not keys(clients, key):
                clients.bucket.write_json(f"reports/date={TODAY}/quality.json", {"verdict": "worse"})
                clients.bucket.client.put_object(
                    Bucket=BUCKET, Key=f"reports/date={TODAY}/index.html", Body=b"quality"
                )

        with before_each(clients.bucket.client, "PutObject", measure):
            run(clients)

        page = clients.bucket.client.get_object(Bucket=BUCKET, Key=f"reports/date={TODAY}/index.html")[
            "Body"
        ].read()
        assert b"The data have drifted, and the model predicts worse" in page

    def test_a_failed_page_fails_only_its_day(self, clients):
        baseline = release(clients.bucket.client)
        for back in (1, 0):
            score(clients.bucket.client, baseline, DRIFTED, day=day_before(back))

        with (
            failing_put(clients, f"reports/date={day_before(1)}/index.html"),
            pytest.raises(DaysFailed, match="1 of 31 days"),
        ):
            run(clients)

        assert subjects(clients) == [f"[bank-stack] Drift on {TODAY}: age"]
        assert [day.date for day in run(clients).days] == [day_before(1)]
        assert len(subjects(clients)) == 1

    def test_a_failed_document_repeats_only_its_days_alert(self, clients):
        baseline = release(clients.bucket.client)
        for back in (1, 0):
            score(clients.bucket.client, baseline, DRIFTED, day=day_before(back))

        with (
            failing_put(clients, f"reports/date={day_before(1)}/drift.json"),
            pytest.raises(DaysFailed, match="1 of 31 days"),
        ):
            run(clients)

        assert [day.date for day in run(clients).days] == [day_before(1)]

    def test_a_failed_history_page_is_written_by_the_next_run(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)

        def fail(key):
            if key == "reports/index.html":
                raise ClientError({}, "PutObject")

        with before_each(clients.bucket.client, "PutObject", fail), pytest.raises(ClientError):
            run(clients)
        assert run(clients).days == ()
        assert keys(clients, "reports/index.html") == ["reports/index.html"]


class TestTwoRunsAtOnce:
    @pytest.mark.parametrize(
        ("operation", "outcome"),
        [
            ("GetObject", nullcontext()),
            ("PutObject", pytest.raises(DaysFailed, match="Another invocation works on")),
        ],
    )
    def test_concurrent_runs_alert_once(self, clients, operation, outcome):
        """The other run starts before or after this one has read the report."""
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        others = [run]

        def come_in(key):
            if key == f"reports/date={TODAY}/drift.json" and others:
                others.pop()(clients)

        with before_each(clients.bucket.client, operation, come_in), outcome:
            run(clients)

        assert not others
        assert (len(clients.sns.messages), len(clients.events.entries)) == (1, 1)
        assert report_of(clients)["alerted"]
        assert run(clients).days == ()

    def test_a_run_that_starts_during_the_alert_leaves_the_day_to_the_first(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        publish = clients.sns.publish
        came = []

        def come_in(**message):
            publish(**message)
            came.append(report_of(clients))
            with pytest.raises(DaysFailed, match="Another invocation works on"):
                run(clients)

        clients.sns.publish = come_in
        (day,) = run(clients).days

        assert (day.notified, len(clients.sns.messages), len(clients.events.entries)) == (True, 1, 1)
        assert (came[0]["told"], came[0]["alerted"]) == ([], False)
        assert (report_of(clients)["alerted"], report_of(clients)["alerting"]) == (True, None)
        assert run(clients).days == ()

    def test_a_killed_runs_claim_is_taken_over_after_a_minute(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        publish = clients.sns.publish

        def die(**_):
            raise SystemExit

        clients.sns.publish = die
        with pytest.raises(SystemExit):
            run(clients)
        clients.sns.publish = publish
        with pytest.raises(DaysFailed, match="Another invocation works on"):
            run(clients)
        report = report_of(clients)
        clients.bucket.write_json(
            f"reports/date={TODAY}/drift.json",
            report | {"alerting": to_text(datetime.now(UTC) - timedelta(seconds=61))},
        )
        (day,) = run(clients).days
        assert (day.notified, len(clients.sns.messages)) == (True, 1)

    def test_a_run_without_news_does_not_overwrite_the_others_report(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING)
        later = []

        def score_more(key):
            if key == f"reports/date={TODAY}/index.html" and not later:
                later.append(score(clients.bucket.client, baseline, DRIFTED, name="b"))
                with pytest.raises(DaysFailed, match="Another invocation"):
                    run(clients)

        with before_each(clients.bucket.client, "PutObject", score_more):
            run(clients)
        assert report_of(clients)["files"] == 1
        run(clients)
        assert (report_of(clients)["alerted"], report_of(clients)["files"]) == (True, 2)


class TestWhatNobodyForesaw:
    def test_any_exception_fails_only_its_day(self, clients):
        baseline = release(clients.bucket.client)
        spoil(clients, day_before(1), b'{"x":' + b"[" * 100_000)
        score(clients.bucket.client, baseline, DRIFTED)

        with pytest.raises(DaysFailed, match=f"1 of 31 days .*{day_before(1)}: RecursionError, see the log"):
            run(clients)

        assert subjects(clients) == [f"[bank-stack] Drift on {TODAY}: age"]

    @pytest.mark.parametrize("name", ["drift_share", "reference_rows", "min_rows", "drifted_columns"])
    def test_a_day_with_an_incomplete_report_is_judged_again(self, clients, name):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING)
        run(clients)
        report = report_of(clients)
        del report[name]
        clients.bucket.write_json(f"reports/date={TODAY}/drift.json", report)

        (day,) = run(clients).days

        assert (day.verdict, name in report_of(clients)) == ("no drift", True)

    def test_lone_surrogates_from_domino_are_harmless(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        checks = (
            rb'{"read": "2026-11-23T20:00:09Z", "checks": [{"checked": "x", "drifted_columns": ["\udc80"]}]}'
        )
        clients.bucket.client.put_object(Bucket=BUCKET, Key="monitoring/domino/checks.json", Body=checks)
        (day,) = run(clients).days
        assert day.notified
        assert report_of(clients)["domino"]["checks"][0]["drifted_columns"] == ["\udc80"]


class TestModelsThatFollowEachOther:
    def test_a_column_that_the_next_model_drops_raises_no_alarm(self, clients):
        """In any order of judging days and reading baselines."""
        first = release(clients.bucket.client)
        header = ("age", "job", "customer")
        for back in (3, 2):
            score(clients.bucket.client, first, LIKE_TRAINING, day=day_before(back), header=header)
        run(clients, now=NOW - timedelta(days=2))
        release(clients.bucket.client, "run-2")
        second = Baseline("run-2", 2_000, first.columns[:1])
        clients.bucket.write_json("models/run-2/baseline.json", second)
        ages = {"age": LIKE_TRAINING["age"]}
        score(clients.bucket.client, second, ages, day=day_before(1), header=header)
        score(clients.bucket.client, first, LIKE_TRAINING, day=day_before(2), header=header, name="late")
        run(clients, now=NOW - timedelta(days=1))
        score(clients.bucket.client, second, ages, header=header)
        run(clients)

        assert report_of(clients)["extra_columns"] == ["customer", "job"]
        assert subjects(clients) == []


class TestTime:
    def test_days_without_time_left_go_to_the_next_run_and_the_others_are_alerted_on(self, clients):
        baseline = release(clients.bucket.client)
        for back in (2, 1, 0):
            score(clients.bucket.client, baseline, DRIFTED, day=day_before(back))
        left = iter([900.0, 400.0, 299.0, 290.0])

        with pytest.raises(DaysFailed, match=f"1 of 31 days .*{TODAY}: There was no time left"):
            run(clients, seconds_left=lambda: next(left))

        assert subjects(clients) == [f"[bank-stack] Drift on {day_before(1)}: age"]
        assert [day.date for day in run(clients).days] == [TODAY]


HOSTILE = (
    "<script>alert(1)</script>",
    "line\nbreak",
    "\u202eevil",
    "\u0000",
    "x" * 5_000,
    "=1+1",
    "😀",
    '"; drop',
)


def test_hostile_column_names_are_harmless_everywhere(clients):
    """In the document, the page, the mail and the event they stay text, and within every limit."""
    names = ("age", *HOSTILE)
    columns = tuple(
        baseline_column(name, "feature", "categorical", Counter({"a": 1_000, "b": 1_000})) for name in names
    )
    baseline = Baseline("run-1", 2_000, columns)
    release(clients.bucket.client)
    clients.bucket.write_json("models/run-1/baseline.json", baseline)
    score(
        clients.bucket.client,
        baseline,
        {name: ["<b>new"] * 500 for name in names},
        header=(*names, "<i>extra"),
    )

    (day,) = run(clients).days

    assert set(day.drifted_columns) == set(names)
    assert report_of(clients)["extra_columns"] == ["<i>extra"]
    page = (
        clients.bucket.client.get_object(Bucket=BUCKET, Key=f"reports/date={TODAY}/index.html")["Body"]
        .read()
        .decode()
    )
    assert not any(tag in page for tag in ("<script", "<b>new", "<i>extra"))
    (mail,) = clients.sns.messages
    assert len(mail["Message"].splitlines()) == 10
    assert len(mail["Subject"]) <= 100
    assert len(json.loads(clients.events.entries[0]["Detail"])["drifted_columns"]) == len(names)
    assert run(clients).days == ()


class TestAnOutageOfSixtyDays:
    """Days too old for a run are not judged, and an alert says so."""

    @pytest.fixture
    def after_it(self, clients):
        """The job ran until 60 days ago; files arrived since then, and on that day after the run."""
        set_settings(clients, "volume: {least: 0}")
        baseline = release(clients.bucket.client)
        run(clients, now=NOW - timedelta(days=60))
        for back in (60, 59, 45, 31, 30, 1):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
        return clients

    def left_out(self, clients):
        return clients.bucket.read_json("monitoring/days.json").get("left_out")

    def test_the_mail_names_the_dropped_days_and_the_command_for_them(self, after_it):
        run(after_it)
        (mail,) = after_it.sns.messages
        assert mail["Subject"].startswith(f"[bank-stack] Days never judged: 4 days from {day_before(60)} to ")
        assert f"autowatch judge --from {day_before(60)} --to {day_before(31)}" in mail["Message"]
        assert self.left_out(after_it) == [{"from": day_before(60), "to": day_before(31), "days": 4}]

    def test_the_page_names_them_until_they_are_judged(self, after_it):
        run(after_it)
        page = after_it.bucket.read("reports/index.html")[0].decode()
        command = f"autowatch judge --from {day_before(60)} --to {day_before(31)}"
        assert command in page
        first, last = (date.fromisoformat(day_before(back)) for back in (60, 31))
        assert run(after_it, request=DayRange(first, last)).window.rows == 4 * 500
        run(after_it, now=NOW + timedelta(days=1))
        assert command not in after_it.bucket.read("reports/index.html")[0].decode()

    def test_they_are_alerted_on_once(self, after_it):
        run(after_it)
        run(after_it)
        run(after_it, now=NOW + timedelta(days=1))
        assert len(after_it.sns.messages) == 1
        assert after_it.bucket.read_json("monitoring/days.json")["complete_until"] == day_before(6)
        assert len(self.left_out(after_it)) == 1

    def test_after_a_failed_alert_they_are_not_noted(self, after_it, monkeypatch):
        before = after_it.bucket.read_json("monitoring/days.json")
        down = Mock(side_effect=EndpointConnectionError(endpoint_url="sns"))
        with monkeypatch.context() as patch:
            patch.setattr(after_it.sns, "publish", down)
            with pytest.raises(DaysFailed, match=f"1 of 31 days.* {day_before(31)}: "):
                run(after_it)
        assert after_it.bucket.read_json("monitoring/days.json")["complete_until"] == before["complete_until"]
        claimed = after_it.bucket.read_json("monitoring/days.json")
        a_minute_ago = to_text(datetime.now(UTC) - timedelta(minutes=1))
        after_it.bucket.write_json("monitoring/days.json", claimed | {"alerting": a_minute_ago})
        run(after_it)
        assert len(self.left_out(after_it)) == 1

    def test_a_stack_whose_job_never_ran_alerts_as_well(self, clients):
        baseline = release(clients.bucket.client)
        for back in (50, 45):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(back))
        run(clients)
        assert self.left_out(clients) == [{"from": day_before(50), "to": day_before(45), "days": 2}]

    def test_days_without_predictions_are_not_missed(self, clients):
        release(clients.bucket.client)
        run(clients, now=NOW - timedelta(days=60))
        run(clients)
        assert self.left_out(clients) is None
        assert clients.sns.messages == []

    def test_a_day_that_failed_for_a_month_is_alerted_on_when_dropped(self, clients):
        baseline = release(clients.bucket.client)
        score(clients.bucket.client, baseline, LIKE_TRAINING, day=day_before(29))
        spoil(clients, day_before(30))
        with pytest.raises(DaysFailed, match=day_before(30)):
            run(clients)
        run(clients, now=NOW + timedelta(days=1))
        assert self.left_out(clients) == [{"from": day_before(30), "to": day_before(30), "days": 1}]
