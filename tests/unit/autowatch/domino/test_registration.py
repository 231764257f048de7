"""The loader's registry of files: moto's S3, and a hand-written stand-in for the registration of one file."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Lock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.domino.connection import (
    DominoCredentialsRefused,
    DominoRefused,
    DominoTimeUp,
    DominoTokenUnusable,
    DominoUnavailable,
)
from autowatch.domino.registration import (
    NoTimeToRegister,
    Registration,
    RegistrationFailed,
    register_new_files,
)
from autowatch.records.keys import DOMINO_PROGRESS_KEY

BUCKET = "bank"
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
RUN = "20261101-071500-d822"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def put(s3, key, document):
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())


def commit(s3, name, finished="2026-11-23T09:00:00Z", day="2026-11-23"):
    """A committed predictions file: only its manifest is read here."""
    key = f"predictions/date={day}/{name}.csv"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    manifest = {"predictions_key": key, "finished": finished, "run": RUN, "predictions_version_id": "v1"}
    put(s3, f"{key.removesuffix('.csv')}.manifest.json", manifest)
    return key


def label(s3, name, day="2026-11-23", run=RUN):
    key = f"monitoring/labels/date={day}/run={run}/{name}.csv"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"id,y_actual\n")
    return key


def receipts(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="monitoring/domino/")
    return {item["Key"] for page in pages for item in page.get("Contents", [])} - {DOMINO_PROGRESS_KEY}


def progress(s3):
    return json.loads(s3.get_object(Bucket=BUCKET, Key=DOMINO_PROGRESS_KEY)["Body"].read())


class Domino:
    """A double of the registration of one file, which records calls and fails on request."""

    def __init__(self, failures=None, outcome="registered"):
        self.datasets = []
        self.failures = failures or {}
        self.outcome = outcome

    @property
    def told(self):
        return [dataset.key for dataset in self.datasets]

    def __call__(self, dataset):
        self.datasets.append(dataset)
        if dataset.key in self.failures:
            raise self.failures[dataset.key]
        return Registration("model-1", self.outcome)


def tried(s3, domino, has_time=lambda: True, now=NOW, calls_at_once=1):
    """A run's registrations; some may have failed."""
    return register_new_files(Bucket(s3, BUCKET), "predictions/", domino, has_time, now, calls_at_once)


def run(s3, domino, **how):
    done = tried(s3, domino, **how)
    done.check()
    return done.summary


def test_a_run_without_files_succeeds_quietly(s3):
    summary = run(s3, Domino())
    assert (summary.registered, summary.already_registered, summary.failed, summary.waiting) == (0, 0, 0, 0)


def test_only_committed_files_are_registered(s3):
    committed = commit(s3, "a-0123")
    for key in ("b-0123.csv", "b-0123.profile.json", "manifest.json.csv", "c.manifest.json.tmp"):
        put(s3, f"predictions/date=2026-11-23/{key}", {})
    domino = Domino()
    assert run(s3, domino).registered == 1
    assert domino.told == [committed]


def test_each_file_is_registered_once_oldest_first(s3):
    newest = commit(s3, "a", "2026-11-23T12:00:00Z")
    oldest = commit(s3, "c", "2026-11-22T12:00:00Z", "2026-11-22")
    middle, twin = commit(s3, "b", "2026-11-23T11:59:59Z"), commit(s3, "b2", "2026-11-23T11:59:59Z")
    domino = Domino()
    assert run(s3, domino).registered == 4
    assert run(s3, domino).registered == 0
    late = commit(s3, "0", "2026-11-24T00:00:00Z")
    assert run(s3, domino).registered == 1
    assert domino.told == [oldest, middle, twin, newest, late]


def test_the_receipt_has_the_registered_file(s3):
    key = commit(s3, "sub folder/a+b ü-0123")
    run(s3, Domino(outcome="already registered"))
    body = s3.get_object(Bucket=BUCKET, Key=f"monitoring/domino/{key}.json")["Body"].read()
    receipt = json.loads(body)
    assert receipt.pop("registered").endswith("Z")
    assert receipt == {
        "key": key,
        "kind": "predictions",
        "model_id": "model-1",
        "outcome": "already registered",
    }


