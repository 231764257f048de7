"""One sandbox with a small stack of its own; everything goes over HTTP, as a user's tools do."""

import base64
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.access.keys import KEY_HEADER
from sandbox.client import running_sandbox
from sandbox.errors import NotFoundError
from tests.support.repository import ROOT

pytestmark = pytest.mark.sandbox
STACK = ROOT / "tests" / "support" / "stack" / "template.yaml"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    os.environ["SECRET_OF_THE_DEVELOPER"] = "must not reach a function"
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(STACK, {"Word": "{endpoint}/x"}, folder, stack_name="tests") as running:
        yield running
    del os.environ["SECRET_OF_THE_DEVELOPER"]


@pytest.fixture(autouse=True)
def nothing_left_over(sandbox):
    yield
    sandbox.wait_until_idle(30)
    s3 = sandbox.client("s3")
    bucket = sandbox.outputs["DataBucketName"]
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    receive(sandbox)


def invoke(sandbox, function, event, **options):
    answer = sandbox.client("lambda").invoke(
        FunctionName=sandbox.functions[function], Payload=json.dumps(event), **options
    )
    body = answer["Payload"].read()
    return answer.get("FunctionError"), json.loads(body) if body else None, answer


def seen(sandbox):
    """The events that the function Record got, in order."""
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    items = s3.list_objects_v2(Bucket=bucket, Prefix="seen/").get("Contents", [])
    keys = sorted((item["Key"] for item in items), key=lambda key: int(key.rsplit("-", 1)[1][:-5]))
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def receive(sandbox):
    """Take every message out of the queue of failures."""
    sqs, url, bodies = sandbox.client("sqs"), sandbox.outputs["FailuresUrl"], []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def test_a_function_gets_the_templates_variables_but_none_of_the_shells(sandbox):
    error, answer, _ = invoke(sandbox, "Echo", {"a": "ü"})
    assert error is None
    assert answer["event"] == {"a": "ü"}
    variables = answer["variables"]
    assert variables["WORD"] == f"{sandbox.endpoint_url}/x"
    assert variables["NUMBER"] == "5"
    assert variables["FLAG"] == "true"
    assert variables["AWS_ENDPOINT_URL"] == sandbox.endpoint_url
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == sandbox.functions["Echo"]
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert not {"HOME", "USER", "VIRTUAL_ENV", "SECRET_OF_THE_DEVELOPER"} & set(variables)
    assert not [folder for folder in answer["path"] if "site-packages" in folder or ".venv" in folder]
    assert 0 < answer["remaining"] <= 20_000
    assert answer["arn"].endswith(f":function:{sandbox.functions['Echo']}")


def test_an_environment_is_kept_warm(sandbox):
    assert invoke(sandbox, "Echo", {})[1]["process"] == invoke(sandbox, "Echo", {})[1]["process"]


def test_a_function_sees_exactly_the_layers_that_it_declares(sandbox):
    assert invoke(sandbox, "UseLayer", {})[1] == "hello from the layer"
    error, answer, _ = invoke(sandbox, "WithoutLayer", {})
    assert (error, answer["errorType"]) == ("Unhandled", "ModuleNotFoundError")


def test_an_error_of_the_function_is_returned_by_name(sandbox):
    error, answer, _ = invoke(sandbox, "Fail", {})
    assert error == "Unhandled"
    assert answer["errorType"] == "QuotaError"
    assert answer["errorMessage"] == "the quota is used up"
    assert any("behave.py" in line for line in answer["stackTrace"])


def test_a_missing_handler_is_reported_as_by_lambda(sandbox):
    error, answer, _ = invoke(sandbox, "MissingHandler", {})
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        ({"sleep": 30}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ({"megabytes": 300}, "Runtime.ExitError", "signal: killed"),
        ({"exit": 3}, "Runtime.ExitError", "exit status 3"),
        ({"exit": 0}, "Runtime.ExitError", "Runtime exited without providing a reason"),
    ],
)
def test_a_function_that_breaks_its_limits_is_killed_and_the_next_call_works(sandbox, event, kind, words):
    error, answer, _ = invoke(sandbox, "Misbehave", event)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert words in answer["errorMessage"]
    assert isinstance(invoke(sandbox, "Misbehave", {})[1], int)


