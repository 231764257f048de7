"""The deployed Domino loader against a Domino that fails, on both wires: no file is lost or registered twice.

A file's name selects its fault, so that one run of the loader meets many faults.
"""

import csv
import io
import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from autowatch.aws.objects import Bucket
from sandbox.client import running_sandbox
from sandbox.errors import FaultError
from sandbox.faults import Fault
from sandbox.server import REGION
from tests.support.local_domino import people
from tests.support.scoring_bucket import CONTRACT

pytestmark = pytest.mark.sandbox

FUNCTION = "LoadDmmFunction"
MODEL = "bank"
PREDICT = "domino:register_predictions"
TOKEN_SECRET = {"DmmTokenSecretArn": "{domino_token_secret_arn}"}
PARAMETERS = {
    "v0": {"DmmUrl": "{endpoint}/domino/api/v0/models/", "DmmModelId": MODEL, **TOKEN_SECRET},
    "v2": {
        "DmmApi": "v2",
        "DmmUrl": "{endpoint}/domino/model-monitor/v2/api/",
        "DmmDatasource": "lake",
        **TOKEN_SECRET,
    },
}
TODAY = datetime.now(UTC)


class World:
    """The running stack, whose loader speaks one of the wires. Each test has its own run, and on v2 its own model."""

    def __init__(self, sandbox, wire):
        self.sandbox, self.wire = sandbox, wire
        self.s3, self.sqs = sandbox.client("s3"), sandbox.client("sqs")
        self.functions, self.secrets = sandbox.client("lambda"), sandbox.client("secretsmanager")
        self.bucket = sandbox.outputs["DataBucketName"]
        self.run = ""
        self._numbers = itertools.count()

    def begin_run(self):
        """Releases a model of a new run, without training."""
        self.run = f"r{next(self._numbers)}"
        self._put_csv(f"models/{self.run}/train.csv", trained(1), ("age", "job", "y"))
        Bucket(self.s3, self.bucket).write_json(
            f"models/{self.run}/contract.json",
            replace(CONTRACT, run=self.run),
        )
        champion = {
            "run": self.run,
            "endpoint_name": "autowatch",
            "endpoint_config": "autowatch-r",
            "model_name": "autowatch-r",
            "contract_key": f"models/{self.run}/contract.json",
            "baseline_key": f"models/{self.run}/baseline.json",
            "released": "2026-11-20T00:00:00Z",
            "metrics": {},
            "previous_run": None,
        }
        Bucket(self.s3, self.bucket).write_json("models/champion.json", champion)

    def know_data(self):
        """Does a person's one-time setup in Domino: the model on v0, the data source on v2."""
        self.sandbox.domino.change_settings(alert_address=None)
        if self.wire == "v0":
            self.sandbox.domino.make_model_known(MODEL, self.bucket, f"models/{self.run}/train.csv", "y")
        else:
            self.sandbox.domino.add_datasource("lake", self.bucket, REGION)

    def predict(self, *names, days_ago=0, age=40):
        """Commits a predictions file for each name, as scoring does, and returns their keys, the oldest first."""
        return [self._commit(name, days_ago, age) for name in names]

    def _commit(self, name, days_ago, age):
        number = next(self._numbers)
        day = (TODAY - timedelta(days=days_ago)).strftime("%Y-%m-%d")
        stem = f"predictions/date={day}/{self.run}/{name}-0123456789abcdef"
        rows = [
            (*row, f"{self.run}-{number}-{index}", "yes" if index % 2 else "no", "0.5", f"{day}T09:00:00Z")
            for index, row in enumerate((old, job) for _, old, job in people(number, 40, age))
        ]
        version = self._put_csv(
            f"{stem}.csv", rows, ("age", "job", "id", "y", "y_probability", "prediction_date")
        )
        manifest = {
            "manifest_version": 1,
            "predictions_key": f"{stem}.csv",
            "predictions_version_id": version,
            "run": self.run,
            "rows": {"in": 40, "scored": 40, "rejected": 0},
            "finished": f"{day}T09:{number // 60 % 60:02}:{number % 60:02}Z",
        }
        Bucket(self.s3, self.bucket).write_json(f"{stem}.manifest.json", manifest)
        return f"{stem}.csv"

    def label(self, predictions_key, label):
        """Writes labels for the first two rows of a predictions file, as the labels function does."""
        rows = list(csv.DictReader(io.StringIO(self._read(predictions_key)), restkey="rest"))
        day = predictions_key.split("/")[1]
        key = f"monitoring/labels/{day}/run={self.run}/20261123T200000Z-a-0123456789abcdef.csv"
        self._put_csv(key, [(row["id"], label) for row in rows[:2]], ("id", "y_actual"))
        return key

    def load(self):
        """Runs the loader, and returns its answer or its error's message."""
        answer = self.functions.invoke(FunctionName=self.sandbox.functions[FUNCTION], Payload=b"{}")
        document = json.loads(answer["Payload"].read())
        return document.get("errorMessage", "(killed)") if "FunctionError" in answer else document

    def count_calls(self):
        """Runs the loader, and returns the number of predictions files that it registered."""
        self.sandbox.faults(Fault(PREDICT, "observe"))
        assert "registered" in self.load()
        (calls,) = self.sandbox.faults_struck()
        return calls

    def registered(self):
        """How often Domino has each file, by its key."""
        root = f"https://{self.bucket}.s3.{REGION}.amazonaws.com/"
        return Counter(
            unquote(dataset["location"].removeprefix(root))
            for model in self.sandbox.domino.models()
            for dataset in model["datasets"]
        )

    def models(self):
        """The models of the test's run on v2."""
        return [model for model in self.sandbox.domino.models() if model["name"].endswith(f"-{self.run}")]

    def receipts(self):
        """The receipts of the files of the test's run, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="monitoring/domino/predictions/"
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        documents = [json.loads(self._read(key)) for key in keys if f"/{self.run}/" in key]
        return {document["key"]: document["outcome"] for document in documents}

    def forget_receipts(self, keys):
        """Deletes the receipts, as if the loader had been killed before it wrote them."""
        for key in keys:
            self.s3.delete_object(Bucket=self.bucket, Key=f"monitoring/domino/{key}.json")

    def check(self, keys):
        """Checks that Domino has every file once and ingested it, and that every file has its receipt."""
        self.sandbox.domino.wait_until_idle()
        registered = self.registered()
        assert {key: registered[key] for key in keys} == dict.fromkeys(keys, 1)
        assert set(self.receipts()) == set(keys)
        datasets = [each for model in self.sandbox.domino.models() for each in model["datasets"]]
        assert [each["error"] for each in datasets if each["status"] == "failed"] == []

    def failed_events(self):
        (url,) = self.sqs.list_queues(QueueNamePrefix="autowatch-MonitoringFailures")["QueueUrls"]
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def change_token(self, token):
        """Stores another token in the secret."""
        (secret,) = self.secrets.list_secrets()["SecretList"]
        self.secrets.put_secret_value(SecretId=secret["ARN"], SecretString=token)

    def _put_csv(self, key, rows, columns):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.getvalue().encode())
        return answer["VersionId"]

    def _read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()


def trained(seed):
    return [(age, job, "yes" if number % 2 else "no") for number, age, job in people(seed, 400)]


@pytest.fixture(scope="module", params=["v0", "v2"])
def stack(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"domino-{request.param}")
    parameters = PARAMETERS[request.param]
    with running_sandbox(parameters=parameters, state_dir=folder, retry_seconds=(0.05, 0.1)) as sandbox:
        world = World(sandbox, request.param)
        world.begin_run()
        world.know_data()
        yield world


@pytest.fixture
def world(stack):
    stack.begin_run()
    yield stack
    stack.sandbox.faults()
    assert stack.failed_events() == []


# v0's models are registered by a person, and it does not list them.
V2_ALONE = pytest.mark.parametrize("stack", ["v2"], indirect=True)

PASSING = {
    "429": Fault(PREDICT, "refuse", status=429, retry_after="1"),
    "500": Fault(PREDICT, "refuse", status=500),
    "503 with a page": Fault(PREDICT, "refuse", status=503, answer="<html>busy</html>"),
    "hang": Fault(PREDICT, "hang", seconds=0.3),
    "drop": Fault(PREDICT, "drop"),
    "lost answer": Fault(PREDICT, "lost_answer"),
    "slow": Fault(PREDICT, "slow", seconds=0.5),
    "trickle": Fault(PREDICT, "trickle", seconds=0.5),
    "S3 500": Fault("PutObject", "internal_error"),
    "receipt's answer lost": Fault("PutObject", "lost_answer"),
}


def strike(faults, times=None):
    """Each fault strikes the file with the fault's name."""
    return [replace(fault, contains=f"/{name}-", times=times) for name, fault in faults.items()]


