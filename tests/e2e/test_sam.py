"""The repository, deployed to an empty sandbox with the real `sam`, changed, inspected and deleted. Only numpy and
scipy are left out: zipping them takes most of a minute, and these tests do not use them.
"""

import json
import time

import pytest

from sandbox.client import running_sandbox
from tests.support.inventory import inventory
from tests.support.sam_project import Sam, clone
from tests.support.stub_model import archive, container

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(900)]
ACCOUNT, REGION = "123456789012", "us-east-1"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(None, state_dir=tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return clone(tmp_path_factory.mktemp("clone"), without=("numpy", "scipy"))


@pytest.fixture(scope="module")
def sam(sandbox, project, tmp_path_factory):
    return Sam(sandbox, project, tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def before(sandbox):
    return inventory(sandbox.client)


@pytest.fixture(scope="module")
def deployed(before, sam):
    sam("build")
    said = sam("deploy", "--no-confirm-changeset")
    assert "Successfully created/updated stack - autowatch" in said


@pytest.fixture(scope="module")
def function(sandbox, deployed):
    def named(logical_id):
        resources = sandbox.client("cloudformation").describe_stack_resource(
            StackName="autowatch", LogicalResourceId=logical_id
        )
        return resources["StackResourceDetail"]["PhysicalResourceId"]

    return named


def variables(sandbox, name):
    return sandbox.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]


@pytest.mark.usefixtures("deployed")
def test_sam_shows_what_it_has_deployed(sam):
    resources = json.loads(sam("list", "resources", "--output", "json"))
    machine = next(each for each in resources if each["LogicalResourceId"] == "TrainStateMachine")
    assert machine["PhysicalResourceId"].endswith(":stateMachine:autowatch-train")
    outputs = json.loads(sam("list", "stack-outputs", "--output", "json"))
    assert {"OutputKey": "EndpointName", "OutputValue": "autowatch"}.items() <= next(
        each for each in outputs if each["OutputKey"] == "EndpointName"
    ).items()


def test_a_function_runs_from_the_artefacts_that_sam_built(sandbox, sam, function):
    """Domino's function needs a layer; without Domino it has nothing to do."""
    assert json.loads(sam("remote", "invoke", "LoadDmmFunction", "--event", "{}")) == {"configured": False}
    assert "REPORT RequestId" in sam("logs", "--name", "LoadDmmFunction")
    assert variables(sandbox, function("DetectDriftFunction"))["MIN_ROWS"] != "200"


def test_an_update_of_parameter_and_code_takes_effect(sandbox, sam, project, function):
    name = function("TransformCleanUpFunction")
    (project / "src" / "transform" / "clean_up.py").write_text("def lambda_handler(*_): return 'changed'\n")
    sam("build")
    said = sam("deploy", "--no-confirm-changeset", "--parameter-overrides", "MinRows=200")
    assert "* Modify" in said
    assert variables(sandbox, function("DetectDriftFunction"))["MIN_ROWS"] == "200"
    assert function("TransformCleanUpFunction") == name
    assert json.loads(sandbox.client("lambda").invoke(FunctionName=name)["Payload"].read()) == "changed"


def test_sync_updates_code_without_a_deployment(sandbox, sam, project, function):
    (project / "src" / "transform" / "clean_up.py").write_text("def lambda_handler(*_): return 'in sync'\n")
    sam("sync", "--code", "--no-watch", "--resource-id", "TransformCleanUpFunction", answer="y\n")
    name = function("TransformCleanUpFunction")
    assert json.loads(sandbox.client("lambda").invoke(FunctionName=name)["Payload"].read()) == "in sync"


def serve(sandbox, name, stack):
    """An endpoint with its config and model, as a run of `stack` makes them."""
    sagemaker, tags = sandbox.client("sagemaker"), [{"Key": "autowatch:stack", "Value": stack}]
    bucket = f"autowatch-{ACCOUNT}-{REGION}"
    sandbox.client("s3").put_object(Bucket=bucket, Key="models/r/model.tar.gz", Body=archive(features=2))
    model = container(ACCOUNT, REGION, f"s3://{bucket}/models/r/model.tar.gz")
    detail = sandbox.client("cloudformation").describe_stack_resource(
        StackName="autowatch", LogicalResourceId="SageMakerRole"
    )["StackResourceDetail"]
    role = f"arn:aws:iam::{ACCOUNT}:role/{detail['PhysicalResourceId']}"
    sagemaker.create_model(ModelName=name, PrimaryContainer=model, ExecutionRoleArn=role, Tags=tags)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)


@pytest.mark.usefixtures("deployed")
def test_the_deletion_removes_this_stack_and_nothing_else(sandbox, sam, before):
    """The last test: the runs' resources are deleted with the stack; the bucket stays by default."""
    serve(sandbox, "autowatch", "autowatch")
    serve(sandbox, "autowatch-old", "autowatch")
    serve(sandbox, "autowatch-but-of-another", "another")
    logs = sandbox.client("logs")
    retention = {
        group["logGroupName"]: group.get("retentionInDays")
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/")["logGroups"]
    }
    assert retention == {
        "/aws/sagemaker/Endpoints/autowatch": 30,
        "/aws/sagemaker/Endpoints/autowatch-candidate": 30,
    }
    logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/autowatch-but-of-another")
    deadline = time.monotonic() + 60
    while sandbox.client("sagemaker").list_endpoints(StatusEquals="Creating")["Endpoints"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "Deleted successfully" in sam("delete", "--no-prompts")

    sandbox.wait_until_idle(30)
    left = {
        (kind, name)
        for kind, name in inventory(sandbox.client) - before
        if "aws-sam-cli-managed-default" not in name
    }
    another = "autowatch-but-of-another"
    assert left == {
        ("bucket", f"autowatch-{ACCOUNT}-{REGION}"),
        ("endpoint", another),
        ("endpoint config", another),
        ("model", another),
        ("log group", f"/aws/sagemaker/Endpoints/{another}"),
    }