def test_output_goes_to_the_file_the_log_group_and_the_answer(sandbox):
    _, _, answer = invoke(sandbox, "Misbehave", {"print": "a line of its own"}, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    start, line, end, report = tail.strip().split("\n")
    assert start.startswith("START RequestId: ")
    assert line == "a line of its own"
    assert end.startswith("END RequestId: ")
    assert "Memory Size: 128 MB\tMax Memory Used: " in report
    assert tail.strip() in sandbox.logs("Misbehave")
    logs = sandbox.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    group = next(name for name in groups if "MisbehaveLogs" in name)
    events = logs.filter_log_events(logGroupName=group, filterPattern='"a line of its own"')["events"]
    assert [event["message"] for event in events] == ["a line of its own"]


def metric_line(kind, days_ago=0, namespace="Tests"):
    metrics = [{"Name": "Rows", "Unit": "Count"}]
    directive = {"Namespace": namespace, "Dimensions": [["kind"], []], "Metrics": metrics}
    moment = int((time.time() - days_ago * 86400) * 1000)
    return json.dumps(
        {"_aws": {"Timestamp": moment, "CloudWatchMetrics": [directive]}, "kind": kind, "Rows": [3, 4]}
    )


def test_embedded_metrics_become_metrics(sandbox):
    invoke(sandbox, "Misbehave", {"print": metric_line("good")})
    cloudwatch = sandbox.client("cloudwatch")
    metrics = cloudwatch.list_metrics(Namespace="Tests")["Metrics"]
    assert {json.dumps(metric["Dimensions"]) for metric in metrics} == {
        "[]",
        '[{"Name": "kind", "Value": "good"}]',
    }
    now = datetime.now(UTC)
    answer = cloudwatch.get_metric_statistics(
        Namespace="Tests",
        MetricName="Rows",
        Dimensions=[{"Name": "kind", "Value": "good"}],
        StartTime=now - timedelta(minutes=2),
        EndTime=now + timedelta(minutes=1),
        Period=300,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [7]


@pytest.mark.parametrize(
    "line",
    [
        metric_line("gr\u00fcn", namespace="Refused"),
        metric_line("a\nb", namespace="Refused"),
        metric_line(" ", namespace="Refused"),
        metric_line(3, namespace="Refused"),
        metric_line("x" * 1025, namespace="Refused"),
        metric_line("old", 14.01, namespace="Refused"),
        metric_line("ahead", -0.1, namespace="Refused"),
        '{"_aws": 1}',
    ],
)
def test_metrics_that_cloudwatch_would_ignore_are_ignored(sandbox, line):
    invoke(sandbox, "Misbehave", {"print": line})
    assert sandbox.client("cloudwatch").list_metrics(Namespace="Refused")["Metrics"] == []


def test_reserved_concurrency_throttles(sandbox):
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(invoke, sandbox, "Reserved", {"sleep": 1})
        time.sleep(0.4)
        with pytest.raises(ClientError, match="TooManyRequestsException"):
            sandbox.client("lambda", config=Config(retries={"total_max_attempts": 1})).invoke(
                FunctionName=sandbox.functions["Reserved"]
            )
        assert first.result()[0] is None


def test_an_unknown_function_is_not_found(sandbox):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        sandbox.client("lambda").invoke(FunctionName="nobody")


def test_a_put_notifies_with_s3s_own_record(sandbox):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    version = s3.put_object(Bucket=bucket, Key="in/a b+ü.csv", Body=b"12345")["VersionId"]
    for other in ("out/a.csv", "in/a.txt"):
        s3.put_object(Bucket=bucket, Key=other, Body=b"no event")
    sandbox.wait_until_idle(30)
    [event] = seen(sandbox)
    [record] = event["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    stored = record["s3"]["object"]
    assert stored["key"] == "in/a+b%2B%C3%BC.csv"
    assert (stored["size"], stored["versionId"]) == (5, version)
    assert int(stored["sequencer"], 16) > 0
    assert record["s3"]["bucket"]["name"] == bucket


def test_a_copy_and_a_multipart_upload_have_their_own_event_names(sandbox):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="in/copy.csv", CopySource={"Bucket": bucket, "Key": "elsewhere"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="in/parts.csv")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="in/parts.csv", UploadId=upload, PartNumber=1, Body=b"y")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="in/parts.csv", UploadId=upload, MultipartUpload=parts)
    sandbox.wait_until_idle(30)
    names = {event["Records"][0]["eventName"] for event in seen(sandbox)}
    assert names == {"ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload"}


def test_an_event_that_fails_three_times_goes_to_the_destination(sandbox):
    bucket = sandbox.outputs["DataBucketName"]
    sandbox.client("s3").put_object(Bucket=bucket, Key="in/poison.csv", Body=b"")
    sandbox.wait_until_idle(30)
    assert len(seen(sandbox)) == 3
    [record] = receive(sandbox)
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", 3)
    assert context["functionArn"].endswith(":$LATEST")
    assert record["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "in/poison.csv"
    assert record["responsePayload"]["errorType"] == "QuotaError"
    assert record["responseContext"]["functionError"] == "Unhandled"


def test_an_event_that_fails_once_is_retried_and_leaves_no_message(sandbox):
    invoke(sandbox, "Record", {"fail_times": 1}, InvocationType="Event")
    sandbox.wait_until_idle(30)
    assert len(seen(sandbox)) == 2
    assert receive(sandbox) == []


def test_zero_retries_are_honoured(sandbox):
    invoke(sandbox, "Fail", {"n": 1}, InvocationType="Event")
    sandbox.wait_until_idle(30)
    [record] = receive(sandbox)
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_many_events_to_a_function_of_one_concurrency_all_arrive(sandbox):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"in/{n}.csv", Body=b""), range(30)))
    sandbox.wait_until_idle(60)
    keys = sorted(event["Records"][0]["s3"]["object"]["key"] for event in seen(sandbox))
    assert keys == sorted(f"in/{n}.csv" for n in range(30))


