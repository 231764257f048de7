"""Requests of functions on rare paths and after failures, which no other test makes.

Each is made by the function's own code, or as a single request, with the keys of the function's role.
`make permissions` records them, and `tests/template/test_mutations.py` uses the records to check that a permission is
still needed.
"""

import contextlib
import json
import time

import pytest
from botocore.exceptions import ClientError

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.aws.reading import ResumedBody
from autowatch.aws.uploads import PART_BYTES, Upload, abort_uploads
from autowatch.records.keys import Work
from autowatch.records.problem import Problem
from autowatch.scoring.endpoint import Endpoint, EndpointMissing
from autowatch.scoring.transform.work import remove_work
from autowatch.training.release.removal import remove_bucket, remove_endpoint, remove_what_runs_made
from autowatch.training.serving.endpoints import (
    CandidateStillThere,
    EndpointBusy,
    create_candidate,
    describe_endpoint,
    keep_log,
    switch_endpoint,
)
from sandbox.client import running_sandbox
from tests.support.repository import OWN_KEY
from tests.support.role_sessions import RoleSessions
from tests.support.stub_model import archive, container

pytestmark = pytest.mark.sandbox
ACCOUNT, REGION = "123456789012", "us-east-1"
TAGS = {"autowatch:stack": "autowatch"}
RUN, OLDER_RUN = "20261123-071500-d822", "20261122-071500-d822"
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
PARAMETERS = {
    "KmsKeyArn": OWN_KEY,
    "InstanceType": "ml.m5.large",
    "DeleteData": "true",
    "ReferenceWriters": f"arn:aws:iam::{ACCOUNT}:role/reference-writer",
}


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(parameters=PARAMETERS, retry_seconds=(0.05, 0.1)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def roles(sandbox):
    return RoleSessions(sandbox)


@pytest.fixture(scope="module")
def bucket_of(sandbox, roles):
    return lambda function: Bucket(roles.client(function, "s3"), sandbox.outputs["DataBucketName"])


@pytest.fixture(scope="module")
def ours(sandbox):
    """The stack's bucket, with the administrator's rights."""
    return Bucket(sandbox.client("s3"), sandbox.outputs["DataBucketName"])


@pytest.fixture(scope="module")
def served(sandbox, ours):
    """Creates an endpoint with its config and model, as a run of the stack does."""
    sagemaker, tags = (
        sandbox.client("sagemaker"),
        [{"Key": key, "Value": value} for key, value in TAGS.items()],
    )
    url = ours.url("models/r/model.tar.gz")
    ours.put("models/r/model.tar.gz", archive(features=2), "application/gzip")
    role = sandbox.client("cloudformation").describe_stack_resource(
        StackName="autowatch", LogicalResourceId="SageMakerRole"
    )["StackResourceDetail"]["PhysicalResourceId"]

    def make(endpoint, run):
        name = f"{endpoint}-{run}"
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer=container(ACCOUNT, REGION, url),
            ExecutionRoleArn=serve.role,
            Tags=tags,
        )
        variant = {
            "VariantName": "champion",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant], KmsKeyId=OWN_KEY, Tags=tags
        )
        return name

    def serve(endpoint, run):
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=make(endpoint, run), Tags=tags)
        deadline = time.monotonic() + 60
        while sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Creating":
            assert time.monotonic() < deadline
            time.sleep(0.1)

    serve.make, serve.role, serve.tags = make, f"arn:aws:iam::{ACCOUNT}:role/{role}", tags
    return serve


@pytest.mark.parametrize("function", ["EndRunFunction", "MeasureQualityFunction", "TransformFailFunction"])
def test_an_event_that_cannot_be_handled_waits_in_the_queue(sandbox, function):
    sandbox.client("lambda").invoke(
        FunctionName=sandbox.outputs[f"{function}Name"], InvocationType="Event", Payload=b'"no event"'
    )
    sandbox.wait_until_idle(60)
    assert sandbox.outputs[f"{function}Name"] in waiting(sandbox)


def waiting(sandbox):
    """The bodies of the messages in the queue of the monitoring functions; removes them."""
    sqs = sandbox.client("sqs")
    [url] = [url for url in sqs.list_queues()["QueueUrls"] if "MonitoringFailures" in url]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return " ".join(message["Body"] for message in messages)


