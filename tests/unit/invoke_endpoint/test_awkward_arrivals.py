"""Files with awkward keys, and files that are deleted or changed before their event, through the real handler."""

import pytest

from tests.support.scoring_bucket import BUCKET, drop, keys, read_document, read_rows, results
from tests.support.scoring_function import bucket_with_champion, handle, scoring_endpoint, set_environment

PLAIN = "age,job\n1,x\n"


@pytest.fixture(scope="module")
def endpoint():
    with scoring_endpoint() as server:
        yield server


@pytest.fixture
def environment(monkeypatch, endpoint):
    set_environment(monkeypatch, endpoint.url)


@pytest.fixture
def s3(environment):
    with bucket_with_champion() as client:
        yield client


AWKWARD_NAMES = [
    "a b",
    "a+b",
    "ü",
    "a%2Bb",
    "a&b=c",
    "日本 🙂",
    "sub dir/a",
    "sub//a",
    "a'b\"c",
    "=",
    "a.csv",
    "date=2026-01-01/a",
    "",
    "a;b,c",
    "100%",
    "n" * 900,
]


@pytest.mark.parametrize("name", AWKWARD_NAMES, ids=lambda name: name[:20])
def test_awkward_keys(s3, name):
    arrival = drop(s3, PLAIN, f"inference/{name}.csv")
    assert handle(arrival, arrival) == {"scored": 2, "refused": 0}
    assert len(results(s3)) == 3
    assert all(key.startswith(f"predictions/date=2026-11-23/{name}-") for key in results(s3))


@pytest.mark.parametrize("name", ["n" * 1010, "ü" * 505, "🙂" * 252, "d/" * 505])
@pytest.mark.parametrize("versioned", [True, False])
def test_the_longest_keys(environment, name, versioned):
    """S3 takes keys of 1,024 bytes, and the keys of the results are longer than that of the input."""
    with bucket_with_champion(versioned=versioned) as s3:
        arrivals = [drop(s3, PLAIN, f"inference/{name[:-1]}{last}.csv") for last in "ab"]
        arrivals.append(drop(s3, "", f"inference/{name[:-1]}c.csv"))
        assert handle(*arrivals) == {"scored": 2, "refused": 1}
        assert len(results(s3)) == 7
        assert all(len(key.encode()) <= 1024 - len("monitoring/domino/.json") for key in results(s3))


def test_a_file_that_was_deleted_before_its_event_is_scored_from_its_version(s3):
    arrival = drop(s3, PLAIN)
    s3.delete_object(Bucket=BUCKET, Key=arrival.file.key)
    assert handle(arrival) == {"scored": 1, "refused": 0}


def test_a_permanently_deleted_file(s3):
    arrival = drop(s3, PLAIN)
    s3.delete_object(Bucket=BUCKET, Key=arrival.file.key, VersionId=arrival.file.version_id)
    assert handle(arrival) == {"scored": 0, "refused": 1}
    assert read_document(s3, results(s3)[0])["error"] == "InputGone"


def test_a_file_that_was_overwritten_before_its_event_has_a_result_for_each_version(s3):
    old, new = drop(s3, PLAIN), drop(s3, "age,job\n2,y\n")
    assert handle(new, old) == {"scored": 2, "refused": 0}
    written = [read_rows(s3, key)[1] for key in keys(s3, "predictions/") if key.endswith(".csv")]
    assert sorted(rows[0][:3] for rows in written) == [
        ["1", "x", f"{old.id_prefix}-1"],
        ["2", "y", f"{new.id_prefix}-1"],
    ]


def test_a_file_that_was_overwritten_in_a_bucket_without_versions(environment):
    with bucket_with_champion(versioned=False) as s3:
        old, new = drop(s3, PLAIN), drop(s3, "age,job\n2,y\n")
        assert handle(old, new) == {"scored": 1, "refused": 1}
        [error_key] = keys(s3, "rejected/")
        assert read_document(s3, error_key)["error"] == "InputGone"


def test_a_file_that_was_overwritten_with_the_same_bytes_in_a_bucket_without_versions(environment):
    with bucket_with_champion(versioned=False) as s3:
        first, second = drop(s3, PLAIN), drop(s3, PLAIN)
        assert handle(first, second) == {"scored": 2, "refused": 0}
        assert len(results(s3)) == 3
