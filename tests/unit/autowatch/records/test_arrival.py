import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.arrival import Arrival, ForeignEvent, announcement, arrivals_in, output_keys

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("inference/a.csv", "a"),
        ("inference/sub/dir/a.csv", "sub/dir/a"),
        ("inference/a b+ü%41.csv", "a b+ü%41"),
        ("inference/a.csv.csv", "a.csv"),
        ("inference/../../etc/a.csv", "%2E%2E/%2E%2E/etc/a"),
        ("inference/./a.csv", "%2E/a"),
        ("inference/.../a..b.csv", ".../a..b"),
    ],
)
def test_keys_follow_the_input(key, name):
    version = hashlib.sha256(b"v1").hexdigest()[:16]
    east = timezone(timedelta(hours=5))
    arrival = Arrival(ObjectVersion(key, "v1", "e", 1), datetime(2026, 11, 24, 3, 0, tzinfo=east))
    keys = output_keys(arrival, "predictions/")
    assert keys.predictions == f"predictions/date=2026-11-23/{name}-{version}.csv"
    assert keys.error == f"rejected/date=2026-11-23/{name}-{version}.error.json"


def test_ids_depend_only_on_key_and_version():
    arrival = Arrival(ObjectVersion("inference/a.csv", "v1", "e", 1), TIME)
    later = replace(arrival, time=datetime(2027, 1, 1, tzinfo=UTC))
    others = [
        replace(arrival, file=replace(arrival.file, key="inference/b.csv")),
        replace(arrival, file=replace(arrival.file, version_id="v2")),
    ]
    assert arrival.id_prefix == later.id_prefix
    assert len({arrival.id_prefix, *(other.id_prefix for other in others)}) == 3


@pytest.mark.parametrize("letter", ["n", "ü", "🙂"])
def test_a_long_name_is_cut_and_stays_unique(letter):
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


@pytest.mark.parametrize(
    ("key", "bucket", "ahead", "words"),
    [
        ("inference/a.csv", "bank", timedelta(minutes=50), None),
        ("inference/a.csv", "other", timedelta(0), "is about the bucket other"),
        (
            "labels/a.csv",
            "bank",
            timedelta(0),
            "is about 'labels/a.csv', and this function accepts only files under inference/",
        ),
        ("models/r/contract.json", "bank", timedelta(0), "only files under inference/"),
        ("inference/a.csv", "bank", timedelta(hours=2), "is dated .*, in the future"),
    ],
)
def test_an_event_about_anything_else_than_an_arrived_file_is_refused(key, bucket, ahead, words):
    arrival = Arrival(ObjectVersion(key, "v", "e", 1), datetime.now(UTC) + ahead)
    event = announcement(arrival, bucket)
    if words is None:
        assert arrivals_in(event, "bank", "inference/") == [arrival]
    else:
        with pytest.raises(ForeignEvent, match=words):
            arrivals_in(event, "bank", "inference/")