@pytest.mark.parametrize("name", ["RecordDaily", "Record"])
def test_a_schedule_fires_at_once_by_its_name_or_its_functions(sandbox, name):
    sandbox.fire(name)
    sandbox.wait_until_idle(30)
    [event] = seen(sandbox)
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")


def test_an_unknown_schedule_is_not_found(sandbox):
    with pytest.raises(NotFoundError, match="nobody"):
        sandbox.fire("nobody")


def test_a_schedule_is_due_at_its_time_in_its_zone(sandbox):
    hour = sandbox.status()["schedules"]["RecordDaily"][11:16]
    assert hour in ("18:00", "19:00")  # 20:00 in Berlin, in summer and in winter


def test_a_state_machine_catches_by_the_functions_error(sandbox):
    assert execute(sandbox, {"raise": True}) == {"caught": "quota"}
    assert execute(sandbox, {"sleep": 30}) == {"caught": "time-out"}
    assert isinstance(execute(sandbox, {})["process"], int)


def test_unnamed_executions_get_unique_names(sandbox):
    machine, arn = sandbox.client("stepfunctions"), sandbox.outputs["MachineArn"]
    first, second = (machine.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2))
    assert first != second


def test_a_history_is_read_from_either_end_and_in_pages(sandbox):
    machine = sandbox.client("stepfunctions")
    arn = machine.start_execution(stateMachineArn=sandbox.outputs["MachineArn"])["executionArn"]
    sandbox.wait_until_idle(30)
    whole = [event["id"] for event in machine.get_execution_history(executionArn=arn)["events"]]
    assert whole == sorted(whole)
    assert len(whole) > 5

    def paged(**options):
        pages = machine.get_paginator("get_execution_history").paginate(executionArn=arn, **options)
        sizes, ids = [], []
        for page in pages:
            sizes.append(len(page["events"]))
            ids += [event["id"] for event in page["events"]]
        assert set(sizes[:-1]) == {options["PaginationConfig"]["PageSize"]}
        return ids

    assert paged(PaginationConfig={"PageSize": 2}) == whole
    assert paged(reverseOrder=True, PaginationConfig={"PageSize": 3}) == whole[::-1]
    newest = machine.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"]
    assert [event["id"] for event in newest] == whole[-1:]