def test_temporary_faults_neither_lose_nor_repeat_a_file(world):
    keys = world.predict("first", *PASSING, "last")
    world.sandbox.faults(*strike(PASSING, times=1))
    answer = world.load()
    assert world.sandbox.faults_struck() == [1] * len(PASSING)
    assert (answer["failed"], answer["waiting"]) == (0, 0)
    assert answer["registered"] + answer["already_registered"] == len(keys)
    world.check(keys)
    assert world.count_calls() == 0


LASTING = {
    "400": Fault(PREDICT, "refuse", status=400, answer='"The file is not to my taste"'),
    "404": Fault(PREDICT, "refuse", status=404),
    "500": Fault(PREDICT, "refuse", status=500),
    "garbage": Fault(PREDICT, "garbage"),
    "login page": Fault(PREDICT, "login_page"),
}


def test_lasting_faults_are_reported_and_later_caught_up_on(world):
    """All other files are registered; a garbled or foreign success does not count."""
    good = world.predict("first")
    bad = world.predict(*LASTING)
    good += world.predict("last")
    world.sandbox.faults(*strike(LASTING))
    message = world.load()
    world.sandbox.faults()
    assert f"{len(bad)} file(s) could not be registered: " in message
    assert sum(key in message for key in bad) == 5
    logs = world.sandbox.logs(FUNCTION)
    assert all(key in logs for key in bad)
    world.check(good)
    assert world.count_calls() == len(bad)
    world.check(good + bad)


