import json

import pytest

from autowatch.monitoring.drift.judge import DriftRules
from autowatch.monitoring.drift.recorded_settings import RecordedSettings, changes
from autowatch.monitoring.drift.settings import DriftSettings, parse_drift_settings


def recorded(text):
    return RecordedSettings.of(parse_drift_settings(text.encode(), 500))


def changed(before, now):
    return changes(recorded(before), recorded(now))


def test_only_what_differs_from_the_defaults_is_recorded():
    text = """
alert: {days: 2, of: 3, drift_share: 0.5, ended: 0, repeat: 7}
compare: weekday
weights: model
defaults: {distance: 0.3, importance: 1}
columns: {age: {importance: 0, distance: 0.3}, job: {distance: 0.07}, pdays: {distance: 0.3}}
volume: {least: 0.5, most: 3}
"""
    assert recorded(text).to_json() == {
        "alert": {"days": 2, "of": 3, "drift_share": 0.5, "ended": 0},
        "compare": "weekday",
        "weights": "model",
        "defaults": {"distance": 0.3},
        "columns": {"age": {"importance": 0}, "job": {"distance": 0.07}},
        "volume": {"most": 3},
    }


def test_the_defaults_leave_an_empty_record():
    assert RecordedSettings.of(DriftSettings(DriftRules(min_rows=7))).to_json() == {}


def test_a_report_is_read_back_as_it_was_recorded():
    settings = recorded("compare: weekday\ncolumns: {a: {importance: 0}}\nalert: {ended: 0}")
    assert RecordedSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_report_of_an_older_version_has_none():
    assert RecordedSettings.from_json(None) is None


@pytest.mark.parametrize("document", [[], {"columns": {"a": 1}}, {"alert": {"days": "x"}}, {"compare": "x"}])
def test_malformed_settings_are_rejected(document):
    with pytest.raises(ValueError, match="the settings are malformed"):
        RecordedSettings.from_json(document)


def test_columns_with_the_same_new_value_are_named_together():
    now = "columns: {" + ", ".join(f"c{n:02}: {{importance: 0}}" for n in range(12)) + "}"
    assert changed("", now) == ["importance of 12 columns set to 0: c00, c01 and 10 more"]
    assert changed(now, now) == []


def test_every_kind_of_change_is_listed():
    now = """
alert: {days: 2, of: 3, ended: 0}
compare: weekday
weights: model
defaults: {distance: 0.3}
columns: {age: {importance: 0}}
volume: {least: 0}
"""
    assert changed("", now) == [
        "importance of age set to 0",
        "defaults.distance 0.07 → 0.3",
        "alert.days 1 → 2",
        "alert.of 1 → 3",
        "alert.ended 1 → 0",
        "compare training → weekday",
        "weights equal → model",
        "volume.least 0.5 → 0",
    ]


def test_removed_settings_are_listed_as_well():
    assert changed("columns: {age: {importance: 0}}", "") == ["importance of age set to 1"]


def test_a_column_that_keeps_its_rule_is_not_named_if_defaults_change():
    before, now = "columns: {age: {importance: 3}}", "columns: {age: {importance: 3, distance: 0.07}}"
    assert changed(before, f"defaults: {{distance: 0.3}}\n{now}") == ["defaults.distance 0.07 → 0.3"]
    assert changed(before, now) == []


def test_a_column_that_follows_the_defaults_is_not_named_with_them():
    column = "columns: {age: {importance: 3}}"
    assert changed(column, f"defaults: {{new_rise: 1}}\n{column}") == ["defaults.new_rise 0.01 → 1"]


def test_a_long_name_is_cut():
    (told,) = changed("", f"columns: {{{'x' * 500}: {{importance: 0}}}}")
    assert len(told) < 100