def execute(sandbox, event):
    machine = sandbox.client("stepfunctions")
    arn = machine.start_execution(stateMachineArn=sandbox.outputs["MachineArn"], input=json.dumps(event))
    sandbox.wait_until_idle(30)
    execution = machine.describe_execution(executionArn=arn["executionArn"])
    assert execution["status"] == "SUCCEEDED"
    return json.loads(execution["output"])


def put_event(sandbox, detail_type, detail):
    entry = {"Source": "tests", "DetailType": detail_type, "Detail": json.dumps(detail)}
    answer = sandbox.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    sandbox.wait_until_idle(30)


def test_a_rule_starts_a_state_machine_with_the_transformed_event(sandbox):
    machine, arn = sandbox.client("stepfunctions"), sandbox.outputs["MachineArn"]
    before = {
        execution["executionArn"] for execution in machine.list_executions(stateMachineArn=arn)["executions"]
    }
    put_event(sandbox, "ToMachine", {"text": "from the event"})
    [new] = [
        execution["executionArn"]
        for execution in machine.list_executions(stateMachineArn=arn)["executions"]
        if execution["executionArn"] not in before
    ]
    assert json.loads(machine.describe_execution(executionArn=new)["input"]) == {"print": "from the event"}


def test_a_rule_invokes_a_function_with_the_event(sandbox):
    put_event(sandbox, "ToFunction", {"n": 1})
    put_event(sandbox, "ToNobody", {"n": 2})
    [event] = seen(sandbox)
    assert (event["detail-type"], event["source"], event["detail"]) == ("ToFunction", "tests", {"n": 1})
    assert "ingestion-time" not in event
    assert time.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")


def test_an_alert_arrives_in_the_mailbox(sandbox):
    sandbox.client("sns").publish(TopicArn=sandbox.outputs["AlertTopicArn"], Subject="Look", Message="here\n")
    mail = sandbox.mailbox.messages()[-1]
    assert (mail.recipient, mail.subject, mail.body.strip()) == ("alerts@example.com", "Look", "here")


def test_bucket_features_that_moto_lacks_work(sandbox):
    s3, bucket = sandbox.client("s3"), {"Bucket": sandbox.outputs["DataBucketName"]}
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"]
    assert s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert {rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]} == {
        "sweep",
        "old",
    }
    assert "SecureTransport" in s3.get_bucket_policy(**bucket)["Policy"]
    assert s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]


def test_listing_versions_keeps_no_copy_of_their_bytes(sandbox):
    s3, megabyte = sandbox.client("s3"), b"x" * 2**20
    bucket = {"Bucket": "versions-of-a-megabyte"}
    s3.create_bucket(**bucket)
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(**bucket, Key="kept", Body=megabyte)
    before = megabytes_of_memory(sandbox.pid)

    for _ in range(200):
        [listed] = s3.list_object_versions(**bucket)["Versions"]

    assert megabytes_of_memory(sandbox.pid) - before < 50
    described = {name: listed[name] for name in ("VersionId", "ETag", "Size", "IsLatest")}
    assert described == {
        "VersionId": kept["VersionId"],
        "ETag": kept["ETag"],
        "Size": len(megabyte),
        "IsLatest": True,
    }
    assert s3.get_object(**bucket, Key="kept")["Body"].read() == megabyte


def megabytes_of_memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M)[1]) / 1024


def test_alarms_and_schedules_can_be_seen(sandbox):
    [alarm] = sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmActions"] == [sandbox.outputs["AlertTopicArn"]]
    assert (alarm["StateValue"], alarm["EvaluationPeriods"]) == ("INSUFFICIENT_DATA", 5)
    [schedule] = sandbox.client("scheduler").list_schedules()["Schedules"]
    assert "RecordDaily" in schedule["Name"]


