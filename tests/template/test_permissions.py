"""Every permission in the template is one that AWS has, on a resource that it can be used on."""

import pytest

from tests.permissions.reference import faults
from tests.permissions.statements import Statement, resource_statements, role_statements


def test_every_statement_is_one_that_aws_can_use(translated):
    statements = [*role_statements(translated), *resource_statements(translated)]
    assert len(statements) > 100
    assert not [fault for statement in statements for fault in faults(statement)]


@pytest.mark.parametrize(
    ("action", "resource", "condition", "words"),
    [
        (
            "sagemaker:ListCandidatesForAutoMLJob",
            "arn:aws:sagemaker:us-east-1:1:automl-job/*",
            {},
            'Resource "*"',
        ),
        ("sagemaker:ListCandidates", "*", {}, "no action sagemaker:ListCandidates"),
        ("nothing:Get", "*", {}, "no action nothing:Get"),
        ("s3:GetObject", "arn:aws:s3:::bucket", {}, "of the type"),
        ("s3:ListBucket", "arn:aws:s3:::bucket/models/*", {}, "of the type"),
        ("sagemaker:CreateModel", "arn:aws:sagemaker:us-east-1:1:endpoint/x", {}, "of the type model"),
        (
            "events:PutEvents",
            "*",
            {"StringEquals": {"events:sauce": "autowatch"}},
            "condition key events:sauce",
        ),
        (
            "sqs:SendMessage",
            "*",
            {"StringEquals": {"aws:RequestTag/a": "b"}},
            "condition key aws:RequestTag/a",
        ),
    ],
)
def test_a_statement_that_aws_cannot_use_is_reported(action, resource, condition, words):
    body = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
    told = faults(Statement("Role", "policy", 0, body))
    assert any(words in fault for fault in told), told


@pytest.mark.parametrize(
    ("action", "resource", "condition"),
    [
        ("sagemaker:ListCandidatesForAutoMLJob", "*", {}),
        ("s3:ListBucket", "arn:aws:s3:::bucket", {"StringLike": {"s3:prefix": "models/*"}}),
        (
            "s3:GetObject",
            "arn:aws:s3:::bucket/models/*",
            {"StringEquals": {"s3:ExistingObjectTag/kind": "x"}},
        ),
        ("states:DescribeExecution", "arn:aws:states:us-east-1:1:execution:stack-transform/*", {}),
        (
            "iam:PassRole",
            "arn:aws:iam::1:role/x",
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        (
            "sagemaker:InvokeEndpoint",
            "arn:aws:sagemaker:us-east-1:1:endpoint/*",
            {"StringEquals": {"aws:ResourceTag/stack": "autowatch"}},
        ),
        ("kms:Decrypt", "*", {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
        ("s3:PutObject", "*", {"Bool": {"aws:SecureTransport": "true"}}),
    ],
)
def test_a_statement_that_aws_can_use_is_accepted(action, resource, condition):
    body = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
    assert faults(Statement("Role", "policy", 0, body)) == []
