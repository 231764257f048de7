"""The door of a running sandbox: over plain HTTP, and with the keys of its functions."""

import json
import socket
import stat
import time

import boto3
import pytest
import requests
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from sandbox.access.keys import KEY_HEADER
from sandbox.client import running_sandbox
from tests.support.repository import ROOT

pytestmark = pytest.mark.sandbox
STACK = ROOT / "tests" / "support" / "stack" / "template.yaml"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(STACK, state_dir=tmp_path_factory.mktemp("door"), stack_name="door") as running:
        yield running


@pytest.fixture(scope="module")
def bucket(sandbox):
    return sandbox.outputs["DataBucketName"]


def signed(sandbox, path="/", *, method="GET", body=b"", service="s3", headers=None, secret=None, key=None):
    """A request as the administrator signs it, before anything is changed."""
    variables = sandbox.environment
    request = AWSRequest(method, f"{sandbox.endpoint_url}{path}", headers or {}, body)
    credentials = Credentials(
        key or variables["AWS_ACCESS_KEY_ID"], secret or variables["AWS_SECRET_ACCESS_KEY"]
    )
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(credentials, service, "us-east-1").add_auth(request)
    return dict(request.headers)


def send(sandbox, path="/", method="GET", **options):
    url = sandbox.endpoint_url + path
    return requests.request(method, url, timeout=10, proxies={"http": ""}, **options)


JSON = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/", "GET", {}),
        ("/door-123456789012-us-east-1/x", "PUT", {}),
        ("/", "POST", JSON),
        ("/", "POST", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/endpoints/x/invocations", "POST", {}),
        ("/2015-03-31/functions/x/invocations", "POST", {}),
        ("/_sandbox/status", "GET", {}),
        ("/_sandbox/stop", "POST", {KEY_HEADER: "guessed"}),
        ("/domino/_control/token", "PUT", {}),
        ("/moto-api/reset", "POST", {}),
        ("/latest/meta-data/", "GET", {}),
        ("/favicon.ico", "GET", {}),
        ("/", "OPTIONS", {"Access-Control-Request-Method": "PUT"}),
    ],
)
def test_what_is_not_signed_gets_a_403(sandbox, path, method, headers):
    answer = send(sandbox, path, method, headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/_sandbox/status", "/domino/api/v0/models/list_models"])
@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Host": "bucket.localhost"},
    ],
    ids=str,
)
def test_no_key_helps_a_page_of_another_origin_or_name(sandbox, path, foreign):
    key = {KEY_HEADER: sandbox.environment["AWS_SECRET_ACCESS_KEY"]}
    answer = send(sandbox, path, headers={**signed(sandbox, path), **key, **foreign})
    assert answer.status_code == 403
    assert "The sandbox answers" in answer.text


def test_a_signed_request_is_answered_without_cors_headers(sandbox):
    answer = send(sandbox, headers=signed(sandbox))
    assert (answer.status_code, "ListAllMyBucketsResult" in answer.text) == (200, True)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "another"}, "SignatureDoesNotMatch"),
        ({"key": "AKIAAAAAAAAAAAAAAAAA"}, "InvalidAccessKeyId"),
    ],
)
def test_another_key_is_refused(sandbox, change, code):
    answer = send(sandbox, headers=signed(sandbox, **change))
    assert (answer.status_code, code in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("path", "method", "body", "headers"),
    [
        ("/other", "GET", b"", {}),
        ("/?prefix=x", "GET", b"", {}),
        ("/", "DELETE", b"", {}),
        ("/", "GET", b"more", {}),
        ("/", "GET", b"", {"X-Amz-Date": "20200101T000000Z"}),
        ("/", "GET", b"", {"X-Amz-Content-SHA256": "0" * 64}),
        ("/", "GET", b"", {"Authorization": "AWS AKIA:signature"}),
        ("/", "GET", b"", {"Authorization": "Bearer token"}),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(sandbox, path, method, body, headers):
    answer = send(sandbox, path, method, data=body, headers={**signed(sandbox), **headers})
    assert answer.status_code == 403


def test_the_body_of_a_json_request_is_signed(sandbox):
    body = b'{"MaxResults": 1}'
    headers = signed(sandbox, method="POST", body=body, service="sagemaker", headers=JSON)
    assert send(sandbox, method="POST", data=body, headers=headers).status_code == 200
    answer = send(sandbox, method="POST", data=b'{"MaxResults": 2}', headers=headers)
    assert (answer.status_code, answer.json()["__type"]) == (403, "InvalidSignatureException")


def test_a_presigned_url_opens_one_object_for_its_time(sandbox, bucket):
    variables = sandbox.environment
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=sandbox.endpoint_url,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version="s3v4"),
    )
    s3.put_object(Bucket=bucket, Key="a b.html", Body=b"page")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b.html"}, 2)
    assert requests.get(url, timeout=10, proxies={"http": ""}).content == b"page"
    other = url.replace("a%20b", "c")
    assert requests.get(other, timeout=10, proxies={"http": ""}).status_code == 403
    time.sleep(3)
    late = requests.get(url, timeout=10, proxies={"http": ""})
    assert (late.status_code, "Request has expired" in late.text) == (403, True)


