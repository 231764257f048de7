import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.arrival import Arrival, output_keys

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("inference/a.csv", "a"),
        ("inference/sub/dir/a.csv", "sub/dir/a"),
        ("inference/a b+ü%41.csv", "a b+ü%41"),
        ("inference/a.csv.csv", "a.csv"),
    ],
)
def test_keys_follow_the_input(key, name):
    version = hashlib.sha256(b"v1").hexdigest()[:16]
    east = timezone(timedelta(hours=5))
    arrival = Arrival(ObjectVersion(key, "v1", "e", 1), datetime(2026, 11, 24, 3, 0, tzinfo=east))
    keys = output_keys(arrival, "predictions/")
    assert keys.predictions == f"predictions/date=2026-11-23/{name}-{version}.csv"
    assert keys.error == f"rejected/date=2026-11-23/{name}-{version}.error.json"


def test_ids_depend_on_key_and_version_alone():
    arrival = Arrival(ObjectVersion("inference/a.csv", "v1", "e", 1), TIME)
    later = replace(arrival, time=datetime(2027, 1, 1, tzinfo=UTC))
    others = [
        replace(arrival, file=replace(arrival.file, key="inference/b.csv")),
        replace(arrival, file=replace(arrival.file, version_id="v2")),
    ]
    assert arrival.id_prefix == later.id_prefix
    assert len({arrival.id_prefix, *(other.id_prefix for other in others)}) == 3


@pytest.mark.parametrize("letter", ["n", "ü", "🙂"])
def test_a_long_name_is_cut_and_stays_unlike_others(letter):
    def predictions(name):
        return output_keys(
            Arrival(ObjectVersion(f"inference/{name}.csv", None, "e", 1), TIME), "predictions/"
        ).predictions

    fits = letter * (900 // len(letter.encode()))
    assert fits in predictions(fits)
    longer = [predictions(f"{fits}{end}") for end in "ab"]
    assert len({*longer}) == 2
    assert all(len(key.encode()) <= len(predictions("n" * 900)) for key in longer)
    assert predictions(f"{fits}a") == longer[0]
