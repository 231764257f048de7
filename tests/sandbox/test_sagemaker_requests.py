"""The local SageMaker's rules for requests that need no model."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import requests
from botocore.exceptions import ClientError

from sandbox.sagemaker.platform import Platform
from sandbox.sagemaker.serving.endpoints import Fleet
from sandbox.sagemaker.serving.model_server import ModelServerGone, ModelServerTimeout
from sandbox.sagemaker.serving.runtime import Invocation, Runtime
from sandbox.sagemaker.wire.errors import ModelError
from sandbox.sagemaker.wire.validation import check_request, load_service_model, shape_response
from tests.support.local_sagemaker import ACCOUNT, BUCKET, IMAGE, REGION, ROLE, job_request, running

pytestmark = pytest.mark.sandbox

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sagemaker")) as server:
        server.create_model("model", server.put("model.tar.gz", b"never loaded here"))
        server.create_config("config", "model")
        yield server


def post(server, operation, request):
    """Sends the request as it is, as another SDK or a state machine would."""
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return requests.post(server.url, data=json.dumps(request), headers=headers, timeout=10)


def changed(request, path, value):
    """A copy of the request with the member at the dotted path set, or removed where the value is None."""
    request = json.loads(json.dumps(request))
    *parents, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    member = request
    for step in parents:
        member = member[step] if isinstance(step, int) else member.setdefault(step, {})
    if value is None:
        del member[last]
    else:
        member[last] = value
    return request


JOB = job_request("a-job", f"s3://{BUCKET}/nothing/")
TABULAR = "AutoMLProblemTypeConfig.TabularJobConfig"
CHANNEL = "AutoMLJobInputDataConfig.0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("AutoMLJobName", "x" * 33, "Value '" + "x" * 33 + "' at 'autoMLJobName'.*less than or equal to 32"),
        ("AutoMLJobName", "-begins-with-a-hyphen", "'autoMLJobName' failed to satisfy constraint.*pattern"),
        ("AutoMLJobName", None, "Missing required parameter in input: .AutoMLJobName"),
        ("RoleArn", "role", "RoleArn, value: 4, valid min length: 20"),
        ("RoleArn", "arn:aws:iam::1:user/somebody", "'roleArn' failed to satisfy constraint.*pattern"),
        ("ProblemType", "BinaryClassification", "Unknown parameter in input: .ProblemType"),
        (f"{TABULAR}.CompletionCriteria.MaxCandidates", "5", "Invalid type.*MaxCandidates"),
        (f"{TABULAR}.CompletionCriteria.MaxCandidates", 751, "less than or equal to 750"),
        (f"{TABULAR}.CompletionCriteria.MaxCandidates", 0, "MaxCandidates"),
        (f"{TABULAR}.Mode", "FASTEST", "enum value set: .AUTO, ENSEMBLING, HYPERPARAMETER_TUNING"),
        (f"{TABULAR}.Mode", "HYPERPARAMETER_TUNING", "not offered in the sandbox"),
        (f"{TABULAR}.ProblemType", None, "must be given together or not at all"),
        ("AutoMLJobObjective", None, "must be given together or not at all"),
        ("AutoMLJobObjective.MetricName", "LogLoss", "autoMLJobObjective.metricName"),
        ("AutoMLJobObjective.MetricName", "F1macro", "does not go with BinaryClassification"),
        ("AutoMLJobObjective.MetricName", "RMSE", "does not go with BinaryClassification"),
        (
            f"{TABULAR}.ProblemType",
            "Regression",
            "AUC does not go with Regression. Choose one of MAE, MSE, R2, RMSE",
        ),
        ("AutoMLJobInputDataConfig", [], "autoMLJobInputDataConfig|AutoMLJobInputDataConfig"),
        (f"{CHANNEL}.ChannelType", "validation", "one channel of ChannelType training"),
        (f"{CHANNEL}.ContentType", "x-application/vnd.amazon+parquet", "ContentType: .*not offered"),
        (f"{CHANNEL}.DataSource.S3DataSource.S3DataType", "ManifestFile", "ManifestFile .*not offered"),
        ("DataSplitConfig.ValidationFraction", 1.0, "must lie between 0 and 1"),
        ("ModelDeployConfig.AutoGenerateEndpointName", True, "ModelDeployConfig: .*not offered"),
    ],
)
def test_a_wrong_job_request_is_refused_with_its_fault(server, path, value, message):
    answer = post(server, "CreateAutoMLJobV2", changed(JOB, path, value))
    assert (answer.status_code, answer.json()["__type"]) == (400, "ValidationException")
    assert re.search(message, answer.json()["message"])
    assert server.sagemaker.list_auto_ml_jobs(NameContains="a-job")["AutoMLJobSummaries"] == []


def test_the_name_of_a_job_can_be_used_once(server):
    request = job_request("once", f"s3://{BUCKET}/nothing/")
    server.sagemaker.create_auto_ml_job_v2(**request)
    with pytest.raises(server.sagemaker.exceptions.ResourceInUse, match="automl-job/once"):
        server.sagemaker.create_auto_ml_job_v2(**request)
    (summary,) = server.sagemaker.list_auto_ml_jobs(NameContains="once")["AutoMLJobSummaries"]
    assert (summary["AutoMLJobName"], summary["AutoMLJobStatus"]) == ("once", "Failed")


def test_a_job_that_was_never_created_is_not_found(server):
    with pytest.raises(server.sagemaker.exceptions.ResourceNotFound, match="automl-job/never"):
        server.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="never")


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (
            {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/none.tar.gz"},
            f"Could not find model data at s3://{BUCKET}/none",
        ),
        ({"Image": "elsewhere/xgboost:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}, "cannot be pulled"),
        ({"Image": IMAGE}, "ModelDataUrl must be"),
        (
            {
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
                "Environment": {
                    "SAGEMAKER_PROGRAM": "x",
                    "PYTHONSTARTUP": "/tmp/x.py",
                    "LD_PRELOAD": "/tmp/x.so",
                },
            },
            "take no variable LD_PRELOAD, PYTHONSTARTUP;",
        ),
        ({"Image": IMAGE, "ModelDataUrl": "ftp://x"}, "'primaryContainer.modelDataUrl'"),
    ],
)
def test_a_model_that_cannot_be_served_is_refused(server, container, message):
    with pytest.raises(ClientError, match=message):
        server.sagemaker.create_model(ModelName="bad", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    assert server.sagemaker.list_models(NameContains="bad")["Models"] == []


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            {"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 5}},
            "MemorySizeInMB 1500 is none of 1024",
        ),
        ({"ServerlessConfig": {"MemorySizeInMB": 7168, "MaxConcurrency": 5}}, "7168"),
        ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 201}}, "less than or equal to 200"),
        ({"ServerlessConfig": SERVERLESS, "InstanceType": "ml.m5.large"}, "exclude each other"),
        ({"ServerlessConfig": {**SERVERLESS, "ProvisionedConcurrency": 6}}, "exceeds MaxConcurrency"),
        ({"InstanceType": "ml.m5.large"}, "lacks InitialInstanceCount"),
        ({"InstanceType": "ml.made-up.large", "InitialInstanceCount": 1}, "instanceType"),
        (
            {"ServerlessConfig": SERVERLESS, "ModelName": "absent"},
            'Could not find model "arn:aws:sagemaker:.*model/absent"',
        ),
    ],
)
def test_an_impossible_variant_is_refused(server, variant, message):
    with pytest.raises(ClientError, match=message):
        server.sagemaker.create_endpoint_config(
            EndpointConfigName="bad",
            ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": "model", **variant}],
        )


@pytest.mark.parametrize("member", ["KmsKeyId", "DataCaptureConfig"])
def test_settings_that_serverless_lacks_are_refused(server, member):
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://b/c",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    with pytest.raises(ClientError, match=f"{member} is not supported with ServerlessConfig"):
        server.sagemaker.create_endpoint_config(
            EndpointConfigName="bad",
            ProductionVariants=[{"VariantName": "v", "ModelName": "model", "ServerlessConfig": SERVERLESS}],
            **{member: "key" if member == "KmsKeyId" else capture},
        )


def test_a_serverless_endpoint_has_one_container(server):
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    server.sagemaker.create_model(ModelName="two", Containers=[container, container], ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match="one container only"):
        server.create_config("two", "two")


def test_names_are_unique_until_deletion(server):
    server.create_model("twice", f"s3://{BUCKET}/model.tar.gz")
    with pytest.raises(ClientError, match='Cannot create already existing model "arn:aws:sagemaker'):
        server.create_model("twice", f"s3://{BUCKET}/model.tar.gz")
    server.create_config("twice", "twice")
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        server.create_config("twice", "twice")
    server.sagemaker.delete_endpoint_config(EndpointConfigName="twice")
    server.sagemaker.delete_model(ModelName="twice")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        server.sagemaker.describe_endpoint_config(EndpointConfigName="twice")
    with pytest.raises(ClientError, match="Could not find model"):
        server.sagemaker.delete_model(ModelName="twice")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        server.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="twice")


def test_one_of_ten_concurrent_creations_wins(server):
    gate = threading.Barrier(10)

    def create(_):
        gate.wait(10)
        try:
            server.create_config("raced", "model")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "created"

    with ThreadPoolExecutor(10) as pool:
        answers = sorted(pool.map(create, range(10)))
    assert answers == ["ValidationException"] * 9 + ["created"]


def test_a_config_is_described_as_it_was_created(server):
    config = server.sagemaker.describe_endpoint_config(EndpointConfigName="config")
    assert config["EndpointConfigArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/config"
    assert config["CreationTime"].tzinfo is not None
    (variant,) = config["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 2}


def test_lists_are_filtered_ordered_and_paged(server):
    for number in range(3):
        server.create_model(f"listed-{number}", f"s3://{BUCKET}/model.tar.gz")
    names = []
    token = {}
    while True:
        answer = server.sagemaker.list_models(
            NameContains="listed", SortBy="Name", SortOrder="Ascending", MaxResults=2, **token
        )
        names.append([model["ModelName"] for model in answer["Models"]])
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert names == [["listed-0", "listed-1"], ["listed-2"]]
    first = server.sagemaker.describe_model(ModelName="listed-0")["CreationTime"]
    for after, expected in ((-1, ["listed-2", "listed-1", "listed-0"]), (60, [])):
        models = server.sagemaker.list_models(
            NameContains="listed", CreationTimeAfter=first + timedelta(seconds=after)
        )["Models"]
        assert [model["ModelName"] for model in models] == expected
    with pytest.raises(ClientError, match="NextToken is not valid"):
        server.sagemaker.list_models(NextToken="made up")


def test_tags_are_kept_by_arn(server):
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/model"
    server.sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "project", "Value": "ä b"}, {"Key": "x", "Value": ""}]
    )
    server.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "x", "Value": "1"}])
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "project", "Value": "ä b"},
        {"Key": "x", "Value": "1"},
    ]
    with pytest.raises(ClientError, match="Could not find resource"):
        server.sagemaker.list_tags(ResourceArn=f"{arn}-not")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "either BlueGreenUpdatePolicy or RollingUpdatePolicy"),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 60}
                }
            },
            "CANARY needs CanarySize",
        ),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "CANARY",
                        "WaitIntervalInSeconds": 60,
                        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60},
                    }
                }
            },
            "at most 50 %",
        ),
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 60,
                }
            },
            "not supported on a serverless endpoint",
        ),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 3601}
                }
            },
            "less than or equal to 3600",
        ),
    ],
)
def test_an_invalid_deployment_config_is_refused(server, config, message):
    with pytest.raises(ClientError, match=message):
        server.sagemaker.create_endpoint(
            EndpointName="e", EndpointConfigName="config", DeploymentConfig=config
        )
    with pytest.raises(ClientError, match="Could not find endpoint"):
        server.sagemaker.describe_endpoint(EndpointName="e")


def test_an_endpoint_with_a_malformed_artefact_fails_with_the_reason(server):
    server.sagemaker.create_endpoint(EndpointName="no-archive", EndpointConfigName="config")
    failed = server.wait_for_endpoint("no-archive")
    assert failed["EndpointStatus"] == "Failed"
    assert f"s3://{BUCKET}/model.tar.gz is not a readable model.tar.gz" in failed["FailureReason"]
    (listed,) = server.sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"]
    assert listed["EndpointName"] == "no-archive"
    server.sagemaker.delete_endpoint(EndpointName="no-archive")


def test_unsupported_operations_are_reported(server):
    with pytest.raises(ClientError, match="CreateTrainingPlan is not offered") as raised:
        server.sagemaker.create_training_plan(TrainingPlanName="x", TrainingPlanOfferingId="y")
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_not_an_object_is_refused(server, body):
    answer = requests.post(
        server.url, data=body, headers={"X-Amz-Target": "SageMaker.ListModels"}, timeout=10
    )
    assert (answer.status_code, answer.json()["__type"]) == (400, "ValidationException")


def test_null_members_count_as_absent(server):
    assert post(server, "ListModels", {"NameContains": None}).status_code == 200


@pytest.mark.parametrize("name", ["nobody", "a b", "-x"])
def test_an_endpoint_that_does_not_serve_cannot_be_invoked(server, name):
    with pytest.raises(ClientError) as raised:
        server.invoke(name, "1\n")
    assert raised.value.response["Error"]["Code"] == "ValidationError"


class FailingServer:
    """A model server whose container never answers."""

    def __init__(self, error):
        self._error = error

    def invoke(self, body, content_type, accept, timeout):
        # What waiting for a place has left of the 60 s.
        assert timeout == pytest.approx(60, abs=5)
        raise self._error


class OneEndpoint:
    """Endpoints with one that serves."""

    def __init__(self, server):
        self._fleet = Fleet({}, {"VariantName": "AllTraffic"}, server, 0.0, threading.BoundedSemaphore(1))

    @contextmanager
    def serving(self, name):
        yield self._fleet


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            ModelServerTimeout(),
            0,
            "Your invocation timed out while waiting for a response from container primary",
        ),
        (ModelServerGone(), 503, "closed the connection"),
    ],
)
def test_a_container_that_does_not_answer_is_a_model_error(tmp_path, error, status, message):
    platform = Platform(tmp_path, "http://127.0.0.1:1", REGION, ACCOUNT, tmp_path)
    runtime = Runtime(platform, OneEndpoint(FailingServer(error)))
    # Twice: the slot must be free again after the first failure.
    for _ in range(2):
        with pytest.raises(ModelError, match=message) as raised:
            runtime.invoke(Invocation("e", b"1\n", "text/csv", "*/*", "id", None))
        assert raised.value.members["OriginalStatusCode"] == status


def test_every_pattern_of_the_service_model_is_understood():
    model = load_service_model("sagemaker")
    tags = model.operation_model("AddTags").input_shape
    request = {
        "ResourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/m",
        "Tags": [{"Key": "Ключ 1", "Value": "ä/b:=+-@_."}],
    }
    assert check_request(tags, request) == request


def test_an_answer_without_a_required_member_is_a_defect():
    shape = load_service_model("sagemaker").operation_model("CreateEndpoint").output_shape
    assert shape_response(shape, {"EndpointArn": "a", "Secret": "b"}) == {"EndpointArn": "a"}
    with pytest.raises(KeyError, match="EndpointArn"):
        shape_response(shape, {})