def test_every_start_has_keys_and_a_token_of_its_own_readable_by_its_owner_alone(sandbox):
    variables = sandbox.environment
    assert len(variables["AWS_SECRET_ACCESS_KEY"]) >= 40
    assert stat.S_IMODE(sandbox.state_dir.stat().st_mode) == 0o700
    written = [path for path in sandbox.state_dir.rglob("*") if "code" not in path.parts]
    assert {"sandbox.json", "sandbox.log", "logs", "mail"} <= {path.name for path in written}
    assert not [path.name for path in written if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "_HANDLER", "LD_PRELOAD", "PYTHONSTARTUP", "PATH"])
def test_a_function_takes_no_variable_that_changes_its_process(sandbox, name):
    function = sandbox.functions["Echo"]
    with pytest.raises(ClientError, match=name) as refused:
        sandbox.client("lambda").update_function_configuration(
            FunctionName=function, Environment={"Variables": {name: "x"}}
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def call(sandbox, service, operation, function="Call", **arguments):
    """The result of a function's call of a service."""
    event = {"service": service, "operation": operation, "arguments": arguments}
    answer = sandbox.client("lambda").invoke(
        FunctionName=sandbox.functions[function], Payload=json.dumps(event)
    )
    return json.loads(answer["Payload"].read())


def test_a_function_has_exactly_its_roles_permissions(sandbox, bucket):
    key = {"Bucket": bucket, "Key": "own/a"}
    assert call(sandbox, "s3", "put_object", **key, Body="x")["status"] == 200
    assert call(sandbox, "s3", "get_object", **key)["status"] == 200
    denied = call(sandbox, "s3", "get_object", Bucket=bucket, Key="other/a")
    assert denied["code"] == "AccessDenied"
    assert denied["message"].startswith("User: arn:aws:sts::123456789012:assumed-role/door-CallRole-")
    assert denied["message"].endswith(
        f'is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::{bucket}/other/a" because no'
        " identity-based policy allows the s3:GetObject action"
    )


def test_an_explicit_denial_is_reported_as_such(sandbox, bucket):
    denied = call(sandbox, "s3", "get_object", Bucket=bucket, Key="own/secret/a")
    assert denied["message"].endswith("with an explicit deny in an identity-based policy")


def test_only_callers_who_may_list_get_a_404(sandbox, bucket):
    missing = {"Bucket": bucket, "Key": "own/none"}
    denied = call(sandbox, "s3", "get_object", **missing)
    assert (denied["code"], "s3:ListBucket" in denied["message"]) == ("AccessDenied", True)
    assert call(sandbox, "s3", "head_object", **missing)["code"] == "403"
    assert call(sandbox, "s3", "get_object", "CallLister", **missing)["code"] == "NoSuchKey"


def test_a_condition_on_the_prefix_decides(sandbox, bucket):
    listed = call(sandbox, "s3", "list_objects_v2", "CallLister", Bucket=bucket, Prefix="own/x")
    assert listed["status"] == 200
    for prefix in ({}, {"Prefix": "other/"}):
        denied = call(sandbox, "s3", "list_objects_v2", "CallLister", Bucket=bucket, **prefix)
        assert denied["code"] == "AccessDenied"


def test_a_version_and_the_source_of_a_copy_need_their_own_permission(sandbox, bucket):
    s3 = sandbox.client("s3")
    version = s3.put_object(Bucket=bucket, Key="own/v", Body=b"x")["VersionId"]
    s3.put_object(Bucket=bucket, Key="other/source", Body=b"x")
    one = {"Bucket": bucket, "Key": "own/v", "VersionId": version}
    assert call(sandbox, "s3", "get_object", **one)["status"] == 200
    denied = call(sandbox, "s3", "get_object", "CallLister", **one)
    assert "s3:GetObjectVersion" in denied["message"]
    copied = call(sandbox, "s3", "copy_object", Bucket=bucket, Key="own/w", CopySource=f"{bucket}/own/v")
    assert copied["status"] == 200
    denied = call(
        sandbox, "s3", "copy_object", Bucket=bucket, Key="own/w", CopySource=f"{bucket}/other/source"
    )
    assert f"{bucket}/other/source" in denied["message"]


def test_each_of_several_deletions_is_judged_separately(sandbox, bucket):
    s3 = sandbox.client("s3")
    for key in ("own/gone", "other/stays"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    wanted = {"Objects": [{"Key": "own/gone"}, {"Key": "other/stays"}]}
    answer = call(sandbox, "s3", "delete_objects", Bucket=bucket, Delete=wanted)
    assert [(each["Key"], each["Code"]) for each in answer["errors"]] == [("other/stays", "AccessDenied")]
    left = {item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert ("own/gone" in left, "other/stays" in left) == (False, True)


def test_an_event_of_another_source_is_refused(sandbox):
    own = {"Source": "own", "DetailType": "x", "Detail": "{}"}
    assert call(sandbox, "events", "put_events", Entries=[own])["status"] == 200
    denied = call(sandbox, "events", "put_events", Entries=[own, {**own, "Source": "other"}])
    assert (denied["code"], "events:PutEvents" in denied["message"]) == ("AccessDeniedException", True)


def test_passing_a_role_needs_the_permission(sandbox):
    role = "arn:aws:iam::123456789012:role/any"
    denied = call(sandbox, "sagemaker", "create_model", ModelName="m", ExecutionRoleArn=role)
    assert f"iam:PassRole on resource: {role}" in denied["message"]


def test_tags_need_their_own_permission(sandbox):
    tags = [{"Key": "team", "Value": "risk"}]
    denied = call(sandbox, "sagemaker", "create_model", ModelName="m", Tags=tags)
    assert (
        "sagemaker:AddTags on resource: arn:aws:sagemaker:us-east-1:123456789012:model/m" in denied["message"]
    )


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "name"),
    [
        ("ssm", "describe_parameters", {}, "ssm.DescribeParameters"),
        (
            "sts",
            "assume_role",
            {"RoleArn": "arn:aws:iam::1:role/xyzxyz", "RoleSessionName": "me"},
            "sts.AssumeRole",
        ),
    ],
)
def test_an_unknown_operation_is_refused_by_name(sandbox, service, operation, arguments, name):
    denied = call(sandbox, service, operation, **arguments)
    assert (denied["code"], name in denied["message"]) == ("NotImplemented", True)


def test_an_event_that_the_rules_role_may_not_deliver_goes_to_the_dead_letter_queue(sandbox):
    event = {"Source": "tests", "DetailType": "ToForbidden", "Detail": "{}"}
    sandbox.client("events").put_events(Entries=[event])
    sandbox.wait_until_idle(30)
    [message] = sandbox.client("sqs").receive_message(QueueUrl=sandbox.outputs["FailuresUrl"])["Messages"]
    assert json.loads(message["Body"])["detail-type"] == "ToForbidden"
    assert (
        "denied: User: arn:aws:sts::123456789012:assumed-role/door-PowerlessRole"
        in (sandbox.state_dir / "sandbox.log").read_text()
    )


def test_a_functions_runtime_api_answers_no_web_page(sandbox):
    answer = sandbox.client("lambda").invoke(FunctionName=sandbox.functions["Api"])
    host, port = json.loads(answer["Payload"].read())["api"].split(":")
    for head in ("Host: evil.example", f"Host: {host}:{port}\r\nOrigin: http://evil.example"):
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n{head}\r\n\r\n".encode())
            assert connection.recv(200).startswith(b"HTTP/1.1 403")
