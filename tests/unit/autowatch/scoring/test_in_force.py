"""A release in the middle of a file: no answer is written that may be another model's."""

from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.records.champion import mark_release, read_champion_with_etag, settle_release, write_champion
from autowatch.records.contract import Feature
from autowatch.records.smoke import SmokeTest, write_smoke_test
from autowatch.scoring.endpoint import AnotherModelAnswered
from autowatch.scoring.in_force import ReleaseUnderWay
from autowatch.scoring.outcome import TooManyRejected
from autowatch.scoring.predictions import score_file
from tests.support.scoring_bucket import (
    BASELINE,
    BUCKET,
    CONTRACT,
    create_bucket,
    drop,
    read_rows,
    release,
    results,
    settings,
)
from tests.support.stub_runtime import StubRuntime, model_error, probability_of

TABLE = "age,job,pay\n" + "".join(f"{age},x,{age + 1}\n" for age in range(20, 60))


@pytest.fixture
def bucket():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_bucket(s3)
        release(s3)
        yield Bucket(s3, BUCKET)


def score(bucket, arrival, runtime):
    return score_file(bucket, runtime, arrival, settings(), lambda: 60.0, "i1")


def put_in_force(bucket, run, features=("age", "job")):
    """Writes what a finished release of a run leaves in the bucket."""
    contract = replace(CONTRACT, run=run, features=tuple(Feature(name, "categorical") for name in features))
    bucket.write_json(f"models/{run}/contract.json", contract)
    bucket.write_json(f"models/{run}/baseline.json", replace(BASELINE, run=run))
    champion, etag = read_champion_with_etag(bucket)
    new = replace(champion, run=run, endpoint_config=f"bank-{run}", model_name=f"bank-{run}", releasing=None)
    new = replace(new, contract_key=f"models/{run}/contract.json", baseline_key=f"models/{run}/baseline.json")
    write_champion(bucket, new, etag)


class Releasing:
    """An endpoint at which something happens before a request."""

    def __init__(self, at, happens, refuses=lambda rows: False):
        self.at, self.happens, self.refuses, self.seen = at, happens, refuses, 0

    def __call__(self, rows):
        self.seen += 1
        if self.seen == self.at:
            self.happens()
        if self.refuses(rows):
            raise model_error(400, "other columns")


def test_a_file_is_scored_again_from_the_start_after_a_release_in_the_middle(bucket):
    def happens():
        mark_release(bucket, "bank-r2")
        put_in_force(bucket, "r2", ("job", "age"))

    runtime = StubRuntime(Releasing(2, happens))
    manifest = score(bucket, drop(bucket.client, TABLE), runtime)
    assert (manifest.run, manifest.model_name) == ("r2", "bank-r2")
    _, rows = read_rows(bucket.client, manifest.predictions.key)
    assert [row[-2] for row in rows] == [probability_of([row[1], row[0]]) for row in rows]


def test_a_release_that_was_rolled_back_in_between_counts(bucket):
    """The champion is the same as before, but in between another model may have answered."""
    runtime = StubRuntime(
        Releasing(2, lambda: (mark_release(bucket, "bank-r2"), settle_release(bucket, "bank-r2")))
    )
    manifest = score(bucket, drop(bucket.client, TABLE), runtime)
    assert (manifest.run, manifest.rows.scored) == ("r1", 40)
    assert len(runtime.requests) == 8, "four batches, twice"


def test_a_refusal_counts_only_if_the_contract_is_the_one_in_force(bucket):
    """The endpoint already expects three features, while the contract in hand has two."""

    def happens():
        mark_release(bucket, "bank-r2")
        put_in_force(bucket, "r2", ("age", "job", "pay"))

    runtime = StubRuntime(Releasing(1, happens, refuses=lambda rows: len(rows[0]) != 3))
    manifest = score(bucket, drop(bucket.client, TABLE), runtime)
    assert (manifest.run, manifest.rows.scored, manifest.rows.rejected) == ("r2", 40, 0)


def test_a_refusal_by_the_model_in_force_stands(bucket):
    runtime = StubRuntime(Releasing(0, None, refuses=lambda rows: True))
    with pytest.raises(TooManyRejected):
        score(bucket, drop(bucket.client, TABLE), runtime)


def test_nothing_is_sent_while_a_release_is_under_way(bucket):
    mark_release(bucket, "bank-r2")
    runtime = StubRuntime()
    with pytest.raises(ReleaseUnderWay, match="from bank-r1 to bank-r2"):
        score(bucket, drop(bucket.client, TABLE), runtime)
    assert runtime.requests == []
    assert results(bucket.client) == []


def test_a_file_overtaken_by_a_release_is_postponed(bucket):
    """What it had written is deleted, including the first answers."""
    runtime = StubRuntime(Releasing(3, lambda: mark_release(bucket, "bank-r2")))
    with pytest.raises(ReleaseUnderWay):
        score(bucket, drop(bucket.client, TABLE), runtime)
    assert results(bucket.client) == []


def witness(rows, salt=""):
    return SmokeTest(
        "".join(f"{age},{job}\n" for age, job in rows),
        ["no"] * len(rows),
        [probability_of([age, job + salt]) for age, job in rows],
    )


def test_every_answer_shows_which_model_gave_it(bucket):
    """Rows with known answers precede each request, and appear in no result."""
    write_smoke_test(bucket, "r1", witness([("1", "a"), ("2", 'b "c"')]))
    runtime = StubRuntime()
    manifest = score(bucket, drop(bucket.client, TABLE), runtime)
    assert [len(rows) for _, rows, _ in runtime.requests] == [12] * 4
    _, rows = read_rows(bucket.client, manifest.predictions.key)
    assert [row[-2] for row in rows] == [probability_of(row[:2]) for row in rows]


def test_an_endpoint_that_was_switched_by_hand_is_not_trusted(bucket):
    write_smoke_test(bucket, "r1", witness([("1", "a"), ("2", "b")], salt="!"))
    with pytest.raises(AnotherModelAnswered, match="bank answered with another model"):
        score(bucket, drop(bucket.client, TABLE), StubRuntime())
    assert results(bucket.client) == []
