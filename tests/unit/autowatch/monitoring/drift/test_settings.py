import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.monitoring.drift.judge import ColumnRules, DriftRules
from autowatch.monitoring.drift.settings import (
    AlertRules,
    DriftSettings,
    InvalidDriftSettings,
    VolumeRules,
    parse_drift_settings,
    read_drift_settings,
)

DEFAULTS = DriftSettings(DriftRules(min_rows=400))
DOCUMENTED = b"""
alert: {days: 1, of: 1, drift_share: 0, repeat: 7, further: 1.5, ended: 1, refusals: 1}
compare: training
defaults: {distance: 0.07, missing_rise: 0.03, new_rise: 0.01, out_of_range_rise: 0.01, importance: 1}
columns:
  age: {distance: 0.1, importance: 3}
volume: {least: 0.5, most: 2, days: 14}
"""


def parse(text):
    return parse_drift_settings(text if isinstance(text, bytes) else text.encode(), 400)


def refused(text):
    with pytest.raises(InvalidDriftSettings) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("monitoring/settings.yaml")
    assert message.endswith("until then the defaults apply.")
    return message


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="bank")
        yield s3


def test_without_a_file_the_defaults_apply(s3):
    assert read_drift_settings(Bucket(s3, "bank"), 400) == DEFAULTS


def test_the_documented_settings_are_the_defaults_except_for_the_column(s3):
    s3.put_object(Bucket="bank", Key="monitoring/settings.yaml", Body=DOCUMENTED)

    settings = read_drift_settings(Bucket(s3, "bank"), 400)

    assert (settings.alert, settings.volume) == (DEFAULTS.alert, DEFAULTS.volume)
    assert (settings.rules.defaults, settings.rules.drift_share, settings.rules.min_rows) == (
        ColumnRules(),
        0,
        400,
    )
    assert settings.rules.of("age") == ColumnRules(distance=0.1, importance=3)
    assert settings.rules.of("job") == ColumnRules()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "---\n",
        "{}",
        "null",
        "columns:\n",
        "alert:\ndefaults:\nvolume:\ncolumns:\n",
        b"\xef\xbb\xbf{}",
    ],
)
def test_missing_settings_have_their_defaults(text):
    assert parse(text) == DEFAULTS


def test_a_columns_settings_build_on_the_set_defaults():
    rules = parse("defaults: {distance: 0.2, importance: 5}\ncolumns: {age: {importance: 1}, job: }").rules

    assert rules.of("age") == ColumnRules(distance=0.2, importance=1)
    assert rules.of("job") == rules.of("other") == ColumnRules(distance=0.2, importance=5)


def test_every_setting_is_read():
    settings = parse("alert: {days: 2, of: 3, drift_share: 0.25}\nvolume: {least: 0, most: 10, days: 3}")

    assert settings.alert == AlertRules(2, 3)
    assert settings.rules.drift_share == 0.25
    assert settings.volume == VolumeRules(0, 10, 3)


def test_every_choice_about_alerts_is_a_setting():
    settings = parse("alert: {repeat: 1, further: 3, ended: 0, refusals: 0}\ncompare: weekday")
    assert settings.alert == AlertRules(repeat=1, further=3.0, ended=False, refusals=False)
    assert settings.compare == "weekday"


def test_columns_have_equal_weights_by_default():
    assert parse("").rules.weights == parse("weights:").rules.weights == "equal"
    assert parse("weights: model").rules.weights == "model"
    assert "line 1: weights is neither of equal and model. Write one of the two" in refused("weights: 3")


@pytest.mark.parametrize("text", ["compare: month", "compare: [weekday]", "compare: {weekday: 1}"])
def test_an_unknown_comparison_is_rejected(text):
    assert "compare is neither of training and weekday. Write one of the two" in refused(text)


@pytest.mark.parametrize(
    "name", ["no", "1", "null", "~", "1.5e3", "2026-11-23", "a: b", "größe", "😀", "x" * 120]
)
def test_a_column_name_stays_text_even_if_yaml_would_convert_it(name):
    quoted = f'"{name}"' if ":" in name else name
    settings = parse(f"columns:\n  {quoted}: {{importance: 0}}\n")

    assert settings.rules.of(name).importance == 0
    settings.check_columns({name})