def test_an_alarm_is_evaluated_on_demand_and_publishes_to_its_topic(sandbox):
    [alarm] = sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"]
    mails = len(sandbox.mailbox.messages())
    assert [item["state"] for item in sandbox.evaluate_alarms()] == ["INSUFFICIENT_DATA"]
    datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Value": 1}
    sandbox.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[datum])

    (late,) = sandbox.evaluate_alarms(datetime.now(UTC) + timedelta(minutes=21))

    assert (late["name"], late["previous"], late["state"]) == (
        alarm["AlarmName"],
        "INSUFFICIENT_DATA",
        "ALARM",
    )
    [told] = sandbox.mailbox.messages()[mails:]
    assert told.subject == f'ALARM: "{alarm["AlarmName"]}"'
    assert "ALARM when above 0; the last data points" in told.body


def test_an_invalid_time_is_refused(sandbox):
    answer = requests.post(
        f"{sandbox.endpoint_url}/_sandbox/alarms",
        json={"at": "noon"},
        headers={KEY_HEADER: sandbox.environment["AWS_SECRET_ACCESS_KEY"]},
        timeout=10,
    )
    assert (answer.status_code, "noon" in answer.json()["message"]) == (400, True)


def pass_machine(**changes):
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True} | changes}})


def policy_document(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class TestDefinitions:
    @pytest.fixture
    def role(self, sandbox):
        """The ARN of a role with which a machine may write objects."""
        iam, name = sandbox.client("iam"), "machine"
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        objects = f"arn:aws:s3:::{sandbox.outputs['DataBucketName']}/*"
        policy = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": objects}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy_document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="write", PolicyDocument=policy_document(policy))
        yield arn
        iam.delete_role_policy(RoleName=name, PolicyName="write")
        iam.delete_role(RoleName=name)

    @pytest.fixture
    def client(self, sandbox):
        return sandbox.client("stepfunctions")

    @pytest.fixture
    def create(self, client, role):
        def create(name, definition):
            answer = client.create_state_machine(name=name, definition=definition, roleArn=role)
            return answer["stateMachineArn"]

        return create

    def test_a_definition_that_cannot_run_is_refused_at_creation_and_at_update(self, client, create):
        with pytest.raises(
            client.exceptions.InvalidDefinition, match="Missing 'Next' target: B at /States/A"
        ):
            create("no", json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}))
        arn = create("yes", pass_machine())
        with pytest.raises(ClientError, match="InvalidDefinition.*Field 'Nxt' is not supported"):
            client.update_state_machine(stateMachineArn=arn, definition=pass_machine(Nxt="B"))
        assert client.describe_state_machine(stateMachineArn=arn)["definition"] == pass_machine()
        client.delete_state_machine(stateMachineArn=arn)

    def test_a_definition_can_be_validated(self, client):
        assert client.validate_state_machine_definition(definition=pass_machine())["result"] == "OK"
        answer = client.validate_state_machine_definition(definition=pass_machine(Seconds=1))
        assert answer["result"] == "FAIL"
        (diagnostic,) = answer["diagnostics"]
        assert (diagnostic["code"], diagnostic["location"]) == ("SCHEMA_VALIDATION_FAILED", "/States/A")

    @pytest.mark.parametrize(
        ("body", "stored"), [("text", b'"text"'), ({"a": [1, "b"]}, b'{"a":[1,"b"]}')], ids=["text", "object"]
    )
    def test_an_sdk_integration_sends_bytes_as_json(self, sandbox, client, create, body, stored):
        """As observed in S3 after `aws-sdk:s3:putObject`."""
        s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
        state = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Parameters": {"Bucket": bucket, "Key": "kept", "Body.$": "$.body"},
        }
        arn = create("puts", pass_machine(**state))
        client.start_execution(stateMachineArn=arn, input=json.dumps({"body": body}))
        sandbox.wait_until_idle(30)
        client.delete_state_machine(stateMachineArn=arn)
        assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == stored
