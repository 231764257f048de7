"""The local Domino's second wire over HTTP, and what it shows of ground truths and of its settings."""

import time
from itertools import pairwise

import pytest

from sandbox.events.mailbox import Mailbox
from tests.support.local_domino import BUCKET, TOKEN, bucket_server, domino_client, location, people, upload

pytestmark = pytest.mark.sandbox

FEATURES = [
    {"name": "age", "valueType": "numerical", "variableType": "feature"},
    {"name": "job", "valueType": "categorical", "variableType": "feature", "featureImportance": 0.5},
]
PREDICTION = {"name": "y", "valueType": "categorical", "variableType": "prediction"}
ROW = {"name": "id", "valueType": "string", "variableType": "row_identifier"}
TIME = {"name": "prediction_date", "valueType": "datetime", "variableType": "timestamp"}
TRUTH = {
    "name": "y_actual",
    "valueType": "categorical",
    "variableType": "ground_truth",
    "forPredictionOutput": "y",
}
METADATA = {"name": "bank", "modelType": "classification", "version": "1"}
SCORED = ("id", "age", "job", "y", "prediction_date")
LIST = "models?pageNumber=0&pageSize=50&numberOfLastChecksToFetch=5"


@pytest.fixture(scope="module")
def s3():
    with bucket_server() as s3:
        upload(s3, "train.csv", trained(1), ("age", "job", "y"))
        yield s3


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def client(s3, tmp_path, mailbox):
    with domino_client(s3, tmp_path / "domino", mailbox) as client:
        source = {"name": "lake", "type": "s3", "config": {"bucket": BUCKET, "region": "us-east-1"}}
        assert client.v2("PUT", "datasource", source).status_code == 200
        yield client


def trained(seed):
    return [(age, job, "yes" if number % 2 else "no") for number, age, job in people(seed)]


def scored(seed, first=0, **options):
    return [
        (f"x-{first + number}", age, job, "yes" if number % 2 else "no", "2026-11-23T09:00:00Z")
        for number, age, job in people(seed, **options)
    ]


def details(key, name=None, **changes):
    return {
        "name": name or key,
        "datasetType": "file",
        "datasetConfig": {"path": key, "fileFormat": "csv"},
        "datasourceName": "lake",
        "datasourceType": "s3",
    } | changes


def config(key="train.csv", **changes):
    return {
        "variables": [*FEATURES, PREDICTION],
        "datasetDetails": details(key),
        "modelMetadata": METADATA,
    } | changes


@pytest.fixture
def model_id(client):
    return client.v2("PUT", "model", config()).json()["id"]


def register(client, model_id, key, variables=None, kind="prediction", **changes):
    body = {"datasetDetails": details(key, **changes)}
    if variables is not None:
        body["variables"] = variables
    return client.v2("PUT", f"model/{model_id}/register-dataset/{kind}", body)


def test_the_token_is_required_in_the_headers_of_this_wire(client):
    for header in ("X-Domino-Api-Key", "X-DMM-API-KEY", "x-domino-api-key"):
        assert client.v2("GET", LIST, headers={header: TOKEN}).status_code == 200
        assert client.v2("GET", LIST, headers={header: "other"}).status_code == 401
    for wrong in ({}, {"Authorization": TOKEN}, {"X-Domino-Api-Key": f"Bearer {TOKEN}"}):
        assert client.v2("GET", LIST, headers=wrong).status_code == 401
    assert client.v2("GET", LIST, base="v2/api").status_code == 200


