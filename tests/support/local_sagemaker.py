"""A local SageMaker over HTTP beside a real S3 on loopback, and the clients and data for tests of it."""

import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from sandbox.install import environments
from sandbox.sagemaker import SageMaker

REGION, ACCOUNT, BUCKET = "eu-central-1", "123456789012", "sagemaker-tests"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/sandbox-autogluon-inference:1.6-cpu-py3"


@dataclass(frozen=True)
class Running:
    """A SageMaker that answers, and clients for it that do not retry."""

    sagemaker: Any
    runtime: Any
    s3: Any
    url: str
    s3_url: str

    def put(self, key, body):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def wait_for_job(self, name, timeout=120):
        def ended():
            job = self.sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
            return job if job["AutoMLJobStatus"] in ("Completed", "Failed", "Stopped") else None

        return until(ended, timeout)

    def wait_for_endpoint(self, name, timeout=60):
        def settled():
            endpoint = self.sagemaker.describe_endpoint(EndpointName=name)
            return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else None

        return until(settled, timeout)

    def create_model(self, name, url, outputs=None):
        environment = {"SAGEMAKER_INFERENCE_OUTPUT": outputs} if outputs else {}
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url, "Environment": environment},
            ExecutionRoleArn=ROLE,
        )

    def create_config(self, name, model, variant="AllTraffic", **capacity):
        capacity = capacity or {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 2}}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": variant, "ModelName": model, **capacity}],
        )

    def invoke(self, endpoint, body, **options):
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, **{"ContentType": "text/csv", **options}
        )
        return answer["Body"].read().decode()


@contextmanager
def running(state_dir):
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    s3_url = "http://{}:{}".format(*moto.get_host_and_port())
    local = SageMaker(state_dir, s3_url, REGION, ACCOUNT, environments().model_python)
    server = make_server("127.0.0.1", 0, local, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    s3 = client("s3", s3_url)
    # moto keeps its state for as long as the process lives, so another module's server may have left the bucket.
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    try:
        yield Running(client("sagemaker", url), client("sagemaker-runtime", url), s3, url, s3_url)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
        local.close()
        moto.stop()


def client(service, url, **options):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20, read_timeout=90, **options),
    )


def until(probe, timeout):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"Not within {timeout} s.")


def job_request(name, uri, target="y", problem="BinaryClassification", objective="AUC", **limits):
    request = {
        "AutoMLJobName": name,
        "AutoMLJobInputDataConfig": [
            {
                "ChannelType": "training",
                "ContentType": "text/csv;header=present",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/autopilot"},
        "RoleArn": ROLE,
        "AutoMLProblemTypeConfig": {
            "TabularJobConfig": {
                "TargetAttributeName": target,
                "Mode": "ENSEMBLING",
                "CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": 120, **limits},
            }
        },
    }
    if problem:
        request["AutoMLProblemTypeConfig"]["TabularJobConfig"]["ProblemType"] = problem
        request["AutoMLJobObjective"] = {"MetricName": objective}
    return request


def training_csv(rows=800, labels=("no", "yes"), seed=1):
    """Columns age (number), job (text with a comma and a quote in it), rate (number, at times missing) and y: a label,
    or without labels the score that it is taken from."""
    chance = random.Random(seed)
    lines = ["age,job,rate,y"]
    for _ in range(rows):
        age, rate = chance.randint(18, 90), chance.gauss(0, 1)
        job = chance.choice(("admin.", '"teacher, ""retired"""', "unknown"))
        score = (age > 50) + (rate > 0) + (job == "admin.") + chance.gauss(0, 0.5)
        label = labels[min(max(round(score), 0), 3) * len(labels) // 4] if labels else f"{score:.3f}"
        lines.append(f"{age},{job},{'' if chance.random() < 0.05 else f'{rate:.3f}'},{label}")
    return "\n".join(lines) + "\n"
