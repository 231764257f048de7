"""The tests' requests against the permissions of roles: which request needs which permission."""

import json

import pytest

from tests.permissions.coverage import Request, cover, recorded, table, without_use

BUCKET = "arn:aws:s3:::autowatch-123456789012-us-east-1"


@pytest.fixture
def document():
    reads = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"{BUCKET}/a/*", f"{BUCKET}/b/*"],
    }
    everything = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"{BUCKET}/*", BUCKET],
    }
    own_key = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": {"Ref": "KmsKeyArn"},
        "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
    }
    policies = [
        {"PolicyName": "read", "PolicyDocument": {"Statement": [reads, everything]}},
        {
            "Fn::If": [
                "HasKmsKey",
                {"PolicyName": "key", "PolicyDocument": {"Statement": own_key}},
                {"Ref": "AWS::NoValue"},
            ]
        },
    ]
    return {
        "Parameters": {"KmsKeyArn": {"Default": ""}},
        "Conditions": {"HasKmsKey": {"Fn::Not": [{"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}]}},
        "Resources": {"ReaderRole": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}},
    }


def asked(action, resource, **context):
    return Request("ReaderRole", action, resource, tuple((key, (value,)) for key, value in context.items()))


def needed(document, *requests):
    return {(each.action, each.resource) for each in cover(document, requests).needed}


def test_a_permission_is_needed_where_without_it_the_request_is_refused(document):
    assert needed(document, asked("s3:PutObject", f"{BUCKET}/b/x")) == {("s3:PutObject", f"{BUCKET}/b/*")}
    assert needed(document, asked("s3:GetObject", f"{BUCKET}/a/x")) == set()
    assert needed(document, asked("s3:GetObject", f"{BUCKET}/c/x")) == {("s3:GetObject", f"{BUCKET}/*")}


def test_an_action_is_required_only_on_its_resource_types(document):
    found = {(each.action, each.resource) for each in cover(document, []).permissions}
    assert ("s3:ListBucket", BUCKET) in found
    assert ("s3:ListBucket", f"{BUCKET}/*") not in found


def test_a_parameters_statements_are_judged_with_its_condition(document):
    key = "arn:aws:kms:us-east-1:123456789012:key/sample"
    via = {"kms:viaservice": "s3.us-east-1.amazonaws.com"}
    assert needed(document, asked("kms:Decrypt", key, **via)) == {("kms:Decrypt", key)}
    other = cover(document, [asked("kms:Decrypt", key)])
    assert [each.action for each in other.refused] == ["kms:Decrypt"]


def test_a_record_is_read_with_sample_names_and_only_of_the_usual_stack(tmp_path):
    rows = [
        {
            "role": f"{stack}-ReaderRole-h1k3BLfCFrK6",
            "action": "sns:Publish",
            "resource": f"arn:aws:sns:us-east-1:123456789012:{stack}-AlertTopic-LcEqjlwRoBl3",
            "context": {},
        }
        for stack in ("autowatch", "other")
    ]
    (tmp_path / "1.json").write_text(json.dumps(rows))
    [request] = recorded(tmp_path)
    assert request.role == "ReaderRole"
    assert request.resource == "arn:aws:sns:us-east-1:123456789012:autowatch-AlertTopic-SAMPLE000000"


def test_an_unneeded_permission_is_reported_unless_it_has_a_reason(document):
    listing = asked("s3:ListBucket", BUCKET)
    coverage = cover(document, [listing])
    reasons = [
        {"roles": ["Reader*"], "actions": ["s3:Get*", "s3:PutObject", "kms:*"], "reason": "not in the tests"}
    ]
    assert without_use(coverage, reasons) == []
    assert len(without_use(coverage, [])) == 6
    idle = [*reasons, {"roles": ["*"], "actions": ["s3:ListBucket"], "reason": "never"}]
    assert without_use(coverage, idle) == [
        "The reason for ['s3:ListBucket'] of ['*'] has no permission to explain."
    ]
    refused = cover(document, [listing, asked("s3:DeleteObject", f"{BUCKET}/a/x")])
    assert without_use(refused, reasons) == [
        f"ReaderRole may not s3:DeleteObject on {BUCKET}/a/x any more, which a test needed."
    ]
    line = next(line for line in table(coverage, reasons).splitlines() if "ListBucket" in line)
    assert line == "| read | `s3:ListBucket` | `arn:aws:s3:::BUCKET` | Reader |  |"