def test_header_scheme_and_refusal_can_be_set_on_both_wires_and_the_token_rotated(client):
    settings = {"header": "Authorization", "scheme": "Bearer", "refusal_status": 403}
    assert client.control("PUT", "settings", settings).status_code == 200
    assert client.v2("GET", LIST, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.v2("GET", LIST, headers={"Authorization": TOKEN}).status_code == 403
    assert client.v2("GET", LIST).status_code == 401
    assert client.v0("GET", "list_models", token=f"Bearer {TOKEN}").status_code == 200
    assert client.control("PUT", "token", {"token": "newer"}).status_code == 200
    assert client.v2("GET", LIST, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 403
    assert client.v2("GET", LIST, headers={"Authorization": "Bearer newer"}).status_code == 200
    assert "newer" not in client.control("PUT", "settings", {}).text
    assert client.control("PUT", "token", {"token": ""}).status_code == 400


def test_a_model_goes_through_its_states(client, s3, model_id):
    reply = client.v2("PUT", "model", config())
    assert (reply.status_code, reply.json()["ingestionStatus"]) == (200, "created")
    assert client.settle(model_id)["ingestion_status"] == "training"
    upload(s3, "p.csv", scored(2), SCORED)
    reply = register(client, model_id, "p.csv", [ROW, TIME])
    assert (reply.status_code, reply.content) == (200, b"")
    assert client.settle(model_id)["ingestion_status"] == "prediction"
    shown = client.v2("GET", f"model?model_id={model_id}").json()
    assert shown["ingestionStatus"] == "prediction"
    assert [each["name"] for each in shown["variables"]] == ["age", "job", "y", "id", "prediction_date"]


def test_models_are_listed_by_pages_the_newest_first_and_deleted(client):
    names = [f"m{number}" for number in range(5)]
    ids = [
        client.v2("PUT", "model", config(modelMetadata=METADATA | {"name": name})).json()["id"]
        for name in names
    ]
    pages = [
        client.v2("GET", f"models?pageNumber={page}&pageSize=2&numberOfLastChecksToFetch=0").json()
        for page in range(4)
    ]
    listed = [[each["name"] for each in page["modelDashboardItems"]] for page in pages]
    assert listed == [["m4", "m3"], ["m2", "m1"], ["m0"], []]
    assert pages[0]["classificationModelCount"] == 5
    assert client.v2("DELETE", f"model?model_id={ids[2]}").status_code == 200
    assert client.v2("DELETE", f"model?model_id={ids[2]}").status_code == 404
    assert len(client.v2("GET", LIST).json()["modelDashboardItems"]) == 4
    for wrong in ("pageNumber=0&pageSize=5", "pageNumber=-1&pageSize=5&numberOfLastChecksToFetch=1"):
        assert client.v2("GET", f"models?{wrong}").status_code == 400
    assert client.v2("GET", LIST.replace("50", "101")).status_code == 400


def test_two_models_may_have_the_same_name(client, model_id):
    assert client.v2("PUT", "model", config()).json()["id"] != model_id
    assert len(client.v2("GET", LIST).json()["modelDashboardItems"]) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"variables": "age"}, "variables is required"),
        ({"variables": []}, "type feature"),
        ({"variables": [{"name": "age", "valueType": "number", "variableType": "feature"}]}, "number of age"),
        ({"variables": [{"name": "age", "valueType": "string", "variableType": "feature"}]}, "numerical or"),
        ({"variables": [*FEATURES, {**ROW, "valueType": "numerical"}]}, "id must be string"),
        ({"variables": [*FEATURES, ROW, {**ROW, "name": "b"}]}, "can be only 1 row_identifier"),
        ({"variables": [*FEATURES, PREDICTION, {**PREDICTION, "name": "z"}]}, "can be only 1 prediction"),
        ({"variables": [*FEATURES, FEATURES[0]]}, "['age'] is/are there more than once"),
        ({"variables": [*FEATURES, PREDICTION, TRUTH]}, "first ground truth dataset"),
        ({"variables": [{**FEATURES[0], "binsNum": 5}]}, "makes the bins itself"),
        ({"modelMetadata": METADATA | {"modelType": "clustering"}}, "modelType"),
        (
            {"modelMetadata": METADATA | {"modelType": "regression"}},
            "y must be numerical in a model of type regression",
        ),
        ({"modelMetadata": METADATA | {"name": ""}}, "name is required"),
        ({"datasetDetails": details("train.csv", datasourceName="sea")}, "Data source sea"),
        ({"datasetDetails": details("train.csv", datasetType="folder")}, "type file"),
        ({"datasetDetails": None}, "datasetDetails"),
    ],
)
def test_a_wrong_config_is_a_bad_request(client, change, text):
    reply = client.v2("PUT", "model", config(**change))
    assert reply.status_code == 400
    assert text in reply.json()
    assert client.v2("GET", LIST).json()["modelDashboardItems"] == []


def test_variables_are_accepted_only_with_the_first_predictions(client, s3, model_id):
    assert register(client, model_id, "a.csv", [FEATURES[0]]).json() == (
        "Variable(s) with name ['age'] is/are already configured"
    )
    other = {**FEATURES[0], "name": "shoe size"}
    assert "cannot be declared" in register(client, model_id, "a.csv", [other]).json()
    assert register(client, model_id, "a.csv", [ROW, {**ROW, "name": "b"}]).status_code == 400
    assert register(client, model_id, "a.csv", [ROW, TIME]).status_code == 200
    assert register(client, model_id, "b.csv", [ROW]).json() == (
        "Variable(s) with name ['id'] is/are already configured"
    )
    late = {**TIME, "name": "late", "variableType": "sample_weight", "valueType": "numerical"}
    assert "first prediction dataset only" in register(client, model_id, "b.csv", [late]).json()
    assert register(client, model_id, "b.csv").status_code == 200
    assert len(client.settle(model_id)["datasets"]) == 2


