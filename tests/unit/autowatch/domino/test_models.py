import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.domino import models as domino_models
from autowatch.domino.connection import DominoAnswerUnusable, DominoRefused, DominoUnavailable, open_session
from autowatch.domino.models import (
    TrainingDataGone,
    ensure_model,
    first_variables,
    monitoring_config,
    publish_model_id,
    read_model_record,
)
from autowatch.records.contract import read_contract
from autowatch.records.keys import train_key
from tests.support.domino_stack import BUCKET, EARLIER_RUN, RUN, make_stack
from tests.support.scripted_domino import Answer, FakeDomino

NAME = f"autowatch-{RUN}"


@pytest.fixture
def stack():
    server = FakeDomino()
    with mock_aws(), open_session(4) as session:
        yield make_stack(session, server)
    server.close()


def record(stack, run=RUN):
    body = stack.s3.get_object(Bucket=BUCKET, Key=f"monitoring/domino/models/{run}.json")["Body"].read()
    return json.loads(body)


def test_a_run_becomes_a_model_with_its_columns_and_training_data(stack):
    known = ensure_model(stack.registry, RUN)
    (model,) = stack.domino.models
    assert known.model_id == model["id"] == record(stack)["model_id"]
    assert record(stack)["registered"].endswith("Z")
    config = model["config"]
    assert config["variables"] == [
        {"name": "age", "valueType": "numerical", "variableType": "feature"},
        {"name": "job", "valueType": "categorical", "variableType": "feature"},
        {"name": "y", "valueType": "categorical", "variableType": "prediction"},
    ]
    assert config["datasetDetails"] == {
        "name": f"{NAME}-train",
        "datasetType": "file",
        "datasetConfig": {"path": f"models/{RUN}/train.csv", "fileFormat": "csv"},
        "datasourceName": "bank bucket",
        "datasourceType": "s3",
    }
    assert config["modelMetadata"]["name"] == NAME
    assert config["modelMetadata"]["modelType"] == "classification"


def test_a_model_that_predicts_numbers_is_a_regression(stack):
    contract = replace(
        read_contract(stack.registry.bucket, f"models/{RUN}/contract.json"),
        labels=(),
        positive_label="",
        problem_type="regression",
    )
    config = monitoring_config(contract, "bank", "bank bucket")
    assert config["modelMetadata"]["modelType"] == "regression"
    assert config["variables"][-1] == {"name": "y", "valueType": "numerical", "variableType": "prediction"}
    (truth,) = first_variables(contract, "labels")
    assert (truth["valueType"], truth["forPredictionOutput"]) == ("numerical", "y")
    several = replace(contract, labels=("a", "b", "c"), problem_type="multiclass")
    assert monitoring_config(several, "bank", "s")["modelMetadata"]["modelType"] == "classification"


def test_a_recorded_model_causes_no_request(stack):
    ensure_model(stack.registry, RUN)
    asked = len(stack.server.requests)
    assert ensure_model(stack.registry, RUN).run == RUN
    assert len(stack.server.requests) == asked


def test_each_run_has_its_own_model(stack):
    assert ensure_model(stack.registry, RUN).model_id != ensure_model(stack.registry, EARLIER_RUN).model_id


def test_a_model_on_a_later_page_is_found_by_its_name(stack):
    for number in range(7):
        stack.domino.add_model(f"{NAME}{number}")
    model_id = stack.domino.add_model(NAME)
    assert ensure_model(stack.registry, RUN).model_id == model_id == record(stack)["model_id"]
    assert stack.calls("PUT", "model") == 0


def test_a_lost_response_makes_no_second_model(stack):
    stack.domino.lose = 1
    known = ensure_model(stack.registry, RUN)
    assert [model["id"] for model in stack.domino.models] == [known.model_id]
    assert stack.calls("PUT", "model") == 1


@pytest.mark.parametrize("answer", [Answer(0, hang_up=True), Answer(500), Answer(200, b"{"), Answer(429)])
def test_a_request_without_effect_is_retried(stack, answer):
    stack.domino.refuse_models = answer
    with pytest.raises((DominoUnavailable, DominoAnswerUnusable)):
        ensure_model(stack.registry, RUN)
    assert stack.calls("PUT", "model") == 4
    assert read_model_record(Bucket(stack.s3, BUCKET), RUN) is None
    stack.domino.refuse_models = None
    ensure_model(stack.registry, RUN)
    assert len(stack.domino.models) == 1


def test_a_refused_config_is_not_retried(stack):
    stack.domino.refuse_models = Answer(400, b'{"message": "variables is required"}')
    with pytest.raises(DominoRefused, match="variables is required"):
        ensure_model(stack.registry, RUN)
    assert stack.calls("PUT", "model") == 1


def test_a_taken_but_unlisted_name_is_reported(stack):
    stack.domino.refuse_models = Answer(409)
    with pytest.raises(DominoAnswerUnusable, match="does not list it"):
        ensure_model(stack.registry, RUN)


def test_concurrent_loaders_agree_on_one_model(stack, monkeypatch):
    """Both find no model; the record that is written first decides."""
    barrier = Barrier(2)
    find = domino_models._find

    def find_together(registry, run):
        found = find(registry, run)
        barrier.wait(10)
        return found

    monkeypatch.setattr(domino_models, "_find", find_together)
    with ThreadPoolExecutor(2) as pool:
        records = list(pool.map(lambda _: ensure_model(stack.registry, RUN), range(2)))
    assert {item.model_id for item in records} == {record(stack)["model_id"]}


def test_a_run_without_its_training_data_cannot_be_registered(stack):
    stack.s3.delete_object(Bucket=BUCKET, Key=train_key(RUN))
    stack.s3.put_object(Bucket=BUCKET, Key=f"{train_key(RUN)}.old", Body=b"")
    with pytest.raises(TrainingDataGone, match="KeepModels"):
        ensure_model(stack.registry, RUN)
    assert stack.domino.models == []


def test_an_unknown_run_is_named(stack):
    with pytest.raises(ObjectMissing, match="models/nobody/contract.json"):
        ensure_model(replace(stack.registry), "nobody")


def test_the_id_in_force_is_published_when_it_changes():
    with mock_aws():
        ssm = boto3.client("ssm", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        ssm.put_parameter(Name="/autowatch/x/domino-model-id", Value="none", Type="String")
        for model_id in ("a", "a", "b"):
            publish_model_id(ssm, "/autowatch/x/domino-model-id", model_id)
        parameter = ssm.get_parameter(Name="/autowatch/x/domino-model-id")["Parameter"]
    assert (parameter["Value"], parameter["Version"]) == ("b", 3)