def test_a_failing_run_is_kept_in_the_queue(world):
    (key,) = world.predict("unlucky")
    world.sandbox.faults(*strike({"unlucky": Fault(PREDICT, "refuse", status=404)}))
    world.sandbox.fire(FUNCTION)
    world.sandbox.wait_until_idle(30)
    (kept,) = world.failed_events()
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    assert kept["responsePayload"]["errorType"] == "RegistrationFailed"
    assert key in kept["responsePayload"]["errorMessage"]
    assert world.count_calls() == 1
    world.check([key])


def test_an_outage_of_days_is_caught_up_on_oldest_first(world):
    keys = []
    for days_ago in (2, 1, 0):
        keys += world.predict("missed", days_ago=days_ago)
        world.sandbox.faults(Fault(PREDICT, "refuse", status=404))
        assert "could not be registered" in world.load()
    assert world.receipts() == {}
    assert world.count_calls() == 3
    world.check(keys)
    assert [key for key in world.registered() if key in keys] == keys


@pytest.mark.parametrize("status", [409, 400, 200])
def test_a_registered_file_counts_as_done_with_any_status(world, status):
    """The loader was killed before the receipt. How the real Domino reports a known file is not documented."""
    world.sandbox.domino.change_settings(duplicate_status=status)
    keys = world.predict("a", "b", "c")
    world.load()
    world.forget_receipts(keys[1:])
    assert world.count_calls() == 2
    assert list(world.receipts().values()) == ["registered", "already registered", "already registered"]
    world.check(keys)


@pytest.mark.parametrize("status", [401, 403])
def test_a_warm_function_reads_a_rotated_token(world, status):
    world.sandbox.domino.change_settings(refusal_status=status)
    before = world.predict("before")
    world.load()
    world.sandbox.domino.rotate_token(f"rotated-{status}")
    world.change_token(f"rotated-{status}")
    after = world.predict("after", "after that")
    assert world.count_calls() <= 4
    world.check(before + after)
    assert f"rotated-{status}" not in world.sandbox.logs(FUNCTION)