@pytest.mark.parametrize("status", [409, 400, 200])
def test_a_dataset_is_registered_only_once(client, model_id, status):
    client.control("PUT", "settings", {"duplicate_status": status})
    assert register(client, model_id, "a.csv", name="one").status_code == 200
    again = register(client, model_id, "b.csv", name="one")
    assert (again.status_code, again.json()) == (status, ["Dataset already registered with the model."])
    assert register(client, model_id, "a.csv", name="two").status_code == 200
    assert [each["name"] for each in client.settle(model_id)["datasets"]] == ["one", "two"]


def test_unknown_models_and_paths_are_not_found(client):
    assert register(client, "nobody", "a.csv").json() == {"code": 404, "message": "Model nobody not found"}
    assert register(client, "nobody", "a.csv", kind="ground_truth").status_code == 404
    assert client.v2("GET", "model?model_id=nobody").status_code == 404
    assert client.v2("POST", "model/nobody/analyse-drift").status_code == 404
    jobs = client.v2("POST", "nobody/dataset-jobs", {})
    assert jobs.json()["message"] == "Dataset not found for the given identifier."
    assert client.v2("PUT", "models/nobody/add_predictions", {}).status_code == 404


def test_drift_is_judged_shown_newest_first_and_mailed(client, s3, model_id, mailbox):
    client.control("PUT", "settings", {"alert_address": "team@bank.example"})
    for key, options in {"like.csv": {"seed": 2}, "unlike.csv": {"seed": 3, "age": 60}}.items():
        upload(s3, key, scored(**options), SCORED)
        register(client, model_id, key)
    client.settle(model_id)
    (model,) = client.v2("GET", LIST).json()["modelDashboardItems"]
    checks = model["dataDriftChecks"]
    assert [check["variablesDrifted"] for check in checks] == [["age"], []]
    assert [check["numberOfPredictions"] for check in checks] == [2000, 2000]
    assert all(check["totalNumberOfVariables"] == 3 for check in checks)
    assert all(abs(check["checkedOn"] - time.time()) < 60 for check in checks)
    (mail,) = mailbox.messages()
    assert location("unlike.csv") in mail.body
    one = client.v2("GET", LIST.replace("Fetch=5", "Fetch=1")).json()["modelDashboardItems"][0]
    assert one["dataDriftChecks"] == checks[:1]
    together = client.v2("POST", f"model/{model_id}/analyse-drift").json()
    assert (together["numberOfPredictions"], together["variablesDrifted"]) == (4000, ["age"])


def test_without_predictions_there_is_nothing_to_analyse(client, model_id):
    reply = client.v2("POST", f"model/{model_id}/analyse-drift")
    assert (reply.status_code, reply.json()) == (400, "No prediction data registered with the model")


BAD_PREDICTIONS = {
    "lacks a feature": (("id", "age", "y", "prediction_date"), "job"),
    "lacks the prediction": (("id", "age", "job", "prediction_date"), "y"),
    "lacks the row identifier": (("age", "job", "y", "prediction_date"), "id"),
    "lacks the timestamp": (("id", "age", "job", "y"), "prediction_date"),
}


@pytest.mark.parametrize("name", BAD_PREDICTIONS)
def test_predictions_without_a_declared_column_fail_visibly(client, s3, model_id, name):
    columns, missing = BAD_PREDICTIONS[name]
    upload(
        s3,
        "bad.csv",
        [[dict(zip(SCORED, row, strict=True))[each] for each in columns] for row in scored(2)],
        columns,
    )
    upload(s3, "good.csv", scored(3), SCORED)
    register(client, model_id, "bad.csv", [ROW, TIME])
    register(client, model_id, "good.csv")
    bad, good = client.settle(model_id)["datasets"]
    assert (bad["status"], good["status"]) == ("failed", "done")
    assert f"lacks declared columns: {missing}." in bad["error"]
    jobs = client.v2("POST", f"{model_id}/dataset-jobs", {}).json()
    assert [(job["datasetType"], job["status"]) for job in jobs] == [
        ("training", "done"),
        ("prediction", "failed"),
        ("prediction", "done"),
    ]
    assert missing in jobs[1]["message"]


@pytest.mark.parametrize(
    ("time", "error"), [("yesterday", "not an ISO 8601"), ("2026-11-23T09:00:00+01:00", "not in UTC")]
)
def test_timestamps_are_checked(client, s3, model_id, time, error):
    upload(s3, "times.csv", [(*row[:-1], time) for row in scored(2, count=2)], SCORED)
    register(client, model_id, "times.csv", [ROW, TIME])
    (dataset,) = client.settle(model_id)["datasets"]
    assert error in dataset["error"]


def test_training_data_without_a_declared_feature_fail_visibly(client, s3):
    upload(s3, "half.csv", [(30, "no")], ("age", "y"))
    model_id = client.v2("PUT", "model", config("half.csv")).json()["id"]
    model = client.settle(model_id)
    assert (model["ingestion_status"], model["training"]["status"]) == ("failed", "failed")
    assert "job" in model["training"]["error"]


