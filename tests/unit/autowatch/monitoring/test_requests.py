from datetime import UTC, date, datetime

import pytest

from autowatch.monitoring.requests import (
    DayRange,
    DueDays,
    InvalidRequest,
    OneDay,
    RawFile,
    read_request,
    read_time,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "request_"),
    [
        ({}, DueDays()),
        ({"time": "2026-11-23T20:00:00Z"}, DueDays()),
        ({"date": "2026-11-01"}, OneDay(date(2026, 11, 1))),
        ({"date": "2026-11-23"}, OneDay(NOW.date())),
        ({"time": "2026-11-23T20:00:00Z", "date": "2026-11-01"}, OneDay(date(2026, 11, 1))),
        ({"from": "2026-10-30", "to": "2026-11-02"}, DayRange(date(2026, 10, 30), date(2026, 11, 2))),
        ({"raw_key": "inference/a.csv"}, RawFile("inference/a.csv", None)),
        ({"raw_key": "inference/a.csv", "run": "run-1"}, RawFile("inference/a.csv", "run-1")),
    ],
    ids=str,
)
def test_every_request_is_read(event, request_):
    assert read_request(event, NOW.date()) == request_


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"dates": "2026-11-01"}, "keys dates"),
        ({"date": "2026-11-01", "from": "2026-11-01"}, "keys date, from"),
        ({"from": "2026-11-01"}, "no 'to'"),
        ({"from": "2026-13-01"}, "no 'to'"),
        ({"from": "2026-13-01", "to": "2026-11-01"}, "2026-13-01 is not in the calendar"),
        ({"to": "2026-11-01"}, "no 'from'"),
        ({"run": "run-1"}, "no 'raw_key'"),
        ({"date": "yesterday"}, "'yesterday' is not a date"),
        ({"date": "20261101"}, "not a date"),
        ({"date": "2026-W01-1"}, "not a date"),
        ({"date": "2026-02-30"}, "2026-02-30 is not in the calendar"),
        ({"date": "0000-00-00"}, "is not in the calendar"),
        ({"date": "\u0662026-11-23"}, "not a date"),
        ({"date": ""}, "not a date"),
        ({"date": 20261101}, "must be strings"),
        ({"date": None}, "must be strings"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "before it begins"),
        ({"from": "2024-01-01", "to": "2025-01-01"}, "367 days"),
        ({"date": "2026-11-24"}, "is in the future"),
        ({"from": "2026-11-20", "to": "2026-11-24"}, "is in the future"),
        ({"raw_key": ""}, "is not under"),
        ({"raw_key": "labels/a.csv"}, "is not under inference/, predictions/, training/"),
        ({"raw_key": "/inference/a.csv"}, "is not under"),
        ({"raw_key": "inference/a.csv", "run": ""}, "not the name of a run"),
        ({"raw_key": "inference/a.csv", "run": "../x"}, "not the name of a run"),
    ],
    ids=str,
)
def test_any_other_event_is_one_clear_error(event, words):
    with pytest.raises(InvalidRequest, match=words):
        read_request(event, NOW.date())


def test_a_range_includes_both_ends():
    assert len(DayRange(date(2026, 2, 27), date(2026, 3, 1)).days) == 3
    assert DayRange(date(2026, 2, 1), date(2026, 2, 1)).days == [date(2026, 2, 1)]
    assert len(read_request({"from": "2024-01-01", "to": "2024-12-31"}, NOW.date()).days) == 366


def test_the_time_is_the_scheduled_one_in_utc():
    assert read_time({"time": "2026-11-23T23:30:00-05:00"}, NOW) == datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
    assert read_time({}, NOW) == NOW


@pytest.mark.parametrize("time", ["soon", "", 5, None])
def test_an_invalid_time_is_rejected(time):
    with pytest.raises(InvalidRequest, match="is not a time"):
        read_time({"time": time}, NOW)
