"""The local Domino's first wire, its controls and its judgement, over HTTP."""

import json
import math
import random
from array import array
from collections import Counter
from dataclasses import replace

import pytest

from autowatch.domino.connection import DominoConnection, DominoCredentialsRefused, DominoRefused, DominoToken
from autowatch.domino.v0 import WIRE, data_location, register_dataset
from sandbox.domino.judgement import count_on, judge, make_reference
from sandbox.domino.models import File, parse_location
from sandbox.domino.tables import Table
from sandbox.events.mailbox import Mailbox
from tests.support.local_domino import BUCKET, TOKEN, bucket_server, domino_client, location, people, upload

pytestmark = pytest.mark.sandbox

COLUMNS = [
    {"name": "age", "valueType": "numerical", "isFeature": True},
    {"name": "job", "valueType": "categorical", "isFeature": True},
    {"name": "id", "valueType": "string", "isRowIdentifier": True},
]


@pytest.fixture(scope="module")
def s3():
    with bucket_server() as s3:
        yield s3


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mail")


@pytest.fixture
def client(s3, tmp_path, mailbox):
    with domino_client(s3, tmp_path / "domino", mailbox) as client:
        yield client


def register_model(client, location, columns=COLUMNS):
    body = {"name": "bank", "dataLocation": location, "dataColumns": columns}
    return client.v0("POST", "register_model", body).json()["id"]


def test_the_token_is_required(client):
    for method, path in (
        ("PUT", "m/add_predictions"),
        ("PUT", "m/add_ground_truths"),
        ("POST", "register_model"),
        ("GET", "list_models"),
        ("DELETE", "m"),
    ):
        assert client.v0(method, path, {}, token=None).status_code == 401
        for wrong in ("other", f"Bearer {TOKEN}"):
            assert client.v0(method, path, {}, token=wrong).status_code == 401


def test_unknown_models_and_paths_are_not_found(client):
    body = {"dataLocation": location("a.csv")}
    assert client.v0("PUT", "nobody/add_predictions", body).status_code == 404
    assert client.v0("PUT", "nobody/add_ground_truths", body).status_code == 404
    assert client.v0("DELETE", "nobody").status_code == 404
    assert client.v0("PUT", "nobody/elsewhere", body).status_code == 404
    assert client.control("GET", "models/nobody").status_code == 404
    assert client.v0("GET", "m/add_predictions").status_code == 405


def test_a_model_is_registered_listed_and_deleted(client, s3):
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    assert client.v0("GET", "list_models").json() == [{"id": model_id, "name": "bank"}]
    assert client.settle(model_id)["training"]["status"] == "done"
    assert client.v0("DELETE", model_id).status_code == 200
    assert client.v0("GET", "list_models").json() == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"name": "m", "dataLocation": "https://bank.s3.us-east-1.amazonaws.com/a.csv"},
        {"name": "m", "dataLocation": "s3://bank/a.csv", "dataColumns": COLUMNS},
        {"name": "m", "dataLocation": location("a"), "dataColumns": [{"name": "a", "isFeature": True}]},
        {"name": "m", "dataLocation": location("a"), "dataColumns": ["age"]},
    ],
)
def test_a_wrong_registration_is_a_bad_request(client, body):
    assert client.v0("POST", "register_model", body).status_code == 400


def test_similar_files_raise_no_alarm_and_different_ones_do(client, s3, mailbox):
    client.control("PUT", "settings", {"alert_address": "team@bank.example"})
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    like = upload(s3, "predictions/like.csv", people(2))
    reply = client.v0("PUT", f"{model_id}/add_predictions", {"dataLocation": like})
    assert (reply.status_code, reply.content) == (200, b"")
    (dataset,) = client.settle(model_id)["datasets"]
    assert (dataset["status"], dataset["rows"]) == ("done", 2000)
    assert not any(drift["drifted"] for drift in dataset["drifts"])
    assert mailbox.messages() == []

    unlike = upload(s3, "predictions/unlike.csv", people(3, age=55, jobs=("pilot", "admin.")))
    client.v0("PUT", f"{model_id}/add_predictions", {"dataLocation": unlike})
    dataset = client.settle(model_id)["datasets"][1]
    assert {drift["column"] for drift in dataset["drifts"] if drift["drifted"]} == {"age", "job"}
    (mail,) = mailbox.messages()
    assert mail.recipient == "team@bank.example"
    assert "2 column(s)" in mail.subject
    assert "age: " in mail.body
    assert unlike in mail.body