def test_a_refused_token_ends_the_run_at_once(world):
    keys = world.predict(*(f"file {number}" for number in range(20)))
    world.sandbox.domino.rotate_token("unknown")
    world.sandbox.faults(Fault("domino:*", "observe"))
    message = world.load()
    # A few files are in progress at once, and each retries with the present secret.
    assert world.sandbox.faults_struck()[0] <= 16
    assert "DmmTokenSecretArn" in message
    assert world.receipts() == {}
    world.change_token("unknown")
    world.load()
    world.check(keys)


def test_a_loader_killed_midway_resumes_where_it_stopped(world):
    kind, after = {"v0": ("kill_before", 5), "v2": ("kill_after", 10)}[world.wire]
    keys = world.predict(*(f"file {number}" for number in range(16)))
    world.sandbox.faults(Fault(PREDICT, kind, after=after, times=1, function=FUNCTION))
    assert "signal: killed" in world.load()
    done = len(world.receipts())
    assert done <= after
    # S3 may still have been writing the last receipts when they were counted.
    assert 16 - after <= world.count_calls() <= 16 - done + 1
    world.check(keys)


def test_two_concurrent_loaders_register_nothing_twice(world):
    keys = world.predict("first")
    world.load()
    keys += world.predict(*(f"file {number}" for number in range(12)))
    world.sandbox.faults(Fault(PREDICT, "slow", seconds=0.2))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: world.load(), range(2)))
    assert all(answer["failed"] == 0 for answer in answers)
    assert sum(answer["registered"] for answer in answers) == 12
    world.check(keys)


def test_labels_are_registered_as_ground_truth(world):
    (key,) = world.predict("labelled")
    labels = world.label(key, "no")
    world.sandbox.faults(Fault("domino:register_ground_truths", "lost_answer", times=1))
    assert world.load()["failed"] == 0
    world.sandbox.domino.wait_until_idle()
    assert world.registered()[labels] == 1
    model = (world.models() or [world.sandbox.domino.models()[0]])[-1]
    # Predicted are no and yes.
    assert model["quality"]["rows"] % 2 == 0
    assert model["quality"]["accuracy"] == 0.5
    world.check([key])


@V2_ALONE
def test_a_lost_response_does_not_register_a_second_model(world):
    keys = world.predict("a", "b")
    world.sandbox.faults(
        Fault("domino:register_model", "lost_answer", times=1), Fault(PREDICT, "lost_answer", times=1)
    )
    assert world.load()["failed"] == 0
    assert world.sandbox.faults_struck() == [1, 1]
    assert len(world.models()) == 1
    world.check(keys)


@V2_ALONE
@pytest.mark.parametrize("operation", ["domino:register_model", PREDICT])
def test_a_loader_killed_during_the_registration_leaves_no_second_model(world, operation):
    keys = world.predict("a", "b")
    world.sandbox.faults(Fault(operation, "kill_after", times=1, function=FUNCTION))
    assert "signal: killed" in world.load()
    world.sandbox.faults()
    world.load()
    assert len(world.models()) == 1
    world.check(keys)


@V2_ALONE
def test_dominos_results_are_read_or_reported_missing(world):
    keys = world.predict("like", "unlike", age=70)
    world.load()
    world.sandbox.domino.wait_until_idle()
    assert world.load()["checks"] == "read"
    checks = json.loads(world._read("monitoring/domino/checks.json"))
    assert (checks["run"], checks["ingestion_status"]) == (world.run, "prediction")
    assert [(check["predictions"], "age" in check["drifted_columns"]) for check in checks["checks"]] == [
        (40, True)
    ] * 2
    for kind in ("garbage", "login_page"):
        keys += world.predict(f"while {kind}")
        world.sandbox.faults(Fault("domino:list_models", kind))
        answer = world.load()
        assert (answer["registered"], answer["checks"]) == (1, "failed")
    world.sandbox.faults()
    world.check(keys)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(PREDICT, "slow_down"), "has no fault slow_down"),
        (Fault("GetObject", "login_page"), "has no fault login_page"),
        (Fault(PREDICT, "refuse"), "from 400 to 599, not 0"),
    ],
)
def test_an_invalid_fault_is_refused(fault, message):
    with pytest.raises(FaultError, match=message):
        Fault.from_json(asdict(fault))