def test_ground_truths_are_joined_by_the_row_identifier(client, s3, model_id):
    early = register(client, model_id, "t1.csv", [TRUTH], kind="ground_truth")
    assert (early.status_code, early.json()) == (400, "No prediction data registered with the model")
    upload(s3, "p.csv", scored(2, count=4), SCORED)
    register(client, model_id, "p.csv", [ROW, TIME])
    for wrong in ([], [{**TRUTH, "forPredictionOutput": "age"}], [ROW], [TRUTH, {**TRUTH, "name": "b"}]):
        assert register(client, model_id, "t1.csv", wrong, kind="ground_truth").status_code == 400
    # Predicted are no, yes, no, yes.
    upload(s3, "t1.csv", [("x-0", "no"), ("x-1", "no"), ("x-9", "yes")], ("id", "y_actual"))
    upload(s3, "t2.csv", [("x-1", "yes"), ("x-2", "yes")], ("id", "y_actual"))
    reply = register(client, model_id, "t1.csv", [TRUTH], kind="ground_truth")
    assert (reply.status_code, reply.content) == (201, b"")
    assert client.settle(model_id)["quality"] == {"rows": 2, "accuracy": 0.5, "unmatched": 1}
    assert register(client, model_id, "t2.csv", [TRUTH], kind="ground_truth").status_code == 400
    assert register(client, model_id, "t2.csv", kind="ground_truth").status_code == 201
    quality = client.settle(model_id)["quality"]
    assert quality == {"rows": 3, "accuracy": pytest.approx(2 / 3), "unmatched": 1}


def test_ground_truths_need_a_row_identifier(client, s3, model_id):
    upload(s3, "t.csv", [("x-0", "no")], ("id", "y_actual"))
    register(client, model_id, "t.csv")
    register(client, model_id, "t.csv", [TRUTH], kind="ground_truth", name="truth")
    *_, truths = client.settle(model_id)["datasets"]
    assert "no row_identifier" in truths["error"]


def test_ground_truths_of_the_first_wire_are_joined(client, s3):
    client.control(
        "PUT",
        "models/bank",
        {"bucket": BUCKET, "key": "train.csv", "target": "y", "row_identifier": "id"},
    )
    predictions = upload(s3, "p0.csv", scored(2, count=4), SCORED)
    client.v0("PUT", "bank/add_predictions", {"dataLocation": predictions})
    truths = upload(s3, "t0.csv", [("x-0", "no"), ("x-1", "no")], ("id", "y_actual"))
    client.v0("PUT", "bank/add_ground_truths", {"dataLocation": truths})
    wide = upload(s3, "t1.csv", [("x-0", "no", 1)], ("id", "y_actual", "more"))
    client.v0("PUT", "bank/add_ground_truths", {"dataLocation": wide})
    model = client.settle("bank")
    assert model["quality"] == {"rows": 2, "accuracy": 0.5, "unmatched": 0}
    assert "2 columns beside id" in model["datasets"][-1]["error"]


def test_a_bucket_can_be_added_by_hand(client):
    assert (
        client.v2(
            "PUT", "model", config(datasetDetails=details("train.csv", datasourceName="sea"))
        ).status_code
        == 400
    )
    assert client.control("PUT", "datasources/sea", {"bucket": BUCKET}).status_code == 400
    assert (
        client.control("PUT", "datasources/sea", {"bucket": BUCKET, "region": "us-east-1"}).status_code == 200
    )
    made = client.v2("PUT", "model", config(datasetDetails=details("train.csv", datasourceName="sea")))
    assert client.settle(made.json()["id"])["training"]["status"] == "done"


def test_the_wires_do_not_mix(client, s3, model_id):
    assert client.v0("PUT", f"{model_id}/add_predictions", {"dataLocation": location("a")}).status_code == 404
    client.control("PUT", "models/bank", {"bucket": BUCKET, "key": "train.csv", "target": "y"})
    assert register(client, "bank", "a.csv").status_code == 404
    assert [each["wire"] for each in client.control("GET", "models").json()] == ["v2", "v0"]


def test_many_registrations_at_once_are_all_ingested_in_order(client, s3, model_id):
    keys = [f"many/{number:03}.csv" for number in range(20)]
    for number, key in enumerate(keys):
        upload(s3, key, scored(number, first=number * 3, count=3), SCORED)
        assert register(client, model_id, key).status_code == 200
    model = client.settle(model_id)
    assert [each["name"] for each in model["datasets"] if each["status"] == "done"] == keys
    times = [check["checked_on"] for check in model["checks"]]
    assert all(earlier <= later for earlier, later in pairwise(times))