def test_a_dataset_is_registered_only_once(client, s3):
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    body = {"dataLocation": upload(s3, "predictions/a.csv", people(2))}
    assert client.v0("PUT", f"{model_id}/add_predictions", body).status_code == 200
    again = client.v0("PUT", f"{model_id}/add_predictions", body)
    assert (again.status_code, again.json()) == (409, ["Dataset already registered with the model."])
    assert client.v0("PUT", f"{model_id}/add_ground_truths", body).status_code == 200
    datasets = client.settle(model_id)["datasets"]
    assert [dataset["kind"] for dataset in datasets] == ["predictions", "ground truths"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "cannot be read"),
        (b"", "lacks declared columns: age, job"),
        (b"id,age\n1,30\n", "lacks declared columns: job"),
        (b"id,age,job\n1,30,\xff\xfe\n", "not a UTF-8 CSV"),
    ],
)
def test_an_unreadable_file_fails_and_the_next_is_ingested(client, s3, content, error):
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    if content is not None:
        s3.put_object(Bucket=BUCKET, Key="bad.csv", Body=content)
    key = "bad.csv" if content is not None else "nowhere.csv"
    for where in (location(key), upload(s3, "good.csv", people(2))):
        client.v0("PUT", f"{model_id}/add_predictions", {"dataLocation": where})
    bad, good = client.settle(model_id)["datasets"]
    assert bad["status"] == "failed"
    assert error in bad["error"]
    assert good["status"] == "done"


def test_a_model_can_be_added_from_its_training_file_alone(client, s3, mailbox):
    columns = ("age", "job", "y")
    rows = [(age, job, random.Random(number).choice(("no", "yes"))) for number, age, job in people(1)]
    upload(s3, "training/früh 1.csv", rows, columns, delimiter=";")
    made = client.control(
        "PUT",
        "models/bank-marketing",
        {"bucket": BUCKET, "key": "training/früh 1.csv", "target": "y", "alert_address": "you@example.com"},
    )
    assert made.json() == {"id": "bank-marketing"}
    # Nobody is predicted to say yes: no drift of the inputs, so no alarm.
    scored = upload(s3, "predictions/a.csv", [(age, job, "no") for _, age, job in people(2)], columns)
    drifted = upload(
        s3, "predictions/b.csv", [(age, job, "no") for _, age, job in people(3, age=60)], columns
    )
    for where in (scored, drifted):
        client.v0("PUT", "bank-marketing/add_predictions", {"dataLocation": where})
    model = client.settle("bank-marketing")
    assert model["training"]["rows"] == 2000
    assert [
        [drift["column"] for drift in dataset["drifts"] if drift["drifted"]] for dataset in model["datasets"]
    ] == [[], ["age"]]
    (mail,) = mailbox.messages()
    assert mail.recipient == "you@example.com"


def test_keys_are_taken_from_the_encoded_location(client, s3):
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    upload(s3, "predictions/date=2026-11-23/a b+ü%20.csv", people(2))
    encoded = location("predictions/date%3D2026-11-23/a%20b%2B%C3%BC%2520.csv")
    client.v0("PUT", f"{model_id}/add_predictions", {"dataLocation": encoded})
    assert client.settle(model_id)["datasets"][0]["status"] == "done"


def test_the_application_and_the_local_domino_understand_each_other(client, s3):
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    key = "predictions/date=2026-11-23/sub/a b+ü-0123456789abcdef.csv"
    upload(s3, key, people(2))
    token = DominoToken(lambda: TOKEN)
    connection = DominoConnection(client.session, f"{client.root}/api/v0/models/", token, WIRE)
    where = data_location(BUCKET, "us-east-1", key)
    assert register_dataset(connection, model_id, "predictions", where) == "registered"
    assert register_dataset(connection, model_id, "predictions", where) == "already registered"
    (dataset,) = client.settle(model_id)["datasets"]
    assert (dataset["status"], dataset["rows"]) == ("done", 2000)
    with pytest.raises(DominoRefused, match="DmmModelId"):
        register_dataset(connection, "nobody", "predictions", where)
    another = replace(connection, token=DominoToken(lambda: "another"))
    with pytest.raises(DominoCredentialsRefused, match="DmmTokenSecretArn"):
        register_dataset(another, model_id, "predictions", where)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "s3://bank/a.csv",
        "http://bank.s3.us-east-1.amazonaws.com/a",
        "https://bank.s3.us-east-1.amazonaws.com/",
        "https://evil.example/a.csv",
        "https://bank.s3.us-east-1.amazonaws.com.evil.example/a.csv",
        "https://bank.s3.us-east-1.amazonaws.com/a?versionId=1",
        "https://s3.us-east-1.amazonaws.com/bank/",
        "https://s3.us-east-1.amazonaws.com/bank",
        "https://s3.amazonaws.com.evil.example/bank/a.csv",
    ],
)
def test_other_locations_are_refused(wrong):
    with pytest.raises(ValueError, match="dataLocation"):
        parse_location(wrong)


@pytest.mark.parametrize(
    "location",
    [
        "https://bank.s3.us-east-1.amazonaws.com/predictions/a%20b%2B%C3%BC.csv",
        "https://bank.s3-us-east-1.amazonaws.com/predictions/a%20b%2B%C3%BC.csv",
        "https://bank.s3.amazonaws.com/predictions/a%20b%2B%C3%BC.csv",
        "https://s3.us-east-1.amazonaws.com/bank/predictions/a%20b%2B%C3%BC.csv",
        "https://s3-us-east-1.amazonaws.com/bank/predictions/a%20b%2B%C3%BC.csv",
        "https://s3.amazonaws.com/bank/predictions/a%20b%2B%C3%BC.csv",
        "https://bank.s3.amazonaws.com/predictions/a b+ü.csv",
    ],
)
def test_every_form_of_an_objects_url_is_accepted(location):
    assert parse_location(location) == File("bank", "us-east-1", "predictions/a b+ü.csv")


