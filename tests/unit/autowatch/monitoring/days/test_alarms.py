from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from autowatch.monitoring.days.alarms import refusal_alarms, schema_alarms, settings_alarms, volume_alarms
from autowatch.monitoring.drift.recorded_settings import RecordedSettings
from autowatch.monitoring.drift.settings import VolumeRules
from tests.support.reported_days import TODAY, days_before, reported

EVENING = datetime(2026, 11, 23, 20, tzinfo=UTC)
RULES = VolumeRules()


def volume(rows, history, now=EVENING, rules=RULES):
    return [alarm.message for alarm in volume_alarms(TODAY, rows, history, rules, now)]


class TestVolume:
    @pytest.mark.parametrize(
        ("rows", "alarms"), [(499, 1), (500, 0), (1_000, 0), (2_000, 0), (2_001, 1), (0, 1)]
    )
    def test_the_bounds_come_from_the_settings(self, rows, alarms):
        assert len(volume(rows, days_before("nnn"))) == alarms

    def test_the_message_has_the_figures(self):
        (message,) = volume(12, days_before("nnDa"))
        assert message == "12 rows were scored, fewer than 0.5 times the median of the last 4 days (1,000)."

    @pytest.mark.parametrize(
        ("letters", "alarms"), [("", 0), ("nn", 0), ("nn----", 0), ("n n n", 1), ("nDa", 1)]
    )
    def test_three_days_with_a_verdict_are_needed(self, letters, alarms):
        assert len(volume(0, days_before(letters))) == alarms

    def test_days_on_which_no_column_counted_contribute_to_the_usual_volume(self):
        history = {
            day: replace(found, runs=(replace(found.runs[0], counts_nothing=True),))
            for day, found in days_before("---").items()
        }
        assert len(volume(0, history)) == 1

    def test_only_the_last_days_count(self):
        history = days_before("nnn" + "   ", rows=10) | days_before("nnn", rows=1_000)
        assert volume(400, history, rules=VolumeRules(days=3))
        assert not volume(400, history, rules=VolumeRules(days=6))

    def test_one_odd_day_does_not_change_the_usual_volume(self):
        history = days_before("nnnn") | {
            TODAY - timedelta(days=1): reported(TODAY - timedelta(days=1), rows=10**9)
        }
        assert not volume(1_000, history)

    def test_a_quiet_day_of_a_quiet_weekday_raises_no_alarm(self):
        history = days_before("nnnnnn") | {
            TODAY - timedelta(days=7): reported(TODAY - timedelta(days=7), "-", rows=0)
        }
        assert not volume(0, history)

    def test_a_quiet_day_after_a_busy_one_of_the_weekday_raises_an_alarm(self):
        assert volume(0, days_before("nnnnnnn"))

    def test_a_busy_day_of_a_busy_weekday_raises_no_alarm(self):
        history = days_before("nnnnnnnn") | {
            TODAY - timedelta(days=7): reported(TODAY - timedelta(days=7), rows=9_000)
        }
        assert not volume(9_000, history)
        assert volume(18_001, history)

    @pytest.mark.parametrize(("hour", "alarms"), [(9, 0), (17, 0), (18, 1), (23, 1)])
    def test_few_rows_raise_no_alarm_early_in_the_day(self, hour, alarms):
        assert len(volume(0, days_before("nnn"), EVENING.replace(hour=hour))) == alarms

    def test_many_rows_raise_an_alarm_at_any_hour(self):
        assert volume(9_000, days_before("nnn"), EVENING.replace(hour=1))

    def test_a_past_day_raises_an_alarm(self):
        assert volume(0, days_before("nnn"), EVENING.replace(hour=1) + timedelta(days=1))

    def test_a_minimum_of_zero_turns_the_alarm_off(self):
        assert not volume(0, days_before("nnn"), rules=VolumeRules(least=0))

    def test_later_days_do_not_count(self):
        history = {TODAY + timedelta(days=n): reported(TODAY + timedelta(days=n)) for n in (1, 2, 3)}
        assert not volume(0, history)


