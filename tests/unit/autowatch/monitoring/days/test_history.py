from datetime import timedelta

import pytest

from autowatch.aws.objects import Bucket
from autowatch.monitoring.days.history import HISTORY_DAYS, read_history, same_weekdays
from autowatch.records.keys import report_key
from tests.support.monitored_bucket import BUCKET, NOW
from tests.support.reported_days import reported

TODAY = NOW.date()


def put_report(s3, day, **changes):
    part = {
        "run": "run-1",
        "verdict": "drift",
        "rows": 1_000,
        "files": 2,
        "reference_rows": 2_000,
        "min_rows": 300,
        "drifted_columns": ["age"],
        "drift_share": 1.0,
        "alarms": [{"column": "age", "kind": "out of range", "message": "m"}],
        "columns": [{"name": "age", "importance": 1}],
        "since": "2026-11-01",
    }
    document = {
        "date": day.isoformat(),
        "generated": f"{day}T20:00:00Z",
        **part,
        "other_runs": [
            part | {"run": "run-0", "verdict": "not enough data", "rows": 7, "files": 1, "alarms": []}
        ],
        "extra_columns": ["x"],
        "refused_files": {"NotUtf8": 2, "NoRows": 1},
        "inputs": "9f86d0",
        "alerting": None,
        "told": [],
    }
    Bucket(s3, BUCKET).write_json(report_key(day), document | changes)


def test_it_has_what_later_days_need(s3):
    put_report(s3, TODAY)

    day = read_history(Bucket(s3, BUCKET), TODAY)[TODAY]

    assert (day.rows, day.files, day.extra_columns, day.model_columns) == (1_007, 3, {"x"}, {"age"})
    assert day.inputs == "9f86d0"
    assert (day.has_rows_enough, day.failed) == (True, False)
    assert (day.of("run-1").alarmed, day.of("run-0").alarmed, day.of("run-2")) == (True, False, None)


@pytest.mark.parametrize(("importance", "alarmed"), [(0, False), (0.1, True)])
def test_an_alarm_of_a_column_without_importance_does_not_count(s3, importance, alarmed):
    put_report(s3, TODAY, columns=[{"name": "age", "importance": importance}])
    assert read_history(Bucket(s3, BUCKET), TODAY)[TODAY].of("run-1").alarmed is alarmed


def test_it_reaches_back_from_the_day_to_the_limit(s3):
    wanted = [TODAY - timedelta(days=back) for back in (HISTORY_DAYS, 1, 0)]
    for day in [*wanted, TODAY - timedelta(days=HISTORY_DAYS + 1), TODAY + timedelta(days=1)]:
        put_report(s3, day)
    assert sorted(read_history(Bucket(s3, BUCKET), TODAY)) == wanted


def test_other_objects_below_reports_are_left_out(s3):
    put_report(s3, TODAY)
    for key in (
        f"date={TODAY}/quality.json",
        f"date={TODAY}/index.html",
        "date=x/drift.json",
        "range=a_b/drift.json",
    ):
        s3.put_object(Bucket=BUCKET, Key=f"reports/{key}", Body=b"{}")
    assert list(read_history(Bucket(s3, BUCKET), TODAY)) == [TODAY]


@pytest.mark.parametrize(
    "changes",
    [
        {"other_runs": {"files": 0, "rows": 0}},
        {"told": 5},
        {"date": "soon"},
        {"columns": None},
        {"generated": "soon"},
        {"generated": ""},
        {"alerting": 5},
        {"run": None},
        {"rows": "7"},
        {"files": None},
        {"since": "soon"},
        {"drift_share": None},
        {"drifted_columns": ["job"]},
    ],
    ids=str,
)
def test_a_malformed_report_does_not_affect_the_others(s3, changes):
    put_report(s3, TODAY)
    put_report(s3, TODAY - timedelta(days=1), **changes)
    assert list(read_history(Bucket(s3, BUCKET), TODAY)) == [TODAY]


def test_a_report_that_is_not_json_does_not_affect_the_others(s3):
    put_report(s3, TODAY)
    s3.put_object(Bucket=BUCKET, Key=report_key(TODAY - timedelta(days=1)), Body=b"{")
    assert list(read_history(Bucket(s3, BUCKET), TODAY)) == [TODAY]


class TestSameWeekdays:
    """The reference of a day that is compared with earlier days of the same weekday."""

    def weeks(self, letters):
        """The reference of today after these weeks, one letter for each; the last letter is last week."""
        history, references = {}, []
        for number, letter in enumerate([*letters, "n"]):
            day = TODAY - timedelta(weeks=len(letters) - number)
            references.append(same_weekdays("run-1", day, history))
            if letter != " ":
                history[day] = reported(day, letter, compared_with=references[-1])
        return [[(TODAY - each).days // 7 for each in reference] for reference in references]

    def test_they_are_the_last_four(self):
        assert self.weeks("nnnnnn") == [[], [6], [6, 5], [6, 5, 4], [6, 5, 4, 3], [5, 4, 3, 2], [4, 3, 2, 1]]

    def test_days_compared_with_the_training_data_show_the_rhythm(self):
        assert self.weeks("Dn") == [[], [2], [2, 1]]

    def test_lasting_drift_does_not_become_its_own_reference(self):
        assert self.weeks("nn" + "D" * 12)[-1] == [14, 13]

    def test_it_resumes_when_the_drift_is_over(self):
        assert self.weeks("nnDDn")[-1] == [5, 4, 1]

    def test_weeks_without_rows_are_skipped_for_a_month(self):
        assert self.weeks("nn   ")[-1] == [5, 4]
        assert self.weeks("nn    ")[-1] == []
        assert self.weeks("nn-")[-1] == [3, 2]

    def test_those_of_another_run_do_not_count(self):
        day = TODAY - timedelta(weeks=1)
        assert same_weekdays("run-2", TODAY, {day: reported(day)}) == ()