@pytest.mark.parametrize("function", ["DetectDriftFunction", "LoadDmmFunction"])
def test_a_daily_run_that_cannot_start_waits_in_the_queue(sandbox, function):
    role = sandbox.client("cloudformation").describe_stack_resource(
        StackName="autowatch", LogicalResourceId=f"{function}DailyRole"
    )["StackResourceDetail"]["PhysicalResourceId"]
    sandbox.client("iam").delete_role_policy(RoleName=role, PolicyName=f"{function}DailyLambdaPolicy")
    sandbox.fire(function)
    sandbox.wait_until_idle(60)
    assert '"time"' in waiting(sandbox)


@pytest.mark.parametrize(
    ("function", "key"),
    [
        ("GiveUpFunction", f"models/{RUN}/run.json"),
        ("ProfileCsvFunction", f"models/{RUN}/baseline.json"),
        ("StageFunction", f"models/{RUN}/run.json"),
        ("StartAutopilotFunction", f"models/{RUN}/contract.json"),
        ("TransformAcceptFunction", "transform/w/plan.json"),
        ("TransformAssembleFunction", "transform/w/plan.json"),
        ("TransformCheckPieceFunction", "transform/w/plan.json"),
        ("TransformFinishPieceFunction", "transform/w/plan.json"),
        ("TransformRunJobFunction", "transform/w/plan.json"),
    ],
)
def test_a_missing_object_is_reported_as_missing_not_as_forbidden(bucket_of, function, key):
    with pytest.raises(ObjectMissing, match=key):
        bucket_of(function).read_json(key)


@pytest.mark.parametrize(
    ("function", "key"),
    [
        ("InvokeEndpointFunction", "inference/a.csv"),
        ("ProfileCsvFunction", "inference/a.csv"),
        ("TransformAcceptFunction", "inference/a.csv"),
        ("TransformCheckPieceFunction", "inference/a.csv"),
        ("TransformPlanFunction", "inference/a.csv"),
        ("MeasureQualityFunction", "labels/a.csv"),
    ],
)
def test_a_file_whose_event_names_no_version_is_read(ours, bucket_of, function, key):
    written = ours.put(key, b"age\n30\n", "text/csv")
    file = ObjectVersion(key, None, written.etag, written.size)
    assert ResumedBody(bucket_of(function), file).read(100) == b"age\n30\n"


def test_a_raw_training_file_is_judged_by_its_newest_version(ours, bucket_of):
    ours.put("training/raw.csv", b"age\n30\n", "text/csv")
    file = bucket_of("DetectDriftFunction").version("training/raw.csv")
    assert ResumedBody(bucket_of("ProfileCsvFunction"), file).read(100) == b"age\n30\n"


def test_labels_are_measured_on_the_days_that_the_daily_run_has_seen(ours, bucket_of):
    ours.write_json("monitoring/days.json", {})
    assert bucket_of("MeasureQualityFunction").read_json("monitoring/days.json") == {}


def test_the_page_of_a_run_that_waits_for_approval_is_written(ours, bucket_of):
    bucket_of("AskForApprovalFunction").put(f"models/{RUN}/report.html", b"<p>", "text/html")
    assert ours.exists(f"models/{RUN}/report.html")


def test_announced_refusals_are_remembered(bucket_of):
    bucket_of("DetectDriftFunction").write_json("monitoring/refusals.json", {})
    assert bucket_of("DetectDriftFunction").read_json("monitoring/refusals.json") == {}


def test_the_version_that_was_committed_is_read(ours, bucket_of):
    written = ours.put("predictions/date=2026-11-23/a.profile.json", b"{}", "application/json")
    ours.put(written.key, b"[]", "application/json")
    content, _ = bucket_of("DetectDriftFunction").read(written.key, written.version_id)
    assert content == b"{}"


@pytest.mark.parametrize(
    ("function", "key"),
    [
        ("InvokeEndpointFunction", "predictions/date=2026-11-23/a.csv"),
        ("InvokeEndpointFunction", "rejected/date=2026-11-23/a.csv"),
        ("MeasureQualityFunction", "monitoring/labels/date=2026-11-23/a.csv"),
        ("MeasureQualityFunction", "rejected/labels/a.csv"),
        ("PrepareFunction", f"models/{RUN}/train.csv"),
        ("TransformAssembleFunction", "predictions/date=2026-11-23/a.csv"),
        ("TransformAssembleFunction", "rejected/date=2026-11-23/a.csv"),
        ("TransformCheckPieceFunction", "transform/w/parts/00001.csv"),
        ("TransformFinishPieceFunction", "transform/w/predictions/00001.csv"),
    ],
)
def test_an_upload_that_fails_midway_is_aborted(ours, bucket_of, function, key):
    with contextlib.suppress(InterruptedError), Upload(bucket_of(function), key, "text/csv") as upload:
        upload.write(bytes(PART_BYTES))
        raise InterruptedError
    assert "Uploads" not in ours.client.list_multipart_uploads(Bucket=ours.name, Prefix=key)


