"""Ranges of days and raw files."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from autowatch.aws.objects import ObjectMissing, ObjectVersion
from autowatch.errors import UnreadableFile
from autowatch.monitoring.drift.baselines import BaselineUnusable
from autowatch.monitoring.requests import DayRange, RawFile
from autowatch.monitoring.windows import UnknownRun
from autowatch.records.contract import Contract, Feature
from autowatch.tabular.profile import baseline_column, with_predictions
from tests.support.monitored_bucket import (
    BUCKET,
    DRIFTED,
    LIKE_TRAINING,
    NOW,
    TODAY,
    keys,
    release,
    run,
    score,
)


def day_before(days):
    return (NOW - timedelta(days=days)).date()


def judge_range(clients, first, last):
    return run(clients, request=DayRange(first, last)).window


def judge_file(clients, key="inference/a.csv", of_run=None):
    return run(clients, request=RawFile(key, of_run)).window


def put_csv(clients, columns, key="inference/a.csv", delimiter=","):
    rows = [delimiter.join(columns), *(delimiter.join(row) for row in zip(*columns.values(), strict=True))]
    clients.bucket.client.put_object(Bucket=BUCKET, Key=key, Body="\n".join(rows).encode())


class TestRange:
    def test_the_report_has_the_models_use_of_each_column(self, clients):
        baseline, bucket = release(clients.bucket.client), clients.bucket
        features = (Feature("age", "numeric"), Feature("job", "categorical"))
        training = ObjectVersion("k", None, "e", 1)
        contract = Contract("run-1", "y", ("no", "yes"), "yes", features, (), 2_000, 1, training)
        bucket.write_json(
            "models/run-1/contract.json", replace(contract, importance={"age": 0.75, "job": 0.25})
        )
        score(bucket.client, baseline, DRIFTED, day=str(day_before(2)))
        settings = b"weights: model\nalert: {drift_share: 0.7}"
        bucket.client.put_object(Bucket=BUCKET, Key="monitoring/settings.yaml", Body=settings)

        window = judge_range(clients, day_before(3), day_before(1))

        columns = {each["name"]: each for each in bucket.read_json(window.report_key)["columns"]}
        assert {name: each["use"] for name, each in columns.items()} == {"age": 0.75, "job": 0.25}
        assert {name: each["importance"] for name, each in columns.items()} == {"age": 1.5, "job": 0.5}
        assert (window.verdict, window.drifted_columns) == ("drift", ("age",))

    def test_all_rows_are_judged_at_once_without_an_alert(self, clients):
        baseline = release(clients.bucket.client)
        for back in (4, 3, 2, 1):
            score(
                clients.bucket.client,
                baseline,
                {name: texts[:200] for name, texts in DRIFTED.items()},
                day=str(day_before(back)),
            )

        window = judge_range(clients, day_before(3), day_before(2))

        assert (window.verdict, window.rows, window.drifted_columns) == ("drift", 400, ("age",))
        assert window.report_key == "reports/range=2026-11-20_2026-11-21/drift.json"
        assert (clients.sns.messages, clients.events.entries) == ([], [])
        assert keys(clients, "reports/") == [window.report_key, window.page_key]
        document = clients.bucket.read_json(window.report_key)
        assert (document["from"], document["to"], document["since"]) == ("2026-11-20", "2026-11-21", None)
        assert "date" not in document

    def test_each_run_is_judged_separately(self, clients):
        score(clients.bucket.client, release(clients.bucket.client, "run-1"), DRIFTED, day=str(day_before(1)))
        score(clients.bucket.client, release(clients.bucket.client, "run-2"), LIKE_TRAINING)

        window = judge_range(clients, day_before(1), day_before(0))

        (other,) = clients.bucket.read_json(window.report_key)["other_runs"]
        assert (window.run, window.verdict, other["run"], other["verdict"]) == (
            "run-2",
            "no drift",
            "run-1",
            "drift",
        )

    def test_a_range_without_rows_is_not_enough_data(self, clients):
        release(clients.bucket.client)
        assert judge_range(clients, date(2025, 1, 1), date(2025, 12, 31)).verdict == "not enough data"

    def test_refused_files_and_rejected_rows_are_summed_over_all_days(self, clients):
        baseline = release(clients.bucket.client)
        for back in (1, 0):
            score(clients.bucket.client, baseline, LIKE_TRAINING, day=str(day_before(back)), rejected=2)
            clients.bucket.write_json(f"rejected/date={day_before(back)}/x.error.json", {"error": "NotUtf8"})
        window = judge_range(clients, day_before(1), day_before(0))
        assert window.rejected_rows == 4
        assert clients.bucket.read_json(window.report_key)["refused_files"] == {"NotUtf8": 2}

    def test_the_reports_of_the_days_are_unchanged(self, clients):
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        judge_range(clients, day_before(0), day_before(0))
        (day,) = run(clients).days
        assert (day.date, day.notified) == (TODAY, True)


class TestFile:
    def test_its_rows_are_judged_like_those_of_a_day(self, clients):
        baseline = release(clients.bucket.client)
        put_csv(clients, DRIFTED)
        score(clients.bucket.client, baseline, DRIFTED)

        window = judge_file(clients)
        run(clients)

        of_file = clients.bucket.read_json(window.report_key)
        of_day = clients.bucket.read_json(f"reports/date={TODAY}/drift.json")
        assert of_file["columns"] == of_day["columns"]
        assert (window.verdict, window.rows) == ("drift", 500)
        assert window.report_key.startswith("reports/file=a-")
        assert of_file["key"] == "inference/a.csv"

    def test_malformed_rows_are_left_out_and_counted(self, clients):
        release(clients.bucket.client)
        put_csv(
            clients,
            {name: [*texts, bad] for (name, texts), bad in zip(LIKE_TRAINING.items(), "xy", strict=True)},
        )
        window = judge_file(clients)
        assert (window.rows, window.rejected_rows, window.verdict) == (500, 1, "no drift")

    def test_the_run_need_not_be_the_champion(self, clients):
        release(clients.bucket.client, "run-1")
        release(clients.bucket.client, "run-2")
        put_csv(clients, LIKE_TRAINING)
        assert judge_file(clients, of_run="run-1").run == "run-1"
        assert judge_file(clients).run == "run-2"

    @pytest.mark.parametrize("predicted", [False, True])
    def test_predictions_are_judged_if_the_file_has_them(self, clients, predicted):
        column = baseline_column(
            "y_probability", "prediction", "numeric", Counter(["0.1", "0.2", "0.9"] * 300), bounds=(0.0, 1.0)
        )
        clients.bucket.write_json(
            "models/run-1/baseline.json",
            with_predictions(release(clients.bucket.client), [column]),
        )
        put_csv(clients, LIKE_TRAINING | ({"y_probability": ["0.9"] * 500} if predicted else {}))

        window = judge_file(clients)

        assert window.drifted_columns == (("y_probability",) if predicted else ())
        assert window.alarms == 0

    def test_a_missing_column_raises_an_alarm(self, clients):
        release(clients.bucket.client)
        put_csv(clients, {"job": LIKE_TRAINING["job"]})
        window = judge_file(clients)
        (alarm,) = clients.bucket.read_json(window.report_key)["alarms"]
        assert (alarm["column"], alarm["kind"], window.verdict) == ("age", "missing column", "no drift")

    def test_each_version_has_its_own_report(self, clients):
        release(clients.bucket.client)
        put_csv(clients, LIKE_TRAINING)
        first = judge_file(clients)
        put_csv(clients, DRIFTED, delimiter=";")
        second = judge_file(clients)
        assert first.report_key != second.report_key
        assert (first.verdict, second.verdict) == ("no drift", "drift")

    def test_a_report_keeps_the_folders_of_its_key(self, clients):
        release(clients.bucket.client)
        put_csv(clients, LIKE_TRAINING, key="predictions/date=2026-11-23/ü/a b.csv")
        assert judge_file(clients, "predictions/date=2026-11-23/ü/a b.csv").report_key.startswith(
            "reports/file=predictions/date=2026-11-23/ü/a b-"
        )

    def test_a_missing_file_is_named(self, clients):
        release(clients.bucket.client)
        with pytest.raises(ObjectMissing, match=r"inference/a\.csv does not exist"):
            judge_file(clients)

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe,\n1,2\n", b"age,job\n"])
    def test_a_malformed_file_is_a_clear_error(self, clients, body):
        release(clients.bucket.client)
        clients.bucket.client.put_object(Bucket=BUCKET, Key="inference/a.csv", Body=body)
        with pytest.raises(UnreadableFile):
            judge_file(clients)
        assert keys(clients, "reports/") == []

    def test_an_unknown_run_is_named_with_the_remedy(self, clients):
        release(clients.bucket.client)
        put_csv(clients, LIKE_TRAINING)
        with pytest.raises(
            UnknownRun, match=r"no run 'run-0' .*models/run-0/baseline\.json.*`autowatch runs`"
        ):
            judge_file(clients, of_run="run-0")
        assert keys(clients, "reports/") == []

    def test_a_champion_without_a_baseline_is_an_error(self, clients):
        release(clients.bucket.client)
        clients.bucket.client.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")
        put_csv(clients, LIKE_TRAINING)
        with pytest.raises(BaselineUnusable, match=r"models/run-1/baseline\.json is missing"):
            judge_file(clients)

    def test_settings_may_name_columns_that_an_older_run_lacks(self, clients):
        column = baseline_column(
            "y_probability", "prediction", "numeric", Counter(["0.1", "0.2"] * 300), bounds=(0.0, 1.0)
        )
        release(clients.bucket.client, "run-1")
        clients.bucket.write_json(
            "models/run-2/baseline.json",
            with_predictions(release(clients.bucket.client, "run-2"), [column]),
        )
        clients.bucket.client.put_object(
            Bucket=BUCKET, Key="monitoring/settings.yaml", Body=b"columns: {y_probability: {importance: 2}}"
        )
        put_csv(clients, LIKE_TRAINING)
        assert judge_file(clients, of_run="run-1").alarms == 0