def test_an_already_registered_file_is_counted_separately(s3):
    commit(s3, "a")
    summary = run(s3, Domino(outcome="already registered"))
    assert (summary.registered, summary.already_registered, summary.waiting) == (0, 1, 0)


def test_every_file_is_tried_before_the_run_fails(s3):
    keys = [commit(s3, f"{number}") for number in range(9)]
    failures = {key: DominoRefused(f"reason {number}") for number, key in enumerate(keys) if number != 4}
    domino = Domino(failures)
    done = tried(s3, domino)
    with pytest.raises(RegistrationFailed) as caught:
        done.check()
    assert domino.told == keys
    message = str(caught.value)
    assert message.startswith("8 file(s)")
    assert all(key in message for key in (*keys[:4], keys[5]))
    assert keys[6] not in message
    assert "and 3 more" in message
    assert "The first reason: reason 0" in message
    assert (done.summary.registered, done.summary.failed, done.summary.waiting) == (1, 8, 8)

    assert run(s3, Domino()).registered == 8


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, "PutObject"),
        EndpointConnectionError(endpoint_url="https://s3"),
    ],
)
def test_a_file_that_s3_fails_to_return_stops_no_other(s3, error):
    keys = [commit(s3, f"{number}") for number in range(3)]
    domino = Domino({keys[0]: error})
    done = tried(s3, domino)
    with pytest.raises(RegistrationFailed, match=r"^1 file"):
        done.check()
    assert domino.told == keys
    assert (done.summary.registered, done.summary.waiting) == (2, 1)
    assert run(s3, Domino()).registered == 1


def test_a_domino_that_is_down_loses_nothing(s3):
    keys = [commit(s3, f"{number}") for number in range(3)]
    with pytest.raises(RegistrationFailed, match="down"):
        run(s3, Domino({key: DominoUnavailable("down") for key in keys}))
    assert receipts(s3) == set()
    domino = Domino()
    run(s3, domino)
    assert domino.told == keys


class TestADominoThatIsDown:
    DAYS = tuple(f"2026-11-{day:02}" for day in range(1, 21))

    @pytest.fixture
    def keys(self, s3):
        """Twenty files on the first of twenty days, two on each other."""
        first = [commit(s3, f"{number:02}", day=self.DAYS[0]) for number in range(20)]
        return first + [commit(s3, name, day=day) for day in self.DAYS[1:] for name in ("a", "b")]

    @pytest.mark.parametrize("calls_at_once", [1, 8])
    def test_a_domino_that_is_down_is_not_called_for_every_file(self, s3, keys, calls_at_once):
        domino = Domino({key: DominoUnavailable("down") for key in keys})
        done = tried(s3, domino, calls_at_once=calls_at_once)
        with pytest.raises(RegistrationFailed, match="gave no answer to 8 files in a row.*the others wait"):
            done.check()
        # Those under way when the eighth had no answer were seven at most.
        assert len(domino.told) <= 8 + calls_at_once - 1 + len(self.DAYS) - 1
        assert done.summary.waiting == len(keys)
        assert not done.may_ask_on
        assert run(s3, Domino()).registered == len(keys)

    def test_one_file_of_each_day_detects_when_domino_is_back(self, s3, keys):
        down = [key for key in keys if any(f"date={day}/" in key for day in self.DAYS[:3])]
        domino = Domino({key: DominoUnavailable("down") for key in down})
        done = tried(s3, domino)
        assert domino.told[:11] == [*keys[:8], keys[20], keys[22], keys[24]]
        assert (done.summary.registered, done.summary.failed) == (len(keys) - len(down), 10)

    def test_files_without_an_answer_do_not_block_later_days(self, s3, keys):
        run_by_run = [tried(s3, Domino({key: DominoUnavailable("500") for key in keys[:20]})) for _ in "12"]
        assert run_by_run[0].summary.registered == len(keys) - 20
        assert run(s3, Domino()).registered == 20

    def test_a_refusal_counts_as_an_answer(self, s3, keys):
        down = {key: DominoUnavailable("down") for key in keys[:20]} | {keys[5]: DominoRefused("no")}
        domino = Domino(down)
        tried(s3, domino)
        assert domino.told[:14] == keys[:14]
        assert keys[14] not in domino.told