@pytest.mark.parametrize(
    ("function", "key"),
    [
        ("TransformFailFunction", "predictions/date=2026-11-23/b.csv"),
        ("TransformFailFunction", "rejected/date=2026-11-23/b.csv"),
        ("TransformFailFunction", "transform/w/parts/00001.csv"),
        ("TransformCleanUpFunction", "transform/w/parts/00002.csv"),
    ],
)
def test_an_upload_of_a_killed_attempt_is_aborted(ours, bucket_of, function, key):
    ours.client.create_multipart_upload(Bucket=ours.name, Key=key)
    if key.startswith("transform/"):
        remove_work(bucket_of(function), Work("w"))
    else:
        abort_uploads(bucket_of(function), key)
    assert "Uploads" not in ours.client.list_multipart_uploads(Bucket=ours.name, Prefix=key)


@pytest.mark.parametrize("prefix", ["predictions", "rejected"])
def test_objects_of_another_attempt_are_deleted_by_version(ours, bucket_of, prefix):
    written = ours.put(f"{prefix}/date=2026-11-23/c.csv", b"x", "text/csv")
    client = bucket_of("TransformAssembleFunction").client
    client.delete_object(Bucket=ours.name, Key=written.key, VersionId=written.version_id)
    assert not ours.exists(written.key)


def test_a_large_file_is_refused_by_its_header(ours, bucket_of):
    bucket_of("TransformPlanFunction").write_json("rejected/date=2026-11-23/d.error.json", {})
    assert bucket_of("TransformFailFunction").read_json("rejected/date=2026-11-23/d.error.json") == {}


@pytest.mark.parametrize("function", ["GateFunction", "InvokeEndpointFunction", "PromoteFunction"])
def test_a_missing_endpoint_is_reported_as_missing(roles, function):
    endpoint = Endpoint(
        roles.client(function, "sagemaker-runtime"),
        "autowatch",
        Problem("binary", ("no", "yes"), "yes"),
        lambda: 60.0,
    )
    with pytest.raises(EndpointMissing):
        endpoint.predict(b"1,2\n", 1)


@pytest.mark.parametrize(
    "function", ["FinishFunction", "PromoteFunction", "ReleaseFunction", "PrepareFunction"]
)
def test_the_existence_of_an_endpoint_can_be_checked(roles, function):
    assert describe_endpoint(roles.client(function, "sagemaker"), "autowatch") is None


@pytest.mark.parametrize("function", ["FailFunction", "EndRunFunction"])
def test_a_deleted_endpoint_is_created_again(sandbox, served, roles, function):
    config = served.make("autowatch", RUN if function == "FailFunction" else OLDER_RUN)
    sagemaker = roles.client(function, "sagemaker")
    switch_endpoint(sagemaker, "autowatch", config, TAGS)
    with pytest.raises(EndpointBusy):
        switch_endpoint(sagemaker, "autowatch", f"autowatch-{RUN[:-1]}0", TAGS)
    deadline = time.monotonic() + 60
    while describe_endpoint(sagemaker, "autowatch").status == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with contextlib.suppress(EndpointBusy):
        switch_endpoint(sagemaker, "autowatch", f"autowatch-{RUN}", TAGS)
        switch_endpoint(sagemaker, "autowatch", f"autowatch-{OLDER_RUN}", TAGS)
    while describe_endpoint(sagemaker, "autowatch").status != "InService":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    sandbox.client("sagemaker").delete_endpoint(EndpointName="autowatch")


def test_a_candidate_left_by_another_run_is_deleted(served, roles):
    served("autowatch-candidate", OLDER_RUN)
    with pytest.raises(CandidateStillThere):
        create_candidate(
            roles.client("StageFunction", "sagemaker"), "autowatch-candidate", "autowatch-x", TAGS
        )


