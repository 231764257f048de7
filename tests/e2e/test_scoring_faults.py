"""Scoring under faults, with the real template, function processes and S3 over HTTP: afterwards no row is missing.

The model is the sandbox's stub: no training, and its prediction follows from the row alone, so that a lost, doubled or
mixed-up row shows.
"""

import csv
import hashlib
import io
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from autowatch.aws.clients import client_config
from autowatch.aws.objects import Bucket
from autowatch.records.problem import Problem
from autowatch.records.smoke import SmokeTest, write_smoke_test
from autowatch.scoring.endpoint import BatchTimedOut, Endpoint
from sandbox.client import running_sandbox
from sandbox.errors import FaultError
from sandbox.faults import Fault
from tests.support.released_stack import ENDPOINT, ReleasedStack
from tests.support.stub_model import label, probability

pytestmark = pytest.mark.sandbox

FUNCTION = "InvokeEndpointFunction"
POISON = "job poison"
ROWS = 1000
KILLS = 20
OBSERVED = Fault("InvokeEndpoint", "observe")
# About 16 requests a file.
PARAMETERS = {"MaxBatchBytes": "1000", "ScoringConcurrency": "4"}


@dataclass(frozen=True)
class File:
    """An input version, and the rows that it has."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    rows: tuple

    @property
    def stem(self):
        """The part of its results' keys that identifies it."""
        name = self.key.removeprefix("inference/").removesuffix(".csv")
        return f"/{name}-{hashlib.sha256(self.version_id.encode()).hexdigest()[:16]}."

    def event(self):
        """S3's announcement, always with the same time."""
        written = {"key": self.key, "versionId": self.version_id, "eTag": self.etag, "size": self.size}
        record = {
            "eventTime": "2026-11-23T09:00:00.000Z",
            "s3": {"bucket": {"name": self.bucket}, "object": written},
        }
        return json.dumps({"Records": [record]}).encode()