@pytest.mark.parametrize("number", ["0.01", "1e-2", "1E-02", ".01", "+0.01"])
def test_numbers_that_yaml_reads_as_text_are_accepted(number):
    assert parse(f"defaults: {{new_rise: {number}}}").rules.defaults.new_rise == 0.01


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("alrt: {}", 1, "no key 'alrt'. Use one of alert, compare, weights, defaults, columns, volume"),
        ("alert:\n  dayz: 2", 2, "alert has no key 'dayz'"),
        ("columns:\n  age:\n    dist: 1", 3, "'age' has no key 'dist'"),
        ("volume:\n  days: 2.5", 2, "days is 2.5. Write a number from 3 to 30"),
        ("volume:\n  days: 3.5", 2, "days is 3.5. Write a whole number"),
        ("alert: {days: 3, of: 2}", 1, "alert.days is 3, and alert.of is 2"),
        ("alert:\n  days: 2", 2, "alert.days is 2, and alert.of is 1"),
        ("alert: {days: 31, of: 30}", 1, "days is 31. Write a number from 1 to 30"),
        ("alert: {of: 31}", 1, "of is 31"),
        ("alert: {days: 0}", 1, "days is 0"),
        ("alert: {drift_share: 1.01}", 1, "drift_share is 1.01"),
        ("defaults: {distance: -0.1}", 1, "distance is -0.1. Write a number from 0 to 1"),
        ("defaults: {importance: -1}", 1, "importance is -1"),
        ("defaults: {distance: much}", 1, "distance is not a number"),
        ("defaults: {distance: '0.1'}", 1, "distance is not a number"),
        ("defaults: {distance: yes}", 1, "distance is not a number"),
        ("defaults: {distance: [0.1]}", 1, "distance is not a number"),
        ("defaults: {distance: .nan}", 1, "distance is not a number"),
        ("defaults: {distance: .inf}", 1, "distance is not a number"),
        ("defaults: {distance: 1_0}", 1, "distance is not a number"),
        ("defaults: {distance: }", 1, "distance is not a number"),
        ("volume: {most: 0.9}", 1, "most is 0.9"),
        ("alert: 5", 1, "alert is not a list"),
        ("- alert", 1, "the file is not a list"),
        ("text", 1, "the file is not a list"),
        ("columns: [age]", 1, "columns is not a list"),
        ("columns: {age: 0.1}", 1, "'age' is not a list"),
        ("columns:\n  age: {}\n  age: {}", 3, "the key 'age' twice"),
        ("? [a]\n: 1", 1, "no key of that form"),
        ("\ta: 1", 1, "not YAML"),
        ("alert: {days: 1", 1, "not YAML"),
        ("alert: {}\n---\nalert: {}", 2, "not YAML"),
        ("alert: *a", 1, "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_remedy(text, line, words):
    message = refused(text)

    assert f"settings.yaml, line {line}:" in message
    assert words in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a\x00b: 1", "not YAML"),
        (b"[" * 5_000, "nested too deeply"),
        (b"{" * 5_000, "nested too deeply"),
        (b"#" * 300_000, "larger than 256 kB"),
    ],
    ids=["latin", "nul", "brackets", "braces", "huge"],
)
def test_a_file_without_settings_is_rejected(content, words):
    assert words in refused(content)


def test_yaml_cannot_make_objects():
    assert "no key" in refused("!!python/object/apply:os.system ['true']: 1")


def test_a_hostile_name_leaves_a_short_message():
    assert len(refused(f"{'x' * 10_000}: 1")) < 300


def test_an_unknown_column_is_named_with_its_line():
    settings = parse("columns:\n  age:\n    distance: 0.1\n  agee: {}\n")

    with pytest.raises(InvalidDriftSettings, match=r"line 4: no model has a column 'agee'\."):
        settings.check_columns({"age"})
    settings.check_columns({"age", "agee", "job"})
