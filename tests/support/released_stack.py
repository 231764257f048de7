"""A running stack with a released stub model, which needs no training and answers by the row alone."""

from dataclasses import replace

from autowatch.aws.objects import Bucket
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import Feature
from autowatch.records.decision import GateDecision, write_decision
from autowatch.records.smoke import SmokeTest, write_smoke_test
from autowatch.training.serving.endpoints import VARIANT
from autowatch.training.serving.model_record import keep_model_record
from tests.support.scoring_bucket import BASELINE, CONTRACT
from tests.support.stub_model import archive, container, label, probability

ACCOUNT, REGION, ENDPOINT = "123456789012", "us-east-1", "autowatch"

_SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 8}}


class ReleasedStack:
    """The stack, its bucket, and what every test does with them."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.s3 = sandbox.client("s3")
        self.bucket = sandbox.outputs["DataBucketName"]

    def release(self, *further_configs, **model):
        """Serves the stub and makes it the champion; further endpoint configs name the same model.

        Args:
            model: more of `model.json`.
        """
        sagemaker = self.sandbox.client("sagemaker")
        self.s3.put_object(
            Bucket=self.bucket, Key="models/r1/model.tar.gz", Body=archive(features=2, **model)
        )
        url = f"s3://{self.bucket}/models/r1/model.tar.gz"
        resource = self.sandbox.client("cloudformation").describe_stack_resource(
            StackName="autowatch", LogicalResourceId="SageMakerRole"
        )
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        sagemaker.create_model(
            ModelName="r1", PrimaryContainer=container(ACCOUNT, REGION, url), ExecutionRoleArn=role
        )
        for name in ("r1", *further_configs):
            variant = {"VariantName": VARIANT, "ModelName": "r1", **_SERVERLESS}
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="r1")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=ENDPOINT, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200}
        )
        Bucket(self.s3, self.bucket).write_json("models/r1/contract.json", CONTRACT)
        Bucket(self.s3, self.bucket).write_json("models/r1/baseline.json", BASELINE)
        champion = Champion(
            run="r1",
            endpoint_name=ENDPOINT,
            endpoint_config="r1",
            model_name="r1",
            contract_key="models/r1/contract.json",
            baseline_key="models/r1/baseline.json",
            released="2026-11-20T00:00:00Z",
            metrics={},
        )
        write_champion(Bucket(self.s3, self.bucket), champion, None)

    def add_run(self, run, features=("age", "job")):
        """Writes a run that passed its gate, for `{"promote": run}`. Each run's model answers differently."""
        bucket = Bucket(self.s3, self.bucket)
        key = f"models/{run}/model.tar.gz"
        content = archive(features=len(features), salt=run)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        keep_model_record(bucket, run, [container(ACCOUNT, REGION, f"s3://{self.bucket}/{key}")])
        columns = tuple(Feature(name, "categorical") for name in features)
        contract = replace(CONTRACT, run=run, features=columns)
        bucket.write_json(f"models/{run}/contract.json", contract)
        bucket.write_json(f"models/{run}/baseline.json", replace(BASELINE, run=run))
        rows = [[f"{name}{number}" for name in features] for number in range(20)]
        smoke_test = SmokeTest(
            "".join(f"{','.join(row)}\n" for row in rows),
            [label(row, salt=run) for row in rows],
            [probability(row, run) for row in rows],
        )
        write_smoke_test(bucket, run, smoke_test)
        write_decision(bucket, run, GateDecision(run, True, "good", 0.6, 700, {"auc": 0.9}))

    def put_unannounced(self, key, body):
        """Puts an object without any notification, for tests that send its event themselves."""
        announced = self.s3.get_bucket_notification_configuration(Bucket=self.bucket)
        del announced["ResponseMetadata"]
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})
        try:
            return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        finally:
            self.s3.put_bucket_notification_configuration(
                Bucket=self.bucket, NotificationConfiguration=announced
            )

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()
