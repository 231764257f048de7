import json
import socket

import boto3
import pytest
from moto import mock_aws

from autowatch_client import SandboxEndedError, StackUnknownError
from autowatch_client.places import find_place, read_env_file

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:bank-train"
BUCKET = "bank-123456789012-us-east-1"
OUTPUTS = {"DataBucketName": BUCKET, "TrainStateMachineArn": MACHINE}
REGION = {"AWS_REGION": "us-east-1"}


@pytest.fixture
def deploy():
    with mock_aws():

        def create(name, outputs):
            template = {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs.items()},
            }
            boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))

        yield create


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder that looks like a clone and in which no sandbox runs."""
    for name in ("template.yaml", "sandbox/__main__.py", "autowatch_client/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".sandbox").mkdir()
    return tmp_path


def sandbox_env(clone, port):
    lines = [
        f"export AWS_ENDPOINT_URL=http://127.0.0.1:{port}",
        "export AWS_ACCESS_KEY_ID=a",
        "export AWS_SECRET_ACCESS_KEY='b c'",
        "export AWS_REGION=us-east-1",
        f"export S3_BUCKET={BUCKET}",
        f"export TRAIN_STATE_MACHINE_ARN={MACHINE}",
    ]
    (clone / ".sandbox" / "env").write_text("\n".join(lines))


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_bucket_in_the_environment_is_enough():
    place = find_place(None, {"S3_BUCKET": BUCKET, "TRAIN_STATE_MACHINE_ARN": MACHINE, **REGION})
    assert (place.stack, place.bucket, place.state_machine) == ("bank", BUCKET, MACHINE)
    assert not place.is_sandbox


def test_the_bucket_alone_names_the_stack_whose_outputs_say_the_rest(deploy):
    deploy("bank", OUTPUTS)
    assert find_place(None, {"S3_BUCKET": BUCKET, **REGION}).state_machine == MACHINE


def test_another_bucket_is_recognised():
    with pytest.raises(StackUnknownError, match="is not the bucket of an Autowatch stack"):
        find_place(None, {"S3_BUCKET": "my-bucket", **REGION})


def test_a_typed_name_overrides_the_environment(deploy):
    deploy("bank", OUTPUTS)
    left = {"S3_BUCKET": "other-123456789012-us-east-1", "TRAIN_STATE_MACHINE_ARN": "other", **REGION}
    assert find_place("bank", left).bucket == BUCKET
    assert find_place(None, {"AUTOWATCH_STACK": "bank", **left}).bucket == BUCKET


def test_a_running_sandbox_of_the_clone_is_found_from_any_folder_in_it(clone, listener):
    sandbox_env(clone, listener)
    (clone / "data").mkdir()
    for name in (None, "sandbox"):
        place = find_place(name, {}, clone / "data")
        assert place.is_sandbox
        assert (place.stack, place.endpoint_url) == ("bank", f"http://127.0.0.1:{listener}")
        assert place.session.get_credentials().secret_key == "b c"


def test_an_ended_sandbox_is_reported_at_once_in_a_sentence(clone):
    port = free_port()
    sandbox_env(clone, port)
    for environment in ({}, {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "S3_BUCKET": BUCKET, **REGION}):
        with pytest.raises(SandboxEndedError, match=f"The sandbox at http://127.0.0.1:{port} has ended"):
            find_place(None, environment, clone)


def test_without_a_stack_the_message_says_what_to_type(clone):
    with pytest.raises(StackUnknownError, match="autowatch up"):
        find_place(None, {}, clone)
    with pytest.raises(StackUnknownError, match="No sandbox is running in this clone"):
        find_place("sandbox", {}, clone)


def test_the_nearest_stack_is_suggested_for_a_mistyped_name(deploy):
    deploy("bank-churn", OUTPUTS)
    with pytest.raises(
        StackUnknownError, match="There is no stack bank-chrun in us-east-1. Did you mean bank-churn"
    ):
        find_place("bank-chrun", REGION)


def test_another_applications_stack_is_recognised(deploy):
    deploy("other", {"DataBucketName": "b"})
    with pytest.raises(StackUnknownError, match="no output 'TrainStateMachineArn'"):
        find_place("other", REGION)


def test_the_env_file_of_a_sandbox_is_read_as_a_shell_reads_it():
    assert read_env_file("export A=1\nexport B='x y=z'\n\n") == {"A": "1", "B": "x y=z"}
