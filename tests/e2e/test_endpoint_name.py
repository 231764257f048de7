"""A running stack gets another EndpointName: the old endpoint scores until the next release, which deletes it.

The AutoML job is scripted, and its model needs no training.
"""

import json
import time

import pytest

from autowatch.aws.objects import Bucket
from autowatch.records.champion import read_champion
from sandbox.client import running_sandbox
from tests.support.scripted_job import automl_job
from tests.support.stub_model import archive, image, training_file

pytestmark = pytest.mark.sandbox
ARTEFACT = "transform/stub/model.tar.gz"
PARAMETERS = {"PollSeconds": "1", "PositiveLabel": "yes"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(parameters=PARAMETERS, state_dir=tmp_path_factory.mktemp("state")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def bucket(sandbox):
    return Bucket(sandbox.client("s3"), sandbox.outputs["DataBucketName"])


@pytest.fixture(scope="module")
def run(sandbox):
    """Starts the training machine with an input, and waits until it succeeds."""
    stepfunctions, machine = sandbox.client("stepfunctions"), sandbox.outputs["TrainStateMachineArn"]

    def start(**document):
        arn = stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(document))[
            "executionArn"
        ]
        sandbox.wait_until_idle(120)
        assert stepfunctions.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"

    return start


def update(sandbox, **parameters):
    cloudformation = sandbox.client("cloudformation")
    kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in PARAMETERS]
    changed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    cloudformation.update_stack(
        StackName="autowatch",
        UsePreviousTemplate=True,
        Parameters=kept + changed,
        Capabilities=["CAPABILITY_IAM"],
    )
    deadline = time.monotonic() + 120
    while (status := cloudformation.describe_stacks(StackName="autowatch")["Stacks"][0]["StackStatus"]) != (
        "UPDATE_COMPLETE"
    ):
        assert status == "UPDATE_IN_PROGRESS"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def serving(sandbox):
    endpoints = sandbox.client("sagemaker").list_endpoints()["Endpoints"]
    return {each["EndpointName"] for each in endpoints if each["EndpointStatus"] != "Deleting"}


def score(sandbox, bucket, name):
    bucket.put(f"inference/{name}.csv", b"age,job\n30,a\n40,b\n", "text/csv")
    sandbox.wait_until_idle(60)
    return [item["Key"] for item in bucket.list("predictions/") if f"/{name}-" in item["Key"]]


def test_the_old_endpoint_serves_until_the_next_release_and_goes_with_it(sandbox, bucket, run):
    bucket.put(ARTEFACT, archive(features=2), "application/gzip")
    bucket.put("training/calls.csv", training_file(1), "text/csv")
    account, region = sandbox.outputs["TrainStateMachineArn"].split(":")[4], sandbox.environment["AWS_REGION"]
    sandbox.faults(*automl_job({"Image": image(account, region), "ModelDataUrl": bucket.url(ARTEFACT)}))
    run()
    champion = read_champion(bucket)
    assert champion.endpoint_name == "autowatch"

    update(sandbox, EndpointName="autowatch-two")
    assert score(sandbox, bucket, "between")
    assert serving(sandbox) == {"autowatch"}

    run(promote=champion.run)
    assert read_champion(bucket).endpoint_name == "autowatch-two"
    assert serving(sandbox) == {"autowatch-two"}
    configs = sandbox.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    assert all(each["EndpointConfigName"].startswith("autowatch-two-") for each in configs)
    assert score(sandbox, bucket, "after")
