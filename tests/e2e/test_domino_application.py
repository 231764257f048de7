"""The application's loader and the local Domino on the v2 wire: Domino can ingest what the loader writes."""

import csv
import io
import json
from datetime import UTC, datetime

import boto3
import pytest

from autowatch.aws.objects import Bucket
from autowatch.domino.connection import DominoToken, open_session
from autowatch.domino.loader import LoaderSettings, load_new_files
from autowatch.domino.settings import DominoSettings
from autowatch.records.keys import train_key
from sandbox.events.mailbox import Mailbox
from tests.support.domino_stack import EARLIER_RUN, RUN, add_run
from tests.support.local_domino import BUCKET, TOKEN, bucket_server, domino_client

pytestmark = pytest.mark.sandbox

ROWS = 600
PARAMETER = "/autowatch/autowatch/domino-model-id"


@pytest.fixture
def s3():
    with bucket_server() as s3:
        for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])
        yield s3


@pytest.fixture
def client(s3, tmp_path):
    with domino_client(s3, tmp_path / "domino", Mailbox(tmp_path / "mail")) as client:
        config = {"bucket": BUCKET, "region": "us-east-1", "instance_role": True}
        client.v2("PUT", "datasource", {"name": "bank", "type": "s3", "config": config}).raise_for_status()
        yield client


@pytest.fixture
def load(s3, client):
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    ssm = boto3.client("ssm", "us-east-1", endpoint_url=s3.meta.endpoint_url, **credentials)
    ssm.put_parameter(Name=PARAMETER, Value="none", Type="String", Overwrite=True)
    with open_session(8) as session:
        domino = DominoSettings("v2", f"{client.root}/model-monitor/v2/api/", "arn", datasource="bank")
        connection = domino.connect(session, DominoToken(lambda: TOKEN), lambda: 100.0)
        settings = LoaderSettings("us-east-1", "predictions/", PARAMETER, "Autowatch", "autowatch")
        yield lambda: load_new_files(Bucket(s3, BUCKET), ssm, domino, connection, settings, datetime.now(UTC))


def put_csv(s3, key, header, rows):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    s3.put_object(Bucket=BUCKET, Key=key, Body=text.getvalue().encode())


def add_training(s3, run):
    add_run(s3, run)
    put_csv(
        s3,
        train_key(run),
        ["age", "job", "y"],
        [[20 + row % 50, f"job {row % 5}", "yes" if row % 9 == 0 else "no"] for row in range(ROWS)],
    )


def add_predictions(s3, run, name, shift=0):
    """Predictions as scoring writes them, with a column that passed through, and their manifest."""
    key = f"predictions/date=2026-11-23/{name}-0123456789abcdef.csv"
    rows = [
        [
            row,
            20 + shift + row % 50,
            f"job {row % 5}",
            f"{name:0>16}-{row + 1}",
            "yes" if row % 9 == 0 else "no",
            0.5,
        ]
        for row in range(ROWS)
    ]
    header = ["customer", "age", "job", "id", "y", "y_probability", "prediction_date"]
    put_csv(s3, key, header, [[*row, "2026-11-23T09:00:00Z"] for row in rows])
    manifest = {"predictions_key": key, "finished": "2026-11-23T09:00:04Z", "run": run}
    Bucket(s3, BUCKET).write_json(key.replace(".csv", ".manifest.json"), manifest)


def add_labels(s3, run, name):
    key = f"monitoring/labels/date=2026-11-23/run={run}/20261124T080000Z-{name}-0123456789abcdef.csv"
    put_csv(s3, key, ["id", "y_actual"], [[f"{name:0>16}-{row + 1}", "no"] for row in range(ROWS)])


def test_the_application_and_the_local_domino_understand_each_other_on_v2(s3, client, load):
    for run in (RUN, EARLIER_RUN):
        add_training(s3, run)
    champion = dict.fromkeys(
        ("contract_key", "baseline_key", "endpoint_config", "model_name", "released"), "x"
    )
    champion |= {"run": RUN, "endpoint_name": "autowatch", "metrics": {}}
    Bucket(s3, BUCKET).write_json("models/champion.json", champion)
    add_predictions(s3, RUN, "a")
    add_predictions(s3, RUN, "b", shift=40)
    add_predictions(s3, EARLIER_RUN, "c")
    add_labels(s3, RUN, "a")
    summary = load()
    assert (summary["registered"], summary["failed"], summary["checks"]) == (4, 0, "read")
    assert client.control("GET", "idle?timeout_seconds=30").status_code == 200
    models = {model["name"]: model for model in client.control("GET", "models").json()}
    assert models.keys() == {f"autowatch-{RUN}", f"autowatch-{EARLIER_RUN}"}
    kinds = {name: sorted(item["kind"] for item in model["datasets"]) for name, model in models.items()}
    assert kinds == {
        f"autowatch-{RUN}": ["ground truths", "predictions", "predictions"],
        f"autowatch-{EARLIER_RUN}": ["predictions"],
    }
    for model in models.values():
        for item in (model["training"], *model["datasets"]):
            assert (item["status"], item["error"], item["rows"]) == ("done", None, ROWS)

    client.v2("POST", f"model/{models[f'autowatch-{RUN}']['id']}/analyse-drift", {}).raise_for_status()
    again = load()
    assert (again["registered"], again["already_registered"], again["checks"]) == (0, 0, "read")
    checks = json.loads(s3.get_object(Bucket=BUCKET, Key="monitoring/domino/checks.json")["Body"].read())
    assert checks["ingestion_status"] == "prediction"
    assert checks["checks"][0]["drifted_columns"] == ["age"]
    assert checks["checks"][0]["predictions"] == 2 * ROWS


@pytest.mark.parametrize("status", [200, 400, 409])
def test_a_loader_without_its_receipts_registers_nothing_twice(s3, client, load, status):
    add_training(s3, RUN)
    for name in ("a", "b"):
        add_predictions(s3, RUN, name)
    add_labels(s3, RUN, "a")
    client.control("PUT", "settings", {"duplicate_status": status}).raise_for_status()
    assert load()["registered"] == 3
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="monitoring/domino/")["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    assert load()["already_registered"] == 3
    (model,) = client.control("GET", "models").json()
    assert len(model["datasets"]) == 3
