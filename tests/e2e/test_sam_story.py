"""A fresh clone from its first `sam build` to its `sam delete`: deployed, trained, scored, watched, changed, deleted.

`SAM_TRANSCRIPT` names a file that gets the transcript.
"""

import os
from pathlib import Path

import pytest

from autowatch.aws.objects import Bucket
from autowatch.records.champion import read_champion
from sandbox.client import running_sandbox
from sandbox.demo.synthetic import write_bank_marketing
from tests.support.inventory import inventory
from tests.support.sam_project import Sam, clone

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(1800)]
PARAMETERS = "DropColumns=duration MinimumAuc=0.55 MaxTrainingSeconds=120 PollSeconds=1"
CHANGED = f"{PARAMETERS} MinRows=200 EndpointName=autowatch-two DeleteData=true"
MADE_BY_SAM = "aws-sam-cli-managed-default"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(None, state_dir=tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def sam(sandbox, tmp_path_factory):
    project = clone(tmp_path_factory.mktemp("clone"))
    sam = Sam(sandbox, project, tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("home"))
    yield sam
    if file := os.environ.get("SAM_TRANSCRIPT"):
        Path(file).write_text("\n".join(sam.transcript))


@pytest.fixture
def files(tmp_path):
    """A training file, and one to score: without the last column, the target."""
    write_bank_marketing(tmp_path / "bank.csv", 3000, 3)
    lines = (tmp_path / "bank.csv").read_text().splitlines()[:301]
    delimiter = ";" if ";" in lines[0] else ","
    (tmp_path / "customers.csv").write_text("".join(f"{line.rpartition(delimiter)[0]}\n" for line in lines))
    return tmp_path / "bank.csv", tmp_path / "customers.csv"


@pytest.fixture
def bucket(sandbox):
    return Bucket(sandbox.client("s3"), "autowatch-123456789012-us-east-1")


def test_a_stack_is_deployed_used_and_deleted(sandbox, sam, files, bucket, tmp_path):
    training, customers = files
    before = inventory(sandbox.client)
    sam("build")
    sam("deploy", "--no-confirm-changeset", "--parameter-overrides", PARAMETERS)
    sam.autowatch("train", training)
    champion = read_champion(bucket)
    assert champion.endpoint_name == "autowatch"
    sam.autowatch("score", customers, "--out", tmp_path / "scored")
    assert list((tmp_path / "scored").iterdir())
    sandbox.fire("DetectDriftFunction")
    sandbox.wait_until_idle(120)
    assert list(bucket.list("reports/date="))

    sam("deploy", "--no-confirm-changeset", "--parameter-overrides", CHANGED)
    customers.write_text(customers.read_text() + customers.read_text().splitlines()[-1] + "\n")
    sam.autowatch("score", customers, "--out", tmp_path / "at the old endpoint")
    assert list((tmp_path / "at the old endpoint").iterdir())
    sam.autowatch("rollback", champion.run, "--again")
    assert read_champion(bucket).endpoint_name == "autowatch-two"
    sandbox.wait_until_idle(60)
    endpoints = sandbox.client("sagemaker").list_endpoints()["Endpoints"]
    serving = {each["EndpointName"] for each in endpoints if each["EndpointStatus"] != "Deleting"}
    assert serving == {"autowatch-two"}

    assert "Deleted successfully" in sam("delete", "--no-prompts")
    sandbox.wait_until_idle(60)
    left = {(kind, name) for kind, name in inventory(sandbox.client) - before if MADE_BY_SAM not in name}
    assert left == set()