class World(ReleasedStack):
    """The stack, with these tests' helpers."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.sqs = sandbox.client("sqs")
        self.functions = sandbox.client("lambda")
        (self.failures,) = self.sqs.list_queues(QueueNamePrefix="autowatch-ScoringFailures")["QueueUrls"]

    def put(self, key, rows, announced=True):
        """Writes a file; S3 announces it to the function only if `announced`."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([("note", "age", "job"), *rows])
        body = text.getvalue().encode()
        if announced:
            answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        else:
            answer = self.put_unannounced(key, body)
        return File(self.bucket, key, answer["VersionId"], answer["ETag"].strip('"'), len(body), tuple(rows))

    def announce(self, *files):
        """Sends the files' events at once, asynchronously, as S3 does."""

        def send(file):
            self.functions.invoke(
                FunctionName=self.sandbox.functions[FUNCTION], InvocationType="Event", Payload=file.event()
            )

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(send, files))

    def settle(self):
        self.sandbox.wait_until_idle(60)

    def results(self):
        """Every object that scoring has written, in the order of the keys."""
        return self.keys("predictions/") + self.keys("rejected/")

    def versions(self):
        """Every version of every result."""
        pages = self.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.bucket, Prefix="predictions/"
        )
        return [(item["Key"], item["VersionId"]) for page in pages for item in page.get("Versions", [])]

    def failed_events(self):
        messages = self.sqs.receive_message(QueueUrl=self.failures, MaxNumberOfMessages=10)
        bodies = []
        for message in messages.get("Messages", []):
            bodies.append(json.loads(message["Body"]))
            self.sqs.delete_message(QueueUrl=self.failures, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def check(self, *files):
        """Checks that nothing is lost, doubled or partly visible."""
        assert self.failed_events() == []
        assert "Uploads" not in self.s3.list_multipart_uploads(Bucket=self.bucket)
        results, latest = self.results(), self.latest()
        for file in files:
            self._check_file(file, [key for key in results if file.stem in key], latest)

    def count_requests(self, rows):
        """How many requests the scoring of these rows makes."""
        self.sandbox.faults(Fault("*", "observe"))
        file = self.put("inference/counted.csv", rows, announced=False)
        before = self.sandbox.faults_struck()[0]
        self.functions.invoke(FunctionName=self.sandbox.functions[FUNCTION], Payload=file.event())
        return self.sandbox.faults_struck()[0] - before

    def check_visible(self, file):
        """Checks that a file with a manifest has all its results."""
        results = [key for key in self.results() if file.stem in key]
        if any(key.endswith(".manifest.json") for key in results):
            self._check_file(file, results, self.latest())

    def latest(self):
        """The current version of every result."""
        found = {}
        for prefix in ("predictions/", "rejected/"):
            pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
            items = [item for page in pages for item in page.get("Versions", [])]
            found |= {item["Key"]: item["VersionId"] for item in items if item["IsLatest"]}
        return found

    def _check_file(self, file, results, latest):
        (manifest_key,) = [key for key in results if key.endswith(".manifest.json")]
        manifest = json.loads(self.read(manifest_key))
        rows = list(enumerate(file.rows, 1))
        scored = [(number, row) for number, row in rows if row[1].isdigit() and row[2] != POISON]
        rejected = [each for each in rows if each not in scored]
        assert manifest["input"]["version_id"] == file.version_id
        assert manifest["rows"] == {"in": len(file.rows), "scored": len(scored), "rejected": len(rejected)}
        parts = ("predictions", "profile", "rejected") if rejected else ("predictions", "profile")
        assert results == sorted([*(manifest[f"{part}_key"] for part in parts), manifest_key])
        for part in parts:
            assert latest[manifest[f"{part}_key"]] == manifest[f"{part}_version_id"]
        self._check_rows(file, manifest, scored, rejected)

    def _check_rows(self, file, manifest, scored, rejected):
        prefix = hashlib.sha256(f"{file.key}\n{file.version_id}".encode()).hexdigest()[:16]
        header, *lines = csv.reader(io.StringIO(self.read(manifest["predictions_key"]), newline=""))
        assert header == ["note", "age", "job", "id", "y", "y_probability", "prediction_date"]
        expected = [
            [*row, f"{prefix}-{number}", label(row[1:]), probability(row[1:]), manifest["prediction_date"]]
            for number, row in scored
        ]
        assert lines == expected
        assert json.loads(self.read(manifest["profile_key"]))["rows"] == len(scored)
        pointer = json.loads(self.read(f"monitoring/ids/{prefix}.json"))
        assert pointer == {"predictions_key": manifest["predictions_key"]}
        if rejected:
            _, *lines = csv.reader(io.StringIO(self.read(manifest["rejected_key"]), newline=""))
            assert [(line[0], tuple(line[2:])) for line in lines] == [
                (str(number + 1), row) for number, row in rejected
            ]


def table(rows=ROWS, note="n", salt=""):
    """Distinct rows, three of which lack a number."""
    bad = {rows // 3, rows // 2, rows - 1} if rows >= 100 else set()
    return [
        (f"{note}{number}", "old" if number in bad else str(number % 100), f"job {salt}{number}")
        for number in range(rows)
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with running_sandbox(parameters=PARAMETERS, state_dir=folder, retry_seconds=(0.05, 0.1)) as sandbox:
        world = World(sandbox)
        world.release("r1-again", fails_on=POISON)
        known = ("18", "job known")
        smoke_test = SmokeTest(f"{','.join(known)}\n", [label(known)], [probability(known)])
        write_smoke_test(Bucket(world.s3, world.bucket), "r1", smoke_test)
        yield world


@pytest.fixture(autouse=True)
def no_faults_left(world):
    yield
    world.sandbox.faults()
    world.settle()


TRANSIENT = {
    "throttling burst": Fault("InvokeEndpoint", "throttle", after=1, times=4),
    "throttling a third": Fault("InvokeEndpoint", "throttle", share=0.33, seed=1),
    "500 of the container": Fault("InvokeEndpoint", "container_error", after=1, times=2),
    "503": Fault("InvokeEndpoint", "unavailable", after=1, times=2),
    "slow answers": Fault("InvokeEndpoint", "slow", share=0.3, seed=4, seconds=0.3),
    "time-out": Fault("InvokeEndpoint", "time_out", after=2, times=3, seconds=0.2),
    "hanging socket": Fault("InvokeEndpoint", "hang", after=1, times=2, seconds=0.3),
    "dropped socket": Fault("InvokeEndpoint", "drop", after=2, times=3),
    "answer lost": Fault("InvokeEndpoint", "lost_answer", after=2, times=3),
    "answer broken off": Fault("InvokeEndpoint", "break", after=2, times=3),
    "short answer": Fault("InvokeEndpoint", "short", after=5, times=1),
    "garbage": Fault("InvokeEndpoint", "garbage", after=5, times=1),
    "S3 500": Fault("s3:*", "internal_error", after=1, times=2),
    "S3 503 for a share": Fault("s3:*", "slow_down", share=0.15, seed=2),
    "S3 slow read": Fault("GetObject", "slow", begins="inference/", seconds=0.5),
    "S3 read broken off": Fault("GetObject", "break", begins="inference/", times=2),
    "S3 read hanging": Fault("GetObject", "hang", begins="inference/", times=1, seconds=0.5),
    "answer to the predictions lost": Fault("PutObject", "lost_answer", begins="predictions/", times=2),
    "answer to the manifest lost": Fault("PutObject", "lost_answer", contains=".manifest.json", times=1),
    "manifest refused": Fault("PutObject", "internal_error", contains=".manifest.json", times=2),
}


@pytest.mark.parametrize("name", TRANSIENT)
def test_what_passes_costs_no_row(world, name):
    world.sandbox.faults(TRANSIENT[name])
    file = world.put(f"inference/{name}.csv", table())
    world.settle()
    assert world.sandbox.faults_struck()[0] > 0
    world.sandbox.faults()
    world.check(file)


@pytest.mark.parametrize("kind", ["short", "garbage"])
def test_an_answer_that_is_none_is_never_written(world, kind):
    """The retries fail too; the event is kept, and nothing is lost once the endpoint is healthy again."""
    world.sandbox.faults(Fault("InvokeEndpoint", kind, after=5))
    file = world.put(f"inference/never {kind}.csv", table())
    world.settle()
    world.sandbox.faults()
    assert not [key for key in world.results() if file.stem in key]
    (kept,) = world.failed_events()
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    assert (
        kept["responsePayload"]["errorType"]
        == {"short": "AnswerMismatch", "garbage": "AnswerUnreadable"}[kind]
    )
    world.functions.invoke(
        FunctionName=world.sandbox.functions[FUNCTION], Payload=json.dumps(kept["requestPayload"])
    )
    world.check(file)


@pytest.mark.parametrize("outage", [0, 5], ids=["alone", "while the model is down for all"])
def test_a_row_on_which_the_model_fails_for_good_is_rejected_and_the_others_are_scored(world, outage):
    world.sandbox.faults(Fault("InvokeEndpoint", "container_error", after=2, times=outage), OBSERVED)
    rows = table(700)
    rows[344] = ("n344", "44", POISON)
    file = world.put(f"inference/poison {outage}.csv", rows)
    world.settle()
    struck, observed = world.sandbox.faults_struck()
    assert struck == outage
    # 12 requests of 64 rows; each failed batch or part is sent again, with the witness, and then in two halves.
    assert observed < 12 + 4 * 6 + 9 + 2 * outage
    world.sandbox.faults()
    world.check(file)
    (key,) = [key for key in world.results() if file.stem in key and key.startswith("rejected/")]
    assert "The model failed on the row. The prediction failed: OverflowError." in world.read(key)


def test_a_socket_that_never_answers_is_given_up(world):
    """The function waits a little longer than the endpoint's limit of a minute, which is shortened here."""
    config = client_config("sagemaker-runtime").merge(Config(read_timeout=0.3))
    runtime = world.sandbox.client("sagemaker-runtime", config=config)
    endpoint = Endpoint(runtime, ENDPOINT, Problem("binary", ("no", "yes"), "yes"), lambda: 60.0)
    world.sandbox.faults(Fault("InvokeEndpoint", "hang", times=1, seconds=2.0))
    with pytest.raises(BatchTimedOut):
        endpoint.predict(b"30,admin.\n", 1)
    assert endpoint.predict(b"30,admin.\n", 1).probabilities == [probability(("30", "admin."))]


def test_an_endpoint_may_be_updated_meanwhile(world):
    sagemaker = world.sandbox.client("sagemaker")
    world.sandbox.faults(Fault("InvokeEndpoint", "slow", seconds=0.3))
    file = world.put("inference/updated.csv", table())
    wait_for(lambda: world.sandbox.faults_struck()[0] > 1)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="r1-again")
    assert not [key for key in world.results() if file.stem in key]
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService")
    world.settle()
    assert sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == "r1-again"
    world.check(file)


@pytest.mark.parametrize("times", [2, 10], ids=["twice", "ten at once"])
def test_the_same_event_again_and_at_once_gives_one_result(world, times):
    file = world.put(f"inference/{times} times.csv", table(), announced=False)
    world.announce(*[file] * times)
    world.settle()
    world.check(file)
    before = world.versions()
    world.announce(file)
    world.settle()
    assert world.versions() == before


def test_versions_of_a_key_in_any_order_have_a_result_each(world):
    older = world.put("inference/order.csv", table(salt="older "), announced=False)
    newer = world.put("inference/order.csv", table(ROWS // 2, salt="newer "), announced=False)
    world.announce(newer)
    world.settle()
    world.announce(older, newer, older)
    world.settle()
    world.check(older, newer)


def test_a_hundred_files_at_once(world):
    rows = [table(40, salt=f"{number} ") for number in range(100)]
    with ThreadPoolExecutor(16) as pool:
        files = list(pool.map(world.put, [f"inference/many/{number}.csv" for number in range(100)], rows))
    world.settle()
    world.check(*files)
    assert len([key for key in world.results() if "/many/" in key and key.endswith(".manifest.json")]) == 100


def test_a_file_that_waited_and_then_fails_is_kept(world):
    """Its event is announced asynchronously: the announcing execution succeeds, and Lambda keeps the failed event."""
    file = world.put("inference/waited.csv", table(40), announced=False)
    world.sandbox.faults(Fault("GetObject", "kill_before", begins="models/", function=FUNCTION, by=FUNCTION))
    document = {"postponed": {"seconds": 0, "event": json.loads(file.event()) | {"postponed": 1}}}
    stepfunctions = world.sandbox.client("stepfunctions")
    execution = stepfunctions.start_execution(
        stateMachineArn=world.sandbox.outputs["TransformStateMachineArn"], input=json.dumps(document)
    )["executionArn"]
    wait_for(lambda: stepfunctions.describe_execution(executionArn=execution)["status"] != "RUNNING")
    world.settle()
    assert stepfunctions.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
    (kept,) = world.failed_events()
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    world.sandbox.faults()
    world.announce(file)
    world.settle()
    world.check(file)


SIZES = {"small": {"rows": 300}, "large": {"rows": 100, "note": "n" * 100_000}}
"""The large file's predictions are uploaded in parts."""


def test_a_process_killed_anywhere_leaves_nothing_half_done(world):
    """Killed at random requests, before or after they took effect: once, and again in the next run. The first run is
    invoked directly, so that its remains can be inspected; Lambda retries the second.
    """
    requests = {name: world.count_requests(table(**size)) for name, size in SIZES.items()}
    kills = 0
    files = []
    chance = random.Random(5)
    # A run killed after its commit leaves little to do, so the next run may end before its own kill.
    while kills < KILLS:
        number = len(files)
        name = "small" if number % 4 else "large"
        file = world.put(f"inference/killed {number}.csv", table(**SIZES[name]), announced=False)
        world.sandbox.faults(kill(chance, requests[name]))
        answer = world.functions.invoke(FunctionName=world.sandbox.functions[FUNCTION], Payload=file.event())
        kills += b"signal: killed" in answer["Payload"].read()
        world.check_visible(file)
        world.sandbox.faults(kill(chance, requests[name]))
        world.announce(file)
        world.settle()
        kills += world.sandbox.faults_struck()[0]
        files.append(file)
    world.sandbox.faults()
    world.check(*files)


def kill(chance, requests):
    """Kills the function at one of its first requests, chosen at random."""
    kind = chance.choice(("kill_before", "kill_after"))
    return Fault("*", kind, after=chance.randrange(requests), times=1, function=FUNCTION)


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class TestFaultsThemselves:
    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            (Fault("InvokeEndpoint", "slow_down"), "InvokeEndpoint has no fault slow_down"),
            (Fault("GetObject", "throttle"), "GetObject has no fault throttle"),
            (Fault("*", "internal_error"), "has no fault internal_error"),
        ],
    )
    def test_an_unknown_fault_is_refused(self, world, fault, message):
        with pytest.raises(FaultError, match=message):
            world.sandbox.faults(fault)

    def test_faults_strike_only_the_named_requests(self, world):
        s3 = world.sandbox.client("s3", config=Config(retries={"total_max_attempts": 1}))
        world.sandbox.faults(Fault("PutObject", "slow_down", begins="elsewhere/a", after=1, times=1))
        statuses = []
        for key in ("elsewhere/b", "elsewhere/a", "elsewhere/a", "elsewhere/a"):
            try:
                answer = s3.put_object(Bucket=world.bucket, Key=key, Body=b"x")
            except ClientError as error:
                answer = error.response
            statuses.append(answer["ResponseMetadata"]["HTTPStatusCode"])
        assert statuses == [200, 200, 503, 200]
        assert world.sandbox.faults_struck() == [1]