@pytest.mark.parametrize("error", [DominoCredentialsRefused, DominoTokenUnusable])
def test_refused_credentials_end_the_run_at_once(s3, error):
    keys = [commit(s3, f"{number}") for number in range(5)]
    later = [commit(s3, "later", day="2026-11-24"), label(s3, "x")]
    domino = Domino({keys[1]: error("check the secret")})
    done = tried(s3, domino)
    with pytest.raises(
        RegistrationFailed,
        match=r"^1 file.*5 file\(s\) wait.*1 day\(s\) were not checked.*check the secret",
    ):
        done.check()
    assert domino.told == keys[:2]
    assert not done.may_ask_on
    assert run(s3, Domino()).registered == 4 + len(later)


def test_running_out_of_time_during_a_call_is_not_a_failure(s3):
    keys = [commit(s3, f"{number}") for number in range(5)]
    domino = Domino({keys[1]: DominoTimeUp("no time")})
    summary = run(s3, domino)
    assert (summary.registered, summary.failed, summary.waiting) == (1, 0, 4)
    assert domino.told == keys[:2]
    assert run(s3, Domino()).registered == 4


def test_the_run_ends_in_time_and_the_next_one_continues(s3):
    keys = [commit(s3, f"{number}") for number in range(5)]
    domino = Domino()
    summary = run(s3, domino, has_time=lambda: len(domino.told) < 2)
    assert (summary.registered, summary.waiting) == (2, 3)
    assert run(s3, domino).registered == 3
    assert domino.told == keys


def test_a_run_without_time_for_one_file_is_an_error(s3):
    commit(s3, "a")
    with pytest.raises(NoTimeToRegister, match=r"1 file.*Timeout"):
        run(s3, Domino(), has_time=lambda: False)


def test_no_time_and_no_files_is_not_a_failure(s3):
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
        def register(dataset):
            if not domino.told:
                barrier.wait(10)
            return domino(dataset)

        return run(s3, register)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, dominos))
    assert receipts(s3) == {f"monitoring/domino/{key}.json" for key in keys}
    assert [domino.told for domino in dominos] == [keys, keys]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"predictions_key": "predictions/other.csv", "finished": "2026", "run": "r"}',
    ],
)
def test_a_broken_manifest_stops_no_other(s3, body):
    broken = "predictions/date=2026-11-23/a.manifest.json"
    s3.put_object(Bucket=BUCKET, Key=broken, Body=body)
    s3.put_object(Bucket=BUCKET, Key=broken.replace(".manifest.json", ".csv"), Body=b"")
    good = commit(s3, "b")
    domino = Domino()
    with pytest.raises(RegistrationFailed, match=f"^1 file.*{broken}"):
        run(s3, domino)
    assert domino.told == [good]


def test_files_and_receipts_beyond_the_first_page_of_a_listing_are_seen(s3):
    def on_pages_of_three(params, **_):
        params["MaxKeys"] = 3

    s3.meta.events.register("before-parameter-build.s3.ListObjectsV2", on_pages_of_three)
    known, new = commit(s3, "y"), commit(s3, "z")
    put(s3, f"monitoring/domino/{known}.json", {})
    for number in range(7):
        s3.put_object(Bucket=BUCKET, Key=f"predictions/date=2026-11-23/{number}.csv")
        s3.put_object(Bucket=BUCKET, Key=f"monitoring/domino/predictions/date=2026-11-23/{number}.csv.json")
        put(s3, f"predictions/date=2026-10-0{number + 1}/none.csv", {})
    files = [new, *(label(s3, f"2026112{number}T080000Z-a-0123") for number in range(5))]
    domino = Domino()
    assert run(s3, domino).registered == len(files)
    assert domino.told == files


