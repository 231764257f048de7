"""Every function's sample event, run with `sam local invoke` in a real container against a running sandbox.

The samples belong to one story, told in the order of the training machine, so each finds what the one before it made.
They happened on 23 November 2026 and are dated yesterday, so that the tests pass on any day.
Run with `make container-test`, on a machine with a container engine and the Lambda image.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import docker
import pytest
from samtranslator.yaml_helper import yaml_parse

from sandbox.client import running_sandbox
from sandbox.demo.story import DATASOURCE, PARAMETERS
from sandbox.demo.synthetic import write_bank_marketing
from sandbox.install import REPOSITORY

DAY = datetime.now(UTC) - timedelta(days=1)
RUN = f"{DAY:%Y%m%d}-071500-d822"
# A busy machine starts containers slowly; time limits under test are set separately.
pytestmark = pytest.mark.timeout(1200)
IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
SAM = [sys.executable, str(REPOSITORY / "tests/container/sam_on_host_network.py")]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    command = [*SAM, "build", "--build-dir", str(folder), "--no-cached"]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=600, capture_output=True)
    template = folder / "template.yaml"
    text = template.read_text()
    declared = re.search(r"\n( +)METRICS_NAMESPACE: Autowatch\n", text)
    # `sam local invoke` sets no variable that the template does not declare.
    line = f"{declared[0]}{declared[1]}AWS_ENDPOINT_URL: unset\n"
    template.write_text(text.replace(declared[0], line))
    return folder


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A sandbox whose bucket holds the samples' training file, and whose Domino knows the bucket."""
    folder = tmp_path_factory.mktemp("sandbox")
    data = folder / "bank.csv"
    write_bank_marketing(data, 2500, 1)
    with running_sandbox(parameters=PARAMETERS, state_dir=folder / "state") as sandbox:
        bucket = sandbox.outputs["DataBucketName"]
        sandbox.client("s3").upload_file(str(data), bucket, "training/bank.csv")
        sandbox.domino.add_datasource(DATASOURCE, bucket, "us-east-1")
        yield sandbox


@pytest.fixture(scope="module")
def invoke(build, sandbox, tmp_path_factory):
    """Runs a function's sample event in a container, with the environment that the stack gives the function."""
    folder = tmp_path_factory.mktemp("variables")

    def run(function, event):
        configuration = sandbox.client("lambda").get_function_configuration(
            FunctionName=sandbox.outputs[f"{function}Name"]
        )
        variables = configuration["Environment"]["Variables"] | {"AWS_ENDPOINT_URL": sandbox.endpoint_url}
        file = folder / f"{function}.json"
        file.write_text(json.dumps({function: variables}))
        sample = folder / f"{function}-event.json"
        sample.write_text(json.dumps(event if isinstance(event, dict) else sample_event(event)))
        command = [*SAM, "local", "invoke", function, "--event", str(sample), "--skip-pull-image"]
        command += ["--template", str(build / "template.yaml"), "--env-vars", str(file)]
        environment = os.environ | sandbox.environment
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment, timeout=300, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        assert "errorType" not in (answer or {}), (answer, done.stderr[-3000:])
        return answer

    return run


def sample_event(name):
    """A sample, dated yesterday."""
    text = (REPOSITORY / "events" / f"{name}.json").read_text()
    return json.loads(text.replace("2026-11-23", f"{DAY:%Y-%m-%d}").replace("20261123", f"{DAY:%Y%m%d}"))


