import json

import boto3
import pytest
from moto import mock_aws

from cli.errors import StackUnknownError
from cli.stack import Stack, find_stack

MACHINE = "arn:aws:states:us-east-1:1:stateMachine:bank-train"
OUTPUTS = {"DataBucketName": "bank-1", "TrainStateMachineArn": MACHINE}


@pytest.fixture
def deploy():
    with mock_aws():

        def create(name, outputs):
            template = {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
                "Outputs": {key: {"Value": value} for key, value in outputs.items()},
            }
            cloudformation = boto3.client("cloudformation")
            cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

        yield create


def test_the_environment_of_a_sandbox_is_enough():
    environment = {"S3_BUCKET": "b", "TRAIN_STATE_MACHINE_ARN": MACHINE}
    assert find_stack(environment, boto3.client, "runs") == Stack("b", MACHINE)


def test_a_stacks_outputs_say_where_it_is(deploy):
    deploy("bank", OUTPUTS)
    assert find_stack({"STACK": "bank"}, boto3.client, "runs") == Stack("bank-1", MACHINE)


def test_a_name_that_was_typed_wins_over_what_is_left_in_the_shell(deploy):
    deploy("bank", OUTPUTS)
    environment = {"STACK": "bank", "S3_BUCKET": "other", "TRAIN_STATE_MACHINE_ARN": "other"}
    assert find_stack(environment, boto3.client, "runs").bucket == "bank-1"


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "nor are S3_BUCKET and TRAIN_STATE_MACHINE_ARN"),
        ({"S3_BUCKET": "b"}, "nor is TRAIN_STATE_MACHINE_ARN"),
        ({"S3_BUCKET": "b", "TRAIN_STATE_MACHINE_ARN": "", "STACK": ""}, "nor is TRAIN_STATE_MACHINE_ARN"),
    ],
)
def test_without_either_the_message_says_what_to_type(environment, missing):
    with pytest.raises(StackUnknownError) as error:
        find_stack(environment, boto3.client, "rollback")
    assert missing in str(error.value)
    assert "make rollback STACK=autowatch" in str(error.value)
    assert "source .sandbox/env" in str(error.value)


def test_a_stack_that_is_not_there_is_named(deploy):
    with pytest.raises(StackUnknownError, match="There is no stack nowhere"):
        find_stack({"STACK": "nowhere"}, boto3.client, "runs")


def test_a_stack_of_something_else_is_told_apart(deploy):
    deploy("other", {"DataBucketName": "b"})
    with pytest.raises(StackUnknownError, match="no output 'TrainStateMachineArn'"):
        find_stack({"STACK": "other"}, boto3.client, "runs")
