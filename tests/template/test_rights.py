"""Permissions, where AWS would refuse a call that the sandbox allows, or where more than needed could be allowed."""

import re

import pytest

from tests.permissions.statements import ACCOUNT, REGION, STACK, role_statements
from tests.template.conftest import ROOT

OF_THE_STACK = {"StringEquals": {"aws:ResourceTag/autowatch:stack": STACK}}
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture(scope="module")
def granted(translated):
    """The role, the resource and the condition of every grant of an action."""

    def grants(action):
        return [
            (statement.owner.removesuffix("Role"), resource, statement.body.get("Condition"))
            for statement in role_statements(translated)
            if action in statement.listed("Action")
            for resource in statement.listed("Resource")
        ]

    return grants


@pytest.mark.parametrize(
    ("action", "functions"),
    [
        ("InvokeEndpoint", {"InvokeEndpointFunction", "GateFunction"}),
        ("UpdateEndpoint", {"ReleaseFunction", "FailFunction", "EndRunFunction"}),
        (
            "DeleteEndpoint",
            {
                "AskForApprovalFunction",
                "StageFunction",
                "ReleaseFunction",
                "FinishFunction",
                "FailFunction",
                "EndRunFunction",
                "CleanUpFunction",
            },
        ),
        ("DescribeEndpoint", {"FinishFunction", "CleanUpFunction"}),
    ],
)
def test_an_endpoint_of_the_stack_is_known_by_its_tag_whatever_its_name(granted, action, functions):
    """The champion serves on at its endpoint when EndpointName has changed; another stack's endpoint is left alone."""
    grants = granted(f"sagemaker:{action}")
    by_tag = {owner for owner, resource, condition in grants if condition == OF_THE_STACK}
    assert by_tag == functions
    by_name = {
        resource.partition(":endpoint/")[2]
        for owner, resource, condition in grants
        if condition != OF_THE_STACK and owner != "SageMaker" and ":endpoint/" in resource
    }
    # A missing endpoint has no tags: learning that it is missing needs a grant by name.
    names = {"DescribeEndpoint": {STACK, f"{STACK}-candidate"}, "InvokeEndpoint": {STACK}}
    assert by_name == names.get(action, set())


def test_roles_that_create_or_change_encrypted_resources_may_grant_the_key(granted):
    made = (
        "CreateAutoMLJobV2",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "UpdateEndpoint",
        "CreateTransformJob",
    )
    makers = {owner for action in made for owner, *_ in granted(f"sagemaker:{action}")}
    assert {"ReleaseFunction", "FailFunction"} <= makers
    for action in ("kms:CreateGrant", "kms:DescribeKey"):
        assert makers <= {owner for owner, *_ in granted(action)}, action


def test_models_under_an_earlier_key_stay_readable(granted):
    (grant,) = [each for each in granted("kms:Decrypt") if each[0] == "SageMaker" and each[2]]
    assert grant[1] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"
    assert grant[2] == {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:AbortMultipartUpload"])
def test_a_container_writes_its_results_and_nothing_else(granted, action):
    written = {
        re.sub(r"^arn:aws:s3:::[^/]+/", "", place)
        for owner, place, _ in granted(action)
        if owner == "SageMaker"
    }
    assert written == {"models/*/autopilot/*", "transform/*/output/*"}


@pytest.mark.parametrize("action", ["Create", "Describe", "Delete"])
def test_clarify_may_create_only_its_own_endpoint(granted, action):
    for kind, noun in (("endpoint", "Endpoint"), ("endpoint-config", "EndpointConfig")):
        places = {place for owner, place, _ in granted(f"sagemaker:{action}{noun}") if owner == "SageMaker"}
        assert f"{SAGEMAKER}:{kind}/sm-clarify-*" in places
        assert all("/sm-clarify-" in place for place in places)
    asked = {place for owner, place, _ in granted("sagemaker:InvokeEndpoint") if owner == "SageMaker"}
    assert f"{SAGEMAKER}:endpoint/sm-clarify-*" in asked


def test_a_failed_transform_may_be_redriven(granted):
    """https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html."""
    children = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{STACK}-transform/*"
    assert granted("states:RedriveExecution") == [("TransformStateMachine", children, None)]
    for action in ("states:DescribeExecution", "states:StopExecution"):
        places = [place for owner, place, _ in granted(action) if owner == "TransformStateMachine"]
        assert places == [children.replace("/*", ":*"), children], action


def test_nothing_depends_on_one_partition():
    """GovCloud and China have ARNs and consoles of their own."""
    for path in (ROOT / "template.yaml", *(ROOT / "statemachine").glob("*.json")):
        text = path.read_text()
        assert "arn:aws:" not in text, path
        assert not re.search(r"https://[\w.${}:]*console\.", text), "the mapping Consoles has the hosts"


def test_roles_may_use_the_key_only_through_the_services_they_use(translated):
    """A key of one's own encrypts bucket, topic and queues."""
    services = {"s3:": "s3", "sns:Publish": "sns", "sqs:": "sqs"}
    via = {
        (statement.owner, service.split(".")[0])
        for statement in role_statements(translated)
        if set(statement.listed("Action")) == {"kms:Decrypt", "kms:GenerateDataKey"}
        for service in statement.body["Condition"]["StringEquals"]["kms:ViaService"]
    }
    for statement in role_statements(translated):
        for prefix, service in services.items():
            uses = any(action.startswith(prefix) for action in statement.listed("Action"))
            if uses and statement.owner != "SageMakerRole":
                assert (statement.owner, service) in via, statement.name


def test_a_functions_code_may_not_change_its_vpc_network(translated):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: deny what the code has no use for."""
    statements = role_statements(translated)
    granted = {
        (item.owner, action)
        for item in statements
        if item.policy == "AWSLambdaVPCAccessExecutionRole"
        for action in item.listed("Action")
        if action.startswith("ec2:")
    }
    denied = {
        (item.owner, action)
        for item in statements
        if item.body["Effect"] == "Deny" and "lambda:SourceFunctionArn" in str(item.body.get("Condition"))
        for action in item.listed("Action")
    }
    assert granted
    assert granted <= denied