def test_a_file_that_was_deleted_is_named_and_stops_no_other(s3):
    gone, there = commit(s3, "a"), commit(s3, "b")
    s3.delete_object(Bucket=BUCKET, Key=gone)
    domino = Domino()
    with pytest.raises(RegistrationFailed, match=f"^1 file.*{gone}.*no longer exists"):
        run(s3, domino)
    assert domino.told == [there]


def test_labels_follow_predictions_in_the_order_of_their_files(s3):
    second = label(s3, "20261124T080000Z-a-0123", run="20261122-071500-d822")
    first = label(s3, "20261123T080000Z-b-0123")
    for other in ("20261123T080000Z-b-0123.txt", "run=x.csv"):
        put(s3, f"monitoring/labels/date=2026-11-23/{other}", {})
    predictions = commit(s3, "a")
    domino = Domino()
    assert run(s3, domino).registered == 3
    assert domino.told == [predictions, first, second]
    assert [(item.kind, item.run, item.version_id) for item in domino.datasets] == [
        ("predictions", RUN, "v1"),
        ("labels", RUN, None),
        ("labels", "20261122-071500-d822", None),
    ]
    assert f"monitoring/domino/{first}.json" in receipts(s3)
    assert run(s3, Domino()).registered == 0


class TestAtOnce:
    def test_a_few_files_are_registered_in_parallel(self, s3):
        keys = [commit(s3, f"{number:02}") for number in range(30)]
        meeting, lock, now, most = Barrier(5), Lock(), [0], [0]

        def register(_dataset):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            meeting.wait(10)
            with lock:
                now[0] -= 1
            return Registration("model-1", "registered")

        assert run(s3, register, calls_at_once=5).registered == len(keys)
        assert most == [5]

    def test_a_failed_file_fails_no_other(self, s3):
        keys = [commit(s3, f"{number:02}") for number in range(30)]
        done = tried(s3, Domino({keys[7]: DominoRefused("no")}), calls_at_once=8)
        assert (done.summary.registered, done.summary.failed) == (29, 1)
        assert len(receipts(s3)) == 29


class Lists:
    """Notes what a client of S3 is asked to list."""

    def __init__(self, s3):
        self.prefixes = []
        s3.meta.events.register("before-parameter-build.s3.ListObjectsV2", self.note)

    def note(self, params, **_):
        self.prefixes.append(params["Prefix"])

    def take(self):
        taken, self.prefixes = [prefix for prefix in self.prefixes if "date=" in prefix], []
        return taken


