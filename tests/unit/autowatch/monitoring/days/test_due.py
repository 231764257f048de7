from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.monitoring.days.due import DayFiles, close_days, find_days_left_out, is_due, open_days
from autowatch.records.days import DaysLeftOut
from autowatch.records.keys import DAYS_KEY
from autowatch.records.timestamps import to_text
from tests.support.reported_days import TODAY, reported

BUCKET = "bank"
EVENING = datetime(2026, 11, 23, 20, tzinfo=UTC)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def files(manifests=0, refused=0):
    return DayFiles(
        {f"m{number}": "e" for number in range(manifests)}, {f"r{number}": "e" for number in range(refused)}
    )


class TestIsDue:
    @pytest.mark.parametrize(("day", "due"), [(TODAY, True), (YESTERDAY, False)])
    def test_a_day_without_files_is_due_only_today(self, day, due):
        assert is_due(files(), None, day, EVENING) is due

    @pytest.mark.parametrize("found", [files(1), files(0, 1), files(2, 2)])
    def test_a_day_with_files_but_no_report_is_due(self, found):
        assert is_due(found, None, YESTERDAY, EVENING)

    def test_a_day_whose_report_covers_the_files_is_not_due(self):
        assert not is_due(files(1, 2), reported(TODAY, inputs=files(1, 2).digest), TODAY, EVENING)

    @pytest.mark.parametrize(
        "found",
        [
            files(2, 2),
            files(1, 3),
            files(0, 2),
            DayFiles({"another": "e"}, files(1, 2).refused),
            DayFiles({"m0": "written anew"}, files(1, 2).refused),
            DayFiles(files(1, 2).manifests, {"r0": "e", "another": "e"}),
            DayFiles(files(1, 2).refused, files(1, 2).manifests),
        ],
    )
    def test_a_day_whose_report_does_not_cover_the_files_is_due(self, found):
        assert is_due(found, reported(TODAY, inputs=files(1, 2).digest), TODAY, EVENING)

    def test_a_morning_report_is_repeated_once_in_the_evening(self):
        covered = reported(TODAY, inputs=files(1).digest)
        morning = replace(covered, generated="2026-11-23T09:00:00Z")
        assert not is_due(files(1), morning, TODAY, EVENING.replace(hour=12))
        assert is_due(files(1), morning, TODAY, EVENING)
        assert is_due(files(1), morning, TODAY, EVENING + timedelta(days=3))
        assert not is_due(files(1), covered, TODAY, EVENING + timedelta(days=3))

    def test_a_day_with_a_run_that_could_not_be_judged_is_tried_again(self):
        assert is_due(files(1), reported(TODAY, failed=True, inputs=files(1).digest), TODAY, EVENING)


class TestOpenDays:
    def test_without_a_note_they_reach_back_thirty_days(self, s3):
        days = open_days(Bucket(s3, BUCKET), TODAY)
        assert (days[0], days[-1], len(days)) == (date(2026, 10, 24), TODAY, 31)

    def test_with_a_note_they_start_after_the_last_complete_day(self, s3):
        Bucket(s3, BUCKET).write_json(DAYS_KEY, {"complete_until": "2026-11-16"})
        days = open_days(Bucket(s3, BUCKET), TODAY)
        assert (days[0], days[-1], len(days)) == (date(2026, 11, 17), TODAY, 7)

    @pytest.mark.parametrize("until", ["2026-11-17", "2026-11-23", "2027-01-01"])
    def test_a_note_about_days_that_cannot_be_settled_is_ignored(self, s3, until):
        """Such a note would hide every later file for good."""
        Bucket(s3, BUCKET).write_json(DAYS_KEY, {"complete_until": until})
        assert len(open_days(Bucket(s3, BUCKET), TODAY)) == 31

    def test_after_a_year_only_thirty_days_are_open(self, s3):
        Bucket(s3, BUCKET).write_json(DAYS_KEY, {"complete_until": "2025-11-20"})
        assert len(open_days(Bucket(s3, BUCKET), TODAY)) == 31

    @pytest.mark.parametrize("note", [{}, [], {"complete_until": 5}, {"complete_until": "soon"}], ids=str)
    def test_a_malformed_note_is_ignored(self, s3, note):
        Bucket(s3, BUCKET).write_json(DAYS_KEY, note)
        assert len(open_days(Bucket(s3, BUCKET), TODAY)) == 31


class TestCloseDays:
    def test_days_stay_open_while_files_may_still_come_for_them(self, s3):
        days = open_days(Bucket(s3, BUCKET), TODAY)
        close_days(Bucket(s3, BUCKET), days, EVENING)
        assert Bucket(s3, BUCKET).read_json(DAYS_KEY) == {"complete_until": "2026-11-16"}
        assert len(open_days(Bucket(s3, BUCKET), TODAY)) == 7

    def test_nothing_is_written_when_nothing_is_settled(self, s3):
        close_days(Bucket(s3, BUCKET), [YESTERDAY, TODAY], EVENING)
        close_days(Bucket(s3, BUCKET), [], EVENING)
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


class TestDaysLeftOut:
    def scored(self, s3, *days):
        for day in days:
            s3.put_object(Bucket=BUCKET, Key=f"predictions/date={day}/a.manifest.json", Body=b"{}")

    def test_without_a_gap_none_are_left_out(self, s3):
        self.scored(s3, "2026-10-23", "2026-10-24")
        Bucket(s3, BUCKET).write_json(DAYS_KEY, {"complete_until": "2026-10-23"})
        assert find_days_left_out(Bucket(s3, BUCKET), "predictions/", TODAY) == []

    def test_no_range_is_longer_than_one_that_can_be_judged(self, s3):
        self.scored(s3, "2024-11-20", "2025-11-20", "2025-11-21", "2026-01-05")
        first, second = find_days_left_out(Bucket(s3, BUCKET), "predictions/", TODAY)
        assert first == DaysLeftOut(date(2024, 11, 20), date(2025, 11, 20), 2)
        assert second == DaysLeftOut(date(2025, 11, 21), date(2026, 1, 5), 2)

    def test_folders_that_are_not_days_are_ignored(self, s3):
        self.scored(s3, "2026-02-30", "x")
        assert find_days_left_out(Bucket(s3, BUCKET), "predictions/", TODAY) == []

    def test_a_note_claimed_by_another_run_is_not_changed(self, s3):
        claimed = {"complete_until": None, "alerting": to_text(datetime.now(UTC))}
        Bucket(s3, BUCKET).write_json(DAYS_KEY, claimed)
        close_days(Bucket(s3, BUCKET), open_days(Bucket(s3, BUCKET), TODAY), EVENING)
        assert Bucket(s3, BUCKET).read_json(DAYS_KEY) == claimed
