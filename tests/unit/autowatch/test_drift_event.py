import json
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from autowatch.drift import AlarmKind
from autowatch.drift_event import EventRefused, put_event
from tests.unit.autowatch.monitored_bucket import DRIFTED, Bus, monitored_bucket, release, run, score

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "drift-detected.schema.json").read_text())
LARGEST = 256 * 1024
PART = {
    "run": "run-1",
    "rows": 500,
    "drifted_columns": ["age"],
    "drift_share": 0.5,
    "since": "2026-11-20",
    "alarms": [{"column": None, "kind": "volume", "message": "12 rows."}],
    "columns": [{"name": "age", "importance": 1.0}, {"name": "job", "importance": 0.0}],
}


def check(detail):
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(detail)


def put(part):
    bus = Bus()
    put_event(bus, "bank", "2026-11-23", part, "reports/date=2026-11-23/drift.json")
    (entry,) = bus.entries
    return entry


def test_the_schema_is_one_and_knows_every_alarm():
    Draft202012Validator.check_schema(SCHEMA)
    kinds = SCHEMA["properties"]["alarms"]["items"]["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted(get_args(AlarmKind))


def test_the_event_of_a_judged_day_is_as_documented():
    with monitored_bucket() as clients:
        score(clients.s3, release(clients.s3), DRIFTED)
        run(clients)
        (entry,) = clients.events.entries
    detail = json.loads(entry["Detail"])
    check(detail)
    assert set(detail) == set(SCHEMA["required"]) == set(SCHEMA["properties"])


@pytest.mark.parametrize(
    "name", ["größe", "\u0000", "😀" * 300, "\n" * 300, '"' * 300], ids=["ö", "nul", "emoji", "lf", "quotes"]
)
def test_hundreds_of_hostile_names_fit_into_an_event(name):
    names = [f"{name}{number}" for number in range(500)]
    alarms = [{"column": other, "kind": "out of range", "message": "x" * 10_000} for other in names]
    entry = put(PART | {"drifted_columns": names, "alarms": alarms})
    check(json.loads(entry["Detail"]))
    assert sum(len(entry[field].encode()) for field in ("Source", "DetailType", "Detail")) < LARGEST


def test_alarms_of_columns_without_importance_are_left_out():
    alarms = [{"column": name, "kind": "new categories", "message": "2% are new."} for name in ("job", "age")]
    detail = json.loads(put(PART | {"alarms": alarms})["Detail"])
    assert detail["alarms"] == [{"column": "age", "kind": "new categories"}]


def test_it_is_sent_under_the_name_that_the_rule_looks_for():
    entry = put(PART)
    assert (entry["Source"], entry["DetailType"]) == ("autowatch", "DriftDetected")


def test_an_event_that_eventbridge_refuses_is_an_error():
    bus = Bus()
    bus.refuses = True
    with pytest.raises(EventRefused, match="2026-11-23: ThrottlingException"):
        put_event(bus, "bank", "2026-11-23", PART, "reports/date=2026-11-23/drift.json")