class TestDays:
    OLD, RECENT = "2026-08-01", "2026-11-03"

    def test_complete_days_are_not_listed_again(self, s3):
        lists = Lists(s3)
        commit(s3, "a", day=self.OLD)
        commit(s3, "b", day=self.RECENT)
        label(s3, "20260802T080000Z-a-0123", day=self.OLD)
        run(s3, Domino())
        assert f"predictions/date={self.OLD}/" in lists.take()
        later = NOW + timedelta(days=2)
        assert run(s3, Domino(), now=later).registered == 0
        lists.take()
        assert run(s3, Domino(), now=later).registered == 0
        # Labels are listed by day only where something was written since the day before the last run.
        assert not [prefix for prefix in lists.take() if self.OLD in prefix and "labels" not in prefix]

    def test_a_file_committed_late_into_a_recent_day_is_found(self, s3):
        commit(s3, "a", day=self.RECENT)
        run(s3, Domino())
        late = commit(s3, "0", "2026-11-24T08:00:00Z", day=self.RECENT)
        domino = Domino()
        assert run(s3, domino, now=NOW + timedelta(days=1)).registered == 1
        assert domino.told == [late]

    @pytest.mark.parametrize(("age", "found"), [(20, 1), (21, 1), (22, 0)])
    def test_a_day_is_listed_until_it_is_three_weeks_old(self, s3, age, found):
        """This covers fourteen days in the failure queue, six hours of retries and five days of a transform."""
        run(s3, Domino())
        commit(s3, "a", day=(NOW - timedelta(days=age)).date().isoformat())
        assert run(s3, Domino()).registered == found

    def test_an_old_day_stays_open_while_a_file_of_it_waits(self, s3):
        stuck, fine = commit(s3, "a", day=self.OLD), commit(s3, "b", day="2026-08-02")
        for _ in range(3):
            done = tried(s3, Domino({stuck: DominoRefused("no")}))
            assert done.summary.failed == 1
        assert progress(s3)["open_days"] == [self.OLD]
        domino = Domino()
        assert run(s3, domino).registered == 1
        assert domino.told == [stuck]
        assert progress(s3)["open_days"] == []
        assert f"monitoring/domino/{fine}.json" in receipts(s3)

    def test_an_outage_of_months_is_caught_up_on_oldest_first_over_several_runs(self, s3):
        days = [(NOW - timedelta(days=age)).date().isoformat() for age in range(40, -1, -1)]
        keys = [commit(s3, "a", day=day) for day in days]
        down = Domino({key: DominoUnavailable("down") for key in keys})
        assert tried(s3, down).summary.failed == len(keys)

        told = []
        for night in range(1, 6):
            domino = Domino()
            summary = run(
                s3,
                domino,
                now=NOW + timedelta(days=night),
                has_time=lambda domino=domino: len(domino.told) < 9,
            )
            told += domino.told
            assert summary.waiting + summary.days_not_reached > 0 or told == keys
        assert told == keys
        assert progress(s3)["open_days"] == []

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"closed_before": "../x", "open_days": []}'])
    def test_a_lost_progress_record_costs_only_the_listing_of_every_day(self, s3, body):
        commit(s3, "a", day=self.OLD)
        run(s3, Domino())
        s3.put_object(Bucket=BUCKET, Key=DOMINO_PROGRESS_KEY, Body=body)
        commit(s3, "b", day=self.OLD)
        assert run(s3, Domino()).registered == 1

    def test_a_crash_leaves_the_previous_runs_progress(self, s3):
        run(s3, Domino())
        before = progress(s3)
        key = commit(s3, "a")
        with pytest.raises(RuntimeError):
            tried(s3, Domino({key: RuntimeError("killed")}), now=NOW + timedelta(days=30))
        assert progress(s3) == before

    def test_labels_for_an_old_day_are_found(self, s3):
        run(s3, Domino(), now=datetime.now(UTC) - timedelta(days=40))
        run(s3, Domino(), now=datetime.now(UTC))
        late = label(s3, "20261123T080000Z-a-0123", day=self.OLD)
        domino = Domino()
        assert run(s3, domino, now=datetime.now(UTC)).registered == 1
        assert domino.told == [late]

    def test_days_without_new_labels_are_not_listed(self, s3):
        key = label(s3, "20260802T080000Z-a-0123", day=self.OLD)
        future = datetime.now(UTC) + timedelta(days=3)
        run(s3, Domino(), now=future)
        lists = Lists(s3)
        run(s3, Domino(), now=future)
        assert lists.take() == []

        stuck = label(s3, "20260802T090000Z-a-0123", day=self.OLD)
        s3.delete_object(Bucket=BUCKET, Key=DOMINO_PROGRESS_KEY)
        assert tried(s3, Domino({stuck: DominoRefused("no")}), now=future).summary.failed == 1
        assert progress(s3)["open_label_days"] == [self.OLD]
        domino = Domino()
        assert run(s3, domino, now=future).registered == 1
        assert domino.told == [stuck] != [key]

    def test_folders_that_are_not_days_are_ignored(self, s3):
        for folder in ("date=2026-11-23x", "date=../..", "other"):
            put(s3, f"predictions/{folder}/a.manifest.json", {})
        assert run(s3, Domino()).registered == 0