def test_every_function_loads_in_the_image_with_its_own_layers(build):
    template = yaml_parse((build / "template.yaml").read_text())
    shared = template["Globals"]["Function"]["Layers"]
    functions = {
        name: (resource["Properties"]["Handler"], shared + resource["Properties"].get("Layers", []))
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    script = "set -e\nexport PYTHONPYCACHEPREFIX=/tmp\n"
    for name, (handler, layers) in functions.items():
        module, function = handler.rsplit(".", 1)
        folders = [f"/build/{name}", *(f"/build/{layer['Ref']}/python" for layer in layers), "/var/runtime"]
        script += (
            f"PYTHONPATH={':'.join(folders)} python3 -c 'from {module} import {function}'; echo {name}\n"
        )

    output = docker.from_env().containers.run(
        IMAGE,
        ["-c", script],
        entrypoint="sh",
        volumes={str(build): {"bind": "/build", "mode": "ro"}},
        network_mode="host",
        remove=True,
    )

    assert len(functions) > 20
    assert output.decode().split() == list(functions)


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


def test_the_samples_tell_the_story_of_a_run(invoke, sandbox):
    s3, sagemaker = sandbox.client("s3"), sandbox.client("sagemaker")
    bucket = sandbox.outputs["DataBucketName"]

    def in_service(name):
        return sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"

    prepared = invoke("PrepareFunction", "train_prepare")
    assert (prepared["decision"], prepared["run"], prepared["rows"]) == ("train", RUN, 2500)
    job = invoke("StartAutopilotFunction", "train_start_autopilot")["job_name"]
    wait_for(lambda: sagemaker.describe_auto_ml_job_v2(AutoMLJobName=job)["AutoMLJobStatus"] == "Completed")
    assert invoke("DescribeAutopilotFunction", "train_describe_autopilot")["done"]
    assert invoke("StageFunction", "train_stage")["endpoint_name"] == "autowatch-candidate"
    wait_for(lambda: in_service("autowatch-candidate"))
    assert invoke("DescribeEndpointFunction", "train_describe_endpoint")["in_service"]
    gate = invoke("GateFunction", "train_gate")
    assert gate["passed"], gate
    assert invoke("ReleaseFunction", "train_release")["endpoint_name"] == "autowatch"
    wait_for(lambda: in_service("autowatch"))
    assert invoke("PromoteFunction", "train_promote")["released"]
    registered = invoke("RegisterModelFunction", "train_register_model")["model_id"]
    assert [model["id"] for model in sandbox.domino.models()] == [registered]
    assert invoke("FinishFunction", "train_finish")["status"] == "released"
    champion = json.loads(s3.get_object(Bucket=bucket, Key="models/champion.json")["Body"].read())
    assert champion["run"] == RUN
    assert len(sandbox.mailbox.messages()) == 1

    assert invoke("FailFunction", "train_fail")["error"] == "TargetMissing"


def arrival(sandbox, sample, data):
    """The sample event of an arrival, for a file that exists; only the container gets the event."""
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    event = sample_event(sample)
    described = event["Records"][0]["s3"]["object"]
    key = described["key"].replace("+", " ")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.upload_file(str(data), bucket, key)
    version = version_of(sandbox, key)
    described |= {"versionId": version["version_id"], "eTag": version["etag"], "size": version["size"]}
    return event


def version_of(sandbox, key):
    head = sandbox.client("s3").head_object(Bucket=sandbox.outputs["DataBucketName"], Key=key)
    return {"version_id": head["VersionId"], "etag": head["ETag"].strip('"'), "size": head["ContentLength"]}


def test_the_samples_of_scoring_and_watching(invoke, sandbox, tmp_path):
    """Needs the model that the previous test released."""
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    data = tmp_path / "rows.csv"
    write_bank_marketing(data, 500, 2)
    event = arrival(sandbox, "invoke_endpoint", data)
    assert invoke("InvokeEndpointFunction", event) == {"scored": 1, "refused": 0, "handed_over": 0}
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="predictions/")["Contents"]]
    (predictions,) = [item for item in keys if item.endswith(".csv")]
    text = s3.get_object(Bucket=bucket, Key=predictions)["Body"].read().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 500
    assert invoke("LoadDmmFunction", "load_dmm")["registered"] == 1
    assert invoke("DetectDriftFunction", "detect_drift")["run"] == RUN
    file = {"key": predictions, **version_of(sandbox, predictions)}
    counted = invoke("ProfileCsvFunction", sample_event("profile_csv") | {"file": file, "run": RUN})
    assert (counted["rows_in"], counted["rows_rejected"]) == (500, 0)
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["id,label", *(f"{row['id']},{row['y_actual']}" for row in rows), ""]))
    measured = invoke("MeasureQualityFunction", arrival(sandbox, "measure_quality", labels))
    assert (measured["taken"], measured["refused"]) == (1, 0)
    reports = s3.list_objects_v2(Bucket=bucket, Prefix="reports/")["Contents"]
    assert any(item["Key"].endswith("/index.html") for item in reports)


def test_the_samples_of_a_promotion_that_is_stopped(invoke, sandbox):
    """Needs the model that an earlier test released."""
    mails = len(sandbox.mailbox.messages())
    promotion = invoke("PreparePromotionFunction", "train_prepare_promotion")
    assert (promotion["run"], promotion["promotes"]) == (f"{DAY:%Y%m%d}-081500-d822", RUN)
    invoke("EndRunFunction", "train_end_run")
    [told] = sandbox.mailbox.messages()[mails:]
    assert promotion["run"] in told.subject + told.body
    models = sandbox.client("sagemaker").list_models()["Models"]
    assert not [model for model in models if promotion["run"] in model["ModelName"]]
