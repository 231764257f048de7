"""Labels end to end: the real template, notifications, function processes and S3 on the wire, with the stub model.

Its predictions depend only on the rows; labels are generated to match them or not.
"""

import csv
import io
import json
import random
import re
from dataclasses import dataclass

import pytest

from sandbox.client import running_sandbox
from sandbox.faults import Fault
from tests.support.released_stack import ReleasedStack
from tests.support.repository import OWN_KEY

pytestmark = pytest.mark.sandbox

FUNCTION = "MeasureQualityFunction"
ROWS = 400


@dataclass(frozen=True)
class Prediction:
    """One scored row."""

    id: str
    label: str
    probability: float


class World(ReleasedStack):
    """The stack, with these tests' helpers."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.functions = sandbox.client("lambda")

    def score(self, name, day):
        """Scores rows as if they had come on `day`, and returns their predictions."""
        body = "".join(["age,job\n", *(f"{number % 90},{name} {number}\n" for number in range(ROWS))])
        key = f"inference/{name}.csv"
        put = self.put_unannounced(key, body.encode())
        written = {"key": key, "versionId": put["VersionId"], "eTag": put["ETag"], "size": len(body)}
        event = {
            "Records": [
                {
                    "eventTime": f"{day}T09:00:00.000Z",
                    "s3": {"bucket": {"name": self.bucket}, "object": written},
                }
            ]
        }
        assert self.invoke("InvokeEndpointFunction", event)["scored"] == 1
        (predictions_key,) = [
            key for key in self.keys(f"predictions/date={day}/{name}-") if key.endswith(".csv")
        ]
        rows = csv.DictReader(io.StringIO(self.read(predictions_key), newline=""))
        return [Prediction(row["id"], row["y"], float(row["y_probability"])) for row in rows]

    def invoke(self, function, event):
        answer = self.functions.invoke(
            FunctionName=self.sandbox.functions[function], Payload=json.dumps(event)
        )
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def label(self, name, pairs, wait=True):
        """Uploads a labels file, which S3 announces."""
        lines = "".join(["id,y_actual\n", *(f"{identifier},{label}\n" for identifier, label in pairs)])
        self.s3.put_object(Bucket=self.bucket, Key=f"labels/{name}.csv", Body=lines.encode())
        if wait:
            self.sandbox.wait_until_idle(60)

    def quality(self, day):
        return json.loads(self.read(f"reports/date={day}/quality.json"))

    def failed_events(self):
        sqs = self.sandbox.client("sqs")
        (queue,) = sqs.list_queues(QueueNamePrefix="autowatch-MonitoringFailures")["QueueUrls"]
        return sqs.receive_message(QueueUrl=queue).get("Messages", [])


def true(predictions, seed=1):
    """Labels drawn with the predicted probabilities."""
    source = random.Random(seed)
    return [(each.id, "yes" if source.random() < each.probability else "no") for each in predictions]


def unrelated(predictions, seed=1):
    """Labels that are independent of the predictions."""
    source = random.Random(seed)
    return [(each.id, source.choice(["yes", "no"])) for each in predictions]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    parameters = {"AlertEmail": "me@example.com", "KmsKeyArn": OWN_KEY}
    with running_sandbox(parameters=parameters, state_dir=folder, retry_seconds=(0.05, 0.1)) as sandbox:
        world = World(sandbox)
        world.release()
        yield world


@pytest.fixture(autouse=True)
def nothing_left(world):
    yield
    world.sandbox.faults()
    world.sandbox.wait_until_idle(60)
    assert world.failed_events() == []


def test_part_of_the_labels_then_the_rest(world):
    day, predictions = "2026-11-01", world.score("a", "2026-11-01")
    labels = true(predictions)
    world.label("first half", labels[: ROWS // 2])
    assert (world.quality(day)["rows_labelled"], world.quality(day)["coverage"]) == (ROWS // 2, 0.5)
    world.label("all", [*labels, ("0123456789abcdef-1", "yes")])
    document = world.quality(day)
    assert (document["rows_labelled"], document["verdict"]) == (ROWS, "good")
    right = sum(dict(labels)[each.id] == each.label for each in predictions) / ROWS
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(right)
    (rejected,) = world.keys("rejected/labels/")
    assert world.read(rejected).splitlines()[1] == "402,No prediction has this id.,0123456789abcdef-1,yes"
    assert f"{ROWS} of {ROWS} rows have labels" in world.read(f"reports/date={day}/index.html")
    assert day in world.read("reports/index.html")


def test_a_degraded_day_is_alerted_on_once(world):
    day, predictions = "2026-11-03", world.score("b", "2026-11-03")
    before = len(world.sandbox.mailbox.messages())
    world.label("worse", unrelated(predictions))
    world.label("worse", unrelated(predictions))
    world.label("worse still", unrelated(predictions, seed=2))
    (mail,) = world.sandbox.mailbox.messages()[before:]
    assert re.match(r"\[autowatch\] Predictions got worse on \S+: AUC 0\.", mail.subject)
    labels = re.findall(r"^([A-Z]\w+(?: \w+)?):", mail.body, re.MULTILINE)
    assert labels == ["What", "How bad", "Others", "Labels", "Days", "Since", "Next", "Report", "Open"]
    assert (world.quality(day)["verdict"], world.quality(day)["alerted"]) == ("worse", True)


def test_many_files_of_one_day_at_once(world):
    day, predictions = "2026-11-05", world.score("c", "2026-11-05")
    labels = true(predictions)
    for number in range(8):
        world.label(f"part {number}", labels[number::8], wait=False)
    world.sandbox.wait_until_idle(60)
    assert world.quality(day)["rows_labelled"] == ROWS


@pytest.mark.parametrize("kind", ["kill_before", "kill_after"])
@pytest.mark.parametrize("contains", ["monitoring/labels/", "quality.json", "index.html"])
def test_a_process_killed_midway_ends_with_the_right_result(world, kind, contains):
    day = "2026-10-11"
    name = f"killed {len(world.keys(f'predictions/date={day}/'))}"
    predictions = world.score(name, day)
    fault = Fault("PutObject", kind, contains=contains, times=1, function=FUNCTION)
    world.sandbox.faults(fault)
    world.label(name, true(predictions))
    assert world.sandbox.faults_struck() == [1]
    document = world.quality(day)
    fragments = [world.read(key) for key in world.keys(f"monitoring/labels/date={day}/")]
    assert sum(text.count("\n") - 1 for text in fragments) == document["rows_labelled"]
    assert f"{document['rows_labelled']:,}" in world.read(f"reports/date={day}/index.html")
    assert predictions[0].id in "".join(fragments)
