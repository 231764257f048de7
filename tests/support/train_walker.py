"""Runs the training machine on the sandbox for tests, with an AutoML job that takes no time."""

import json
import re
import time

from sandbox.faults import Fault
from sandbox.install import REPOSITORY
from tests.support.repository import OWN_KEY
from tests.support.scripted_job import automl_job
from tests.support.stub_model import archive, image, training_file

ENDPOINT = "autowatch"
CANDIDATE = f"{ENDPOINT}-candidate"
ARTEFACT = "transform/stub/model.tar.gz"
DEFINITION = json.loads((REPOSITORY / "statemachine/train.asl.json").read_text())
PARAMETERS = {
    "EndpointName": ENDPOINT,
    "InstanceType": "ml.m5.large",
    "KmsKeyArn": OWN_KEY,
    "PollSeconds": "1",
    "AlertEmail": "you@example.com",
    "PositiveLabel": "yes",
    "RetrainCooldownHours": "0",
    "KeepModels": "1",
    "ResourceTags": "team=risk",
    "ReleaseApproval": "drift",
    "DmmApi": "v2",
    "DmmUrl": "{endpoint}/domino/model-monitor/v2/api/",
    "DmmDatasource": "bank",
    "DmmTokenSecretArn": "{domino_token_secret_arn}",
}
QUICK_RETRIES = {"IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 2}


def copy_application(folder):
    """The application, with longer waits of its state machine cut to a second."""
    for name in ("src", "layers"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "template.yaml").write_bytes((REPOSITORY / "template.yaml").read_bytes())
    (folder / "statemachine").mkdir()
    for source in (REPOSITORY / "statemachine").iterdir():
        text = source.read_text()
        for name, value in QUICK_RETRIES.items():
            text = re.sub(rf'"{name}": [0-9.]+', f'"{name}": {value}', text)
        (folder / "statemachine" / source.name).write_text(text)
    return folder / "template.yaml"


class Walker:
    """Starts runs and records the states that they enter."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.s3, self.sagemaker = sandbox.client("s3"), sandbox.client("sagemaker")
        self.stepfunctions = sandbox.client("stepfunctions")
        self.bucket = sandbox.outputs["DataBucketName"]
        self.executions = []
        self.files = 0
        self.mails = 0
        account, self.region = (
            sandbox.outputs["TrainStateMachineArn"].split(":")[4],
            sandbox.environment["AWS_REGION"],
        )
        self.model = {"Image": image(account, self.region), "ModelDataUrl": f"s3://{self.bucket}/{ARTEFACT}"}
        self.s3.put_object(Bucket=self.bucket, Key=ARTEFACT, Body=archive(features=2))
        sandbox.domino.add_datasource("bank", self.bucket, self.region)

    def new_file(self, good=True):
        """A new training file, on which the stub is always right, or always wrong."""
        self.files += 1
        key = f"training/{self.files:03}.csv"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=training_file(self.files, good))
        return key

    def job(self, *last, **job):
        """The script of an AutoML job; other faults go first."""
        return (*last, *automl_job(self.model, **job))

    def start(self, document=None, *faults):
        self.sandbox.faults(*faults)
        return self.begin(document)

    def begin(self, document=None):
        self.mails = len(self.sandbox.mailbox.messages())
        arn = self.stepfunctions.start_execution(
            stateMachineArn=self.sandbox.outputs["TrainStateMachineArn"], input=json.dumps(document or {})
        )["executionArn"]
        self.executions.append(arn)
        return arn

    def end(self, arn):
        wait_for(lambda: self.stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
        return self.stepfunctions.describe_execution(executionArn=arn)

    def run(self, document=None, *faults):
        return self.end(self.start(document, *faults))

    def train(self, *faults, good=True, **job):
        """Runs the machine on a new file, with a scripted job."""
        return self.run({"training_key": self.new_file(good)}, *self.job(*faults, **job))

    def answer(self, arn, **answer):
        """Answers an execution's request for approval; returns the request and the execution's end."""
        self.wait_for_state(arn, "AskForApproval")
        request = wait_for(lambda: self.requests().get(arn))
        self.stepfunctions.send_task_success(taskToken=request["token"], output=json.dumps(answer))
        return request, self.end(arn)

    def requests(self):
        """The newest run's request for approval, by its execution."""
        latest = self.latest
        key = f"models/{latest['run']}/approval.json"
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("Contents")
        return {latest["execution"]: self.read(key)} if found else {}

    def audit(self):
        """The audit records, in time order."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="audit/").get("Contents", ())
        return [self.read(item["Key"]) for item in found]

    def states(self, arn):
        """The states that an execution has entered so far, in their order."""
        pages = self.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [
            event["stateEnteredEventDetails"]["name"]
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    def states_that_were_tried_again(self, arn, error):
        """The states of an execution in which an attempt failed with this error, and a later one succeeded."""
        pages = self.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
        state, failed, found = "", False, set()
        for event in (event for page in pages for event in page["events"]):
            if "stateEnteredEventDetails" in event:
                state, failed = event["stateEnteredEventDetails"]["name"], False
            elif event.get("taskFailedEventDetails", {}).get("error") == error:
                failed = True
            elif failed and "taskSucceededEventDetails" in event:
                found.add(state)
        return found

    def wait_for_state(self, arn, name):
        wait_for(lambda: name in self.states(arn))

    def read(self, key):
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    @property
    def champion(self):
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="models/champion.json").get("Contents")
        return self.read("models/champion.json")["run"] if found else None

    @property
    def latest(self):
        return self.read("models/latest.json")

    def domino_models(self):
        """The ids of the models in Domino, by name."""
        return {item["name"]: item["id"] for item in self.sandbox.domino.models()}

    def domino_model_id(self):
        """The Domino id that the stack publishes as in force."""
        parameter = self.sandbox.client("ssm").get_parameter(Name="/autowatch/autowatch/domino-model-id")
        return parameter["Parameter"]["Value"]

    def models(self):
        """The runs whose model exists."""
        models = {item["ModelName"] for item in self.sagemaker.list_models()["Models"]}
        return {name.removeprefix(f"{ENDPOINT}-") for name in models}

    def configs(self):
        """The existing endpoint configs."""
        return {
            item["EndpointConfigName"] for item in self.sagemaker.list_endpoint_configs()["EndpointConfigs"]
        }

    def mail(self):
        """The one mail of the last run, which may arrive shortly after the execution's end."""
        (mail,) = wait_for(lambda: self.sandbox.mailbox.messages()[self.mails :])
        return mail

    def bystanders(self):
        """The state that a failure must not change: the champion, the endpoint, and the restorable models."""
        endpoints = {
            item["EndpointName"]: (
                item["EndpointStatus"],
                self.sagemaker.describe_endpoint(EndpointName=item["EndpointName"])["EndpointConfigName"],
            )
            for item in self.sagemaker.list_endpoints()["Endpoints"]
        }
        return self.champion, endpoints, self.models(), self.configs()


def refused(operation, message, **when):
    return Fault(f"sagemaker:{operation}", "refuse", answer=message, **when)


SLOW = Fault("GetObject", "slow", begins=ARTEFACT, seconds=1.2)
"""Long enough that the first poll finds the endpoint updating."""


SPOILT = Fault("GetObject", "answer", begins=ARTEFACT, answer="no archive")
"""A model whose container does not start."""


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return result