def test_a_bucket_with_dots_and_a_region_of_its_own():
    assert parse_location("https://my.bank.s3.eu-central-1.amazonaws.com/a") == File(
        "my.bank", "eu-central-1", "a"
    )


def test_the_walkthroughs_own_loader_is_accepted(client, s3):
    """It sends the global URL and the token without a scheme, and ignores the answer."""
    model_id = register_model(client, upload(s3, "training.csv", people(1)))
    upload(s3, "pred/predictions.csv", people(2))
    reply = client.session.put(
        f"{client.root}/api/v0/models/{model_id}/add_predictions",
        headers={"Authorization": TOKEN, "Content-Type": "application/json"},
        data=json.dumps({"dataLocation": f"https://{BUCKET}.s3.amazonaws.com/pred/predictions.csv"}),
        timeout=10,
    )
    assert reply.status_code == 200
    (dataset,) = client.settle(model_id)["datasets"]
    assert (dataset["status"], dataset["rows"]) == ("done", 2000)


def test_a_model_is_registered_as_documented(client, s3):
    """The name stands in `modelMetadata`; the columns are those of the first dialect or of the later one."""
    where = upload(s3, "training.csv", people(1))
    metadata = {"name": "documented", "modelType": "classification", "version": "1"}
    variables = [
        {"name": "age", "valueType": "numerical", "variableType": "feature"},
        {"name": "job", "valueType": "categorical", "variableType": "feature"},
        {"name": "id", "valueType": "string", "variableType": "row_identifier"},
    ]
    for columns in ({"dataColumns": COLUMNS}, {"variables": variables}):
        body = {"modelMetadata": metadata, "dataLocation": where, **columns}
        reply = client.v0("POST", "register_model", body)
        assert reply.status_code == 200, reply.text
        assert client.settle(reply.json()["id"])["training"]["status"] == "done"
        client.v0("PUT", f"{reply.json()['id']}/add_predictions", {"dataLocation": where})
        (dataset,) = client.settle(reply.json()["id"])["datasets"]
        assert {drift["column"] for drift in dataset["drifts"]} == {"age", "job"}


def test_the_settings_are_checked(client):
    changed = client.control("PUT", "settings", {"test": "kullback-leibler", "threshold": 0.1}).json()
    assert changed == {
        "alert_address": None,
        "test": "kullback-leibler",
        "threshold": 0.1,
        "duplicate_status": 409,
        "header": "",
        "scheme": "",
        "refusal_status": 401,
    }
    for wrong in ({"test": "guess"}, {"refusal_status": 402}, {"token": "x"}, {"treshold": 0.1}):
        assert client.control("PUT", "settings", wrong).status_code == 400


def numbers(values):
    return Table(len(values), {"x": array("d", values)}, {})


def labels(**counts):
    return Table(sum(counts.values()), {}, {"x": Counter(counts)})


def compare(reference, current, test, threshold):
    return judge(reference, count_on(reference, current), test, threshold)


def test_divergences_have_their_textbook_values():
    reference = make_reference(labels(a=50, b=50))
    current = labels(a=80, b=20)
    (psi,) = compare(reference, current, "psi", 0.2)
    assert psi.divergence == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    (kullback_leibler,) = compare(reference, current, "kullback-leibler", 0.2)
    assert kullback_leibler.divergence == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4))
    assert psi.drifted
    assert not kullback_leibler.drifted


def test_bins_follow_freedman_and_diaconis_up_to_twenty():
    # 0 … 999: the interquartile range is 500, so the width is 2 · 500 / 10 = 100 and there are 10 bins.
    assert len(make_reference(numbers(range(1000))).edges["x"]) == 11
    assert len(make_reference(numbers(range(100_000))).edges["x"]) == 21
    assert len(make_reference(numbers([5.0] * 10)).edges["x"]) == 2


def test_values_outside_the_training_range_go_to_the_guard_bin():
    reference = make_reference(numbers(range(1000)))
    same, outside = numbers([*range(1000)]), numbers([-1e9, 1e9] * 500)
    assert compare(reference, same, "psi", 0.2)[0].divergence == 0
    assert compare(reference, outside, "psi", 0.2)[0].drifted


def test_new_categories_share_a_bin_and_empty_tables_do_not_drift():
    reference = make_reference(labels(a=100))
    one = compare(reference, labels(a=50, new=50), "psi", 0.2)[0].divergence
    many = compare(reference, labels(a=50, n1=25, n2=25), "psi", 0.2)[0].divergence
    assert one == pytest.approx(many) == pytest.approx(0.5 * math.log(0.5) * -1 + 0.4999 * math.log(5000))
    assert not compare(reference, labels(), "psi", 0.2)[0].drifted
    assert not compare(make_reference(numbers([])), numbers([1.0]), "psi", 0.2)[0].drifted
