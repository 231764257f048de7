import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import boto3
import pytest
from moto import mock_aws

from autowatch.domino import DominoCredentialsRefused, DominoRefused, DominoUnavailable
from autowatch.registration import NoTimeToRegister, RegistrationFailed, register_new_predictions

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def put(s3, key, document):
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())


def commit(s3, name, finished="2026-11-23T09:00:00Z"):
    """A committed predictions file: only its manifest matters here."""
    key = f"predictions/date=2026-11-23/{name}.csv"
    put(s3, f"{key.removesuffix('.csv')}.manifest.json", {"predictions_key": key, "finished": finished})
    return key


def receipts(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="monitoring/domino/")
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


class Domino:
    """Stands in for the client: notes what it is told, fails where it is told to."""

    def __init__(self, failures=None, outcome="registered"):
        self.told = []
        self.failures = failures or {}
        self.outcome = outcome

    def __call__(self, key):
        self.told.append(key)
        if key in self.failures:
            raise self.failures[key]
        return self.outcome


def run(s3, domino, has_time=lambda: True, published=None):
    return register_new_predictions(
        s3, BUCKET, "predictions/", domino, has_time, (published if published is not None else []).append
    )


def test_nothing_to_do_is_a_quiet_success(s3):
    published = []
    summary = run(s3, Domino(), published=published)
    assert (summary.registered, summary.already_registered, summary.failed, summary.waiting) == (0, 0, 0, 0)
    assert published == [summary]


def test_only_committed_files_are_registered(s3):
    committed = commit(s3, "a-0123")
    for key in ("b-0123.csv", "b-0123.profile.json", "manifest.json.csv", "c.manifest.json.tmp"):
        put(s3, f"predictions/date=2026-11-23/{key}", {})
    domino = Domino()
    assert run(s3, domino).registered == 1
    assert domino.told == [committed]


def test_each_file_once_and_oldest_first(s3):
    newest = commit(s3, "a", "2026-11-23T12:00:00Z")
    oldest = commit(s3, "c", "2026-11-22T12:00:00Z")
    middle, twin = commit(s3, "b", "2026-11-23T11:59:59Z"), commit(s3, "b2", "2026-11-23T11:59:59Z")
    domino = Domino()
    assert run(s3, domino).registered == 4
    assert run(s3, domino).registered == 0
    late = commit(s3, "0", "2026-11-24T00:00:00Z")
    assert run(s3, domino).registered == 1
    assert domino.told == [oldest, middle, twin, newest, late]


def test_the_receipt_says_what_was_registered(s3):
    key = commit(s3, "sub folder/a+b ü-0123")
    run(s3, Domino(outcome="already registered"))
    body = s3.get_object(Bucket=BUCKET, Key=f"monitoring/domino/{key}.json")["Body"].read()
    receipt = json.loads(body)
    assert (receipt["predictions_key"], receipt["outcome"]) == (key, "already registered")
    assert receipt["registered"].endswith("Z")


def test_a_file_known_already_counts_apart(s3):
    commit(s3, "a")
    summary = run(s3, Domino(outcome="already registered"))
    assert (summary.registered, summary.already_registered, summary.waiting) == (0, 1, 0)


def test_every_file_is_tried_before_the_run_fails(s3):
    keys = [commit(s3, f"{number}") for number in range(9)]
    failures = {key: DominoRefused(f"reason {number}") for number, key in enumerate(keys) if number != 4}
    domino, published = Domino(failures), []
    with pytest.raises(RegistrationFailed) as caught:
        run(s3, domino, published=published)
    assert domino.told == keys
    message = str(caught.value)
    assert message.startswith("8 predictions file(s)")
    assert all(key in message for key in (*keys[:4], keys[5]))
    assert keys[6] not in message
    assert "and 3 more" in message
    assert "The first reason: reason 0" in message
    (summary,) = published
    assert (summary.registered, summary.failed, summary.waiting) == (1, 8, 8)

    assert run(s3, Domino()).registered == 8


def test_a_domino_that_is_down_loses_nothing(s3):
    keys = [commit(s3, f"{number}") for number in range(3)]
    with pytest.raises(RegistrationFailed, match="down"):
        run(s3, Domino({key: DominoUnavailable("down") for key in keys}))
    assert receipts(s3) == set()
    domino = Domino()
    run(s3, domino)
    assert domino.told == keys


def test_refused_credentials_end_the_run_at_once(s3):
    keys = [commit(s3, f"{number}") for number in range(5)]
    domino, published = Domino({keys[1]: DominoCredentialsRefused("check the secret")}), []
    with pytest.raises(RegistrationFailed, match=r"^1 predictions.*4 file\(s\) wait.*check the secret"):
        run(s3, domino, published=published)
    assert domino.told == keys[:2]
    assert published[0].waiting == 4


def test_the_run_ends_in_time_and_goes_on_next_time(s3):
    keys = [commit(s3, f"{number}") for number in range(5)]
    domino = Domino()
    summary = run(s3, domino, has_time=lambda: len(domino.told) < 2)
    assert (summary.registered, summary.waiting) == (2, 3)
    assert run(s3, domino).registered == 3
    assert domino.told == keys


def test_a_run_without_time_for_one_file_says_so(s3):
    commit(s3, "a")
    with pytest.raises(NoTimeToRegister, match=r"1 predictions.*Timeout"):
        run(s3, Domino(), has_time=lambda: False)


def test_no_time_and_no_files_is_no_failure(s3):
    assert run(s3, Domino(), has_time=lambda: False).waiting == 0


def test_a_crash_between_registration_and_receipt_repeats_that_file_only(s3):
    keys = [commit(s3, f"{number}") for number in range(3)]
    domino = Domino({keys[1]: RuntimeError("killed")})
    with pytest.raises(RuntimeError, match="killed"):
        run(s3, domino)
    domino.failures = {}
    run(s3, domino)
    assert domino.told == [keys[0], keys[1], keys[1], keys[2]]


def test_two_loaders_at_once_leave_one_receipt_each_file(s3):
    keys = [commit(s3, f"{number}") for number in range(4)]
    barrier = Barrier(2)
    dominos = [Domino(), Domino()]

    def load(domino):
        def register(key):
            if not domino.told:
                barrier.wait(10)
            return domino(key)

        return register_new_predictions(s3, BUCKET, "predictions/", register, lambda: True, lambda _: None)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, dominos))
    assert receipts(s3) == {f"monitoring/domino/{key}.json" for key in keys}
    assert [domino.told for domino in dominos] == [keys, keys]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"predictions_key": "predictions/other.csv", "finished": "2026"}']
)
def test_a_broken_manifest_stops_no_other(s3, body):
    broken = "predictions/date=2026-11-23/a.manifest.json"
    s3.put_object(Bucket=BUCKET, Key=broken, Body=body)
    good = commit(s3, "b")
    domino = Domino()
    with pytest.raises(RegistrationFailed, match=f"^1 predictions.*{broken}"):
        run(s3, domino)
    assert domino.told == [good]


def test_files_and_receipts_beyond_the_first_page_of_a_listing_are_seen(s3):
    known, new = commit(s3, "y"), commit(s3, "z")
    put(s3, f"monitoring/domino/{known}.json", {})
    for number in range(1000):
        s3.put_object(Bucket=BUCKET, Key=f"predictions/date=2026-11-22/{number}.csv")
        s3.put_object(Bucket=BUCKET, Key=f"monitoring/domino/predictions/date=2026-11-22/{number}.csv.json")
    domino = Domino()
    assert run(s3, domino).registered == 1
    assert domino.told == [new]