def test_the_champion_scores_at_the_old_endpoint_until_its_deletion(served, roles):
    served("left", RUN)
    endpoint = Endpoint(
        roles.client("InvokeEndpointFunction", "sagemaker-runtime"),
        "left",
        Problem("binary", ("no", "yes"), "yes"),
        lambda: 60.0,
    )
    assert len(endpoint.predict(b"1,2\n", 1).labels) == 1
    sagemaker = roles.client("FinishFunction", "sagemaker")
    remove_endpoint(sagemaker, "left", stack="autowatch")
    left = [
        *sagemaker.list_endpoints(NameContains="left", StatusEquals="InService")["Endpoints"],
        *sagemaker.list_endpoint_configs(NameContains="left")["EndpointConfigs"],
        *sagemaker.list_models(NameContains="left")["Models"],
    ]
    assert left == []


@pytest.mark.parametrize("name", ["autowatch", "autowatch-candidate"])
def test_the_log_of_an_endpoint_expires(sandbox, roles, name):
    keep_log(roles.client("DescribeEndpointFunction", "logs"), name, 7, OWN_KEY)
    [group] = [
        group
        for group in sandbox.client("logs").describe_log_groups()["logGroups"]
        if group["logGroupName"] == f"/aws/sagemaker/Endpoints/{name}"
    ]
    assert group["retentionInDays"] == 7


@pytest.mark.parametrize(
    ("function", "service", "operation", "arguments", "answer"),
    [
        (
            "PreparePromotionFunction",
            "stepfunctions",
            "describe_execution",
            {"executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:autowatch-train:gone"},
            "ExecutionDoesNotExist",
        ),
        *(
            (
                "CleanUpFunction",
                "stepfunctions",
                "stop_execution",
                {"executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:autowatch-{machine}:gone"},
                "ExecutionDoesNotExist",
            )
            for machine in ("train", "transform")
        ),
        *(
            (
                "CleanUpFunction",
                "sagemaker",
                "list_tags",
                {"ResourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/autowatch-gone"},
                "ValidationException",
            )
            for kind in ("automl-job", "transform-job")
        ),
        (
            "TransformFailFunction",
            "sagemaker",
            "stop_transform_job",
            {"TransformJobName": "autowatch-gone"},
            "ResourceNotFound",
        ),
        (
            "CleanUpFunction",
            "logs",
            "describe_log_streams",
            {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": "gone"},
            "ResourceNotFoundException",
        ),
        (
            "CleanUpFunction",
            "logs",
            "delete_log_stream",
            {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "gone/a"},
            "ResourceNotFoundException",
        ),
    ],
)
def test_an_object_deleted_meanwhile_is_reported_as_missing_not_as_forbidden(
    roles, function, service, operation, arguments, answer
):
    with pytest.raises(ClientError) as caught:
        getattr(roles.client(function, service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == answer


def test_running_jobs_are_stopped_when_the_stack_is_deleted(sandbox, ours, served, roles):
    """Jobs of a deleted stack are stopped; those of another stack continue."""
    clients = [roles.client("CleanUpFunction", service) for service in ("sagemaker", "stepfunctions", "logs")]
    sagemaker = sandbox.client("sagemaker")
    rows = "".join(f"{number},{number % 7},{'yes' if number % 2 else 'no'}\n" for number in range(2000))
    source = ours.url(ours.put("training/jobs.csv", f"a,b,y\n{rows}".encode(), "text/csv").key)
    data = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}}
    sagemaker.create_auto_ml_job_v2(
        AutoMLJobName="autowatch-job",
        AutoMLJobInputDataConfig=[
            {"ChannelType": "training", "ContentType": "text/csv;header=present", **data}
        ],
        OutputDataConfig={"S3OutputPath": ours.url("models/r/autopilot/")},
        AutoMLProblemTypeConfig={
            "TabularJobConfig": {"TargetAttributeName": "y", "ProblemType": "BinaryClassification"}
        },
        AutoMLJobObjective={"MetricName": "AUC"},
        RoleArn=served.role,
        Tags=served.tags,
    )
    model = served.make("autowatch", "20261121-071500-d822")
    for name, tags in (("autowatch-large", served.tags), ("of-another", [])):
        sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            TransformInput={**data, "ContentType": "text/csv", "SplitType": "Line"},
            TransformOutput={"S3OutputPath": ours.url(f"transform/{name}/output/")},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            Tags=tags,
        )
    assert remove_what_runs_made(*clients, stack="autowatch", state_machines=[]).jobs == 2
    others = sagemaker.describe_transform_job(TransformJobName="of-another")["TransformJobStatus"]
    assert others not in ("Stopping", "Stopped")


