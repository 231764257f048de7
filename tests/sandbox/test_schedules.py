from datetime import UTC, datetime

import pytest

from sandbox.errors import TemplateError
from sandbox.events.schedules import next_time


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("cron(0 20 * * ? *)", "UTC", "2026-11-23T19:59:59", "2026-11-23T20:00:00"),
        ("cron(0 20 * * ? *)", "UTC", "2026-11-23T20:00:00", "2026-11-24T20:00:00"),
        ("cron(0 20 * * ? *)", "Europe/Berlin", "2026-07-01T00:00:00", "2026-07-01T18:00:00"),
        ("cron(0 20 * * ? *)", "Europe/Berlin", "2026-12-01T00:00:00", "2026-12-01T19:00:00"),
        ("cron(0 9 ? * 2 *)", "UTC", "2026-11-24T00:00:00", "2026-11-30T09:00:00"),  # 2 is Monday
        ("cron(0 9 ? * MON-FRI *)", "UTC", "2026-11-27T10:00:00", "2026-11-30T09:00:00"),
        ("cron(0 9 ? * 6#1 *)", "UTC", "2026-11-10T00:00:00", "2026-12-04T09:00:00"),  # first Friday
        ("cron(0 9 L * ? *)", "UTC", "2026-11-10T00:00:00", "2026-11-30T09:00:00"),
        ("cron(0 0 1 1 ? 2030)", "UTC", "2026-11-10T00:00:00", "2030-01-01T00:00:00"),
        ("rate(5 minutes)", "UTC", "2026-11-10T00:00:00", "2026-11-10T00:05:00"),
        ("rate(1 day)", "UTC", "2026-11-10T00:00:00", "2026-11-11T00:00:00"),
        ("at(2026-11-24T10:00:00)", "Europe/Berlin", "2026-11-23T00:00:00", "2026-11-24T09:00:00"),
    ],
)
def test_the_next_time(expression, zone, after, expected):
    assert next_time(expression, zone, at(after)) == at(expected)


@pytest.mark.parametrize("expression", ["at(2026-01-01T00:00:00)", "cron(0 0 1 1 ? 2020)"])
def test_a_past_schedule_never_fires_again(expression):
    assert next_time(expression, "UTC", at("2026-11-23T00:00:00")) is None


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("every day", "UTC"),
        ("cron(0 20 * *)", "UTC"),
        ("cron(0 25 * * ? *)", "UTC"),
        ("rate(0 minutes)", "UTC"),
        ("cron(0 20 * * ? *)", "Europe/Nowhere"),
    ],
)
def test_an_unknown_expression_is_reported(expression, zone):
    with pytest.raises(TemplateError):
        next_time(expression, zone, at("2026-11-23T00:00:00"))