class TestRefusals:
    def test_they_are_counted_by_error(self):
        (alarm,) = refusal_alarms(TODAY, {"MissingColumns": 2, "NotUtf8": 1, "NoChampion": 5})
        assert (alarm.column, alarm.kind) == (None, "refused files")
        assert (
            alarm.message
            == "3 files were refused (2 MissingColumns, 1 NotUtf8): see rejected/date=2026-11-23/."
        )

    @pytest.mark.parametrize("refused", [{}, {"NoChampion": 3}, {"InputGone": 1, "NoChampion": 1}])
    def test_errors_unrelated_to_content_raise_no_alarm(self, refused):
        assert refusal_alarms(TODAY, refused) == []


def schema(history=None, extra=None, known=("age",), now=EVENING):
    return [alarm.message for alarm in schema_alarms(TODAY, extra, known, history or {}, now)]


class TestSchema:
    def test_new_and_disappeared_columns_raise_alarms(self):
        came, went = schema(days_before("n", extra=["a", "b"]), extra=["b", "c"])
        assert came == "New columns that the files of 2026-11-22 did not have: c."
        assert went == "Columns that the files of 2026-11-22 had are gone: a."

    def test_unchanged_columns_raise_no_alarm(self):
        assert schema(days_before("n", extra=["a"]), extra=["a"]) == []

    @pytest.mark.parametrize(("before", "today"), [(None, ["a"]), (["a"], None), (None, None)])
    def test_unknown_columns_raise_no_alarm(self, before, today):
        assert schema(days_before("n", extra=before), extra=today) == []

    def test_the_first_day_has_nothing_to_be_compared_with(self):
        assert schema(extra=["a"]) == []

    def test_a_column_that_a_new_model_dropped_is_not_new(self):
        assert schema(days_before("n", extra=["a"], model=("age", "job")), extra=["a", "job"]) == []

    def test_a_column_that_a_new_model_uses_has_not_disappeared(self):
        assert schema(days_before("n", extra=["a", "income"]), extra=["a"], known=("age", "income")) == []

    @pytest.mark.parametrize(("hour", "alarms"), [(4, 0), (17, 0), (18, 1)])
    def test_a_column_is_not_reported_as_gone_early_in_the_day(self, hour, alarms):
        """Its files may arrive later; otherwise a schedule in another time zone would report it every morning."""
        assert len(schema(days_before("n", extra=["a"]), extra=[], now=EVENING.replace(hour=hour))) == alarms

    def test_a_new_column_is_reported_at_any_hour(self):
        assert schema(days_before("n", extra=[]), extra=["a"], now=EVENING.replace(hour=1))

    def test_days_without_files_are_left_out(self):
        history = days_before("n ", extra=["a"]) | days_before("-", extra=None, files=0, rows=0)
        assert len(schema(history, extra=["b"])) == 2

    def test_many_hostile_names_make_a_short_message(self):
        (message,) = schema(
            days_before("n", extra=[]), extra=[f"{'x' * 9_000}{number}" for number in range(500)]
        )
        assert len(message) < 500
        assert message.endswith("and 495 more.")


class TestSettings:
    SILENT = RecordedSettings(columns={"age": {"importance": 0.0}})

    def alarms(self, settings, *recorded):
        """Today's alarms, after reports with these settings up to yesterday."""
        history = {
            day: replace(found, settings=then)
            for (day, found), then in zip(days_before("n" * len(recorded)).items(), recorded, strict=True)
        }
        return [alarm.message for alarm in settings_alarms(TODAY, settings, history)]

    def test_a_change_since_the_previous_report_raises_an_alarm(self):
        assert self.alarms(self.SILENT, RecordedSettings()) == [
            "Changed since 2026-11-22: importance of age set to 0."
        ]
        assert self.alarms(self.SILENT, RecordedSettings(), self.SILENT) == []

    def test_without_recorded_earlier_settings_there_is_no_alarm(self):
        assert self.alarms(self.SILENT) == []
        assert self.alarms(self.SILENT, RecordedSettings(), None) == []

    def test_later_reports_are_ignored(self):
        tomorrow = TODAY + timedelta(days=1)
        history = {tomorrow: replace(reported(tomorrow), settings=RecordedSettings())}
        assert settings_alarms(TODAY, self.SILENT, history) == []