@pytest.fixture(scope="module")
def beside(sandbox, roles):
    """Creates a role outside the stack with these permissions, and a function of its name that returns its keys."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}

    def make(name, *actions):
        rights = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        documents = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, rights)]
        iam = sandbox.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents[0])["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=documents[1])
        sandbox.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.lambda_handler",
            Code={"ZipFile": EMPTY_ZIP},
        )

    return make


def test_the_reference_is_written_by_those_alone_who_are_named(sandbox, roles, beside, ours):
    for name in ("reference-writer", "trainer"):
        beside(name, "s3:*", "kms:*")
    key = {"Bucket": ours.name, "Key": "reference/x.csv"}
    writer, trainer = (roles.client(name, "s3") for name in ("reference-writer", "trainer"))
    writer.put_object(**key, Body=b"y\nno\n")
    trainer.put_object(Bucket=ours.name, Key="training/x.csv", Body=b"y\nyes\n")
    version = writer.head_object(**key)["VersionId"]
    copied = {"CopySource": f"{ours.name}/training/x.csv"}
    changes = [
        lambda s3: s3.put_object(**key, Body=b"y\nyes\n"),
        lambda s3: s3.copy_object(**key, **copied),
        lambda s3: s3.create_multipart_upload(**key),
        lambda s3: s3.delete_object(**key),
        # An older version would become current again.
        lambda s3: s3.delete_object(**key, VersionId=version),
    ]
    for s3 in (trainer, sandbox.client("s3")):
        for change in changes:
            with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
                change(s3)
    assert roles.client("PrepareFunction", "s3").get_object(**key)["Body"].read() == b"y\nno\n"
    assert roles.client("PrepareFunction", "s3").get_object(**key, VersionId=version)


@pytest.fixture(scope="module")
def any_events(beside, roles):
    """A client of EventBridge with a role that may put any event on any bus."""
    beside("other", "events:PutEvents")
    return roles.client("other", "events")


@pytest.fixture(scope="module")
def drift_event(sandbox):
    detail = {"bucket": sandbox.outputs["DataBucketName"], "date": "2026-11-23"}
    return {"Source": "autowatch", "DetailType": "DriftDetected", "Detail": json.dumps(detail)}


class TestTheVerdictsBus:
    """A run started by drift costs money: no other principal of the account can fake the stack's drift event."""

    @staticmethod
    def runs(sandbox):
        sandbox.wait_until_idle(60)
        machine = sandbox.outputs["TrainStateMachineArn"]
        return sandbox.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]

    def test_an_event_on_the_default_bus_starts_no_run(self, sandbox, any_events, drift_event):
        assert any_events.put_events(Entries=[drift_event])["FailedEntryCount"] == 0
        assert self.runs(sandbox) == []

    def test_no_other_principal_puts_events_on_the_stacks_bus(self, sandbox, any_events, drift_event):
        entry = drift_event | {"EventBusName": sandbox.outputs["VerdictBusName"]}
        for events in (any_events, sandbox.client("events")):
            with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
                events.put_events(Entries=[entry])
        assert self.runs(sandbox) == []

    def test_the_source_of_aws_is_refused(self, any_events, drift_event):
        answer = any_events.put_events(Entries=[drift_event | {"Source": "aws.states"}])
        assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"

    @pytest.mark.parametrize("function", ["DetectDriftFunction", "MeasureQualityFunction"])
    def test_the_stacks_functions_put_events_on_both_buses(self, roles, sandbox, drift_event, function):
        quality = drift_event | {"DetailType": "QualityDropped"}
        entries = [quality, quality | {"EventBusName": sandbox.outputs["VerdictBusName"]}]
        assert roles.client(function, "events").put_events(Entries=entries)["FailedEntryCount"] == 0

    def test_drift_found_by_the_stack_starts_a_run(self, sandbox, roles, drift_event):
        entry = drift_event | {"EventBusName": sandbox.outputs["VerdictBusName"]}
        events = roles.client("DetectDriftFunction", "events")
        (put,) = events.put_events(Entries=[entry])["Entries"]
        [run] = self.runs(sandbox)
        description = sandbox.client("stepfunctions").describe_execution(executionArn=run["executionArn"])
        asked = json.loads(description["input"])
        assert (asked["trigger"], asked["by"]) == ("drift", f"event {put['EventId']}")


def test_the_whole_bucket_is_deleted_on_request(ours, bucket_of):
    ours.put("inference/last.csv", b"x", "text/csv")
    remove_bucket(bucket_of("CleanUpFunction"))
    assert ours.name not in [each["Name"] for each in ours.client.list_buckets()["Buckets"]]
