"""A daily run on the second wire, from the bucket to Domino and back."""

import json
from datetime import UTC, datetime
from functools import partial

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.domino.connection import open_session
from autowatch.domino.loader import LoaderSettings, load_new_files
from autowatch.domino.registration import RegistrationFailed
from autowatch.domino.settings import DominoSettings
from autowatch.records.champion import Champion, write_champion
from autowatch.records.keys import DOMINO_CHECKS_KEY
from tests.support.domino_stack import BUCKET, DATASOURCE, EARLIER_RUN, RUN, STACK, make_stack
from tests.support.scripted_domino import Answer, FakeDomino

PARAMETER = "/autowatch/autowatch/domino-model-id"
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)


@pytest.fixture
def stack():
    server = FakeDomino()
    with mock_aws(), open_session(8) as session:
        stack = make_stack(session, server)
        champion = Champion(RUN, STACK, "config", "model", "contract", "baseline", "2026-11-23T07:29:11Z", {})
        write_champion(Bucket(stack.s3, BUCKET), champion, None)
        yield stack
    server.close()


@pytest.fixture
def load(stack):
    ssm = boto3.client("ssm", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    ssm.put_parameter(Name=PARAMETER, Value="none", Type="String")
    stack.ssm = ssm
    return partial(
        load_new_files,
        Bucket(stack.s3, BUCKET),
        ssm,
        DominoSettings("v2", stack.server.v2_url, "arn", datasource=DATASOURCE),
        stack.registry.connection,
        LoaderSettings("us-east-1", "predictions/", PARAMETER, "Autowatch", STACK),
        NOW,
    )


def commit(s3, name, run=RUN):
    key = f"predictions/date=2026-11-23/{name}.csv"
    manifest = {"predictions_key": key, "finished": "2026-11-23T09:00:00Z", "run": run}
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    Bucket(s3, BUCKET).write_json(f"predictions/date=2026-11-23/{name}.manifest.json", manifest)


def receipts(stack):
    answer = stack.s3.list_objects_v2(Bucket=BUCKET, Prefix="monitoring/domino/predictions/")
    return [item["Key"] for item in answer["Contents"]]


def parameter(stack):
    return stack.ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"]


def test_an_unregistered_model_is_registered_before_its_first_file(stack, load):
    """The registration at the release may have failed."""
    for number in range(30):
        commit(stack.s3, f"{number:02}")
    summary = load()
    assert (summary["registered"], summary["waiting"], summary["checks"]) == (30, 0, "read")
    (model,) = stack.domino.models
    assert parameter(stack) == model["id"]
    assert len(stack.domino.datasets[model["id"]]) == 30
    checks = json.loads(stack.s3.get_object(Bucket=BUCKET, Key=DOMINO_CHECKS_KEY)["Body"].read())
    assert (checks["run"], checks["model_id"]) == (RUN, model["id"])
    assert load()["registered"] == 0
    assert len(stack.domino.datasets[model["id"]]) == 30


def test_without_files_there_is_nothing_to_do_or_read(stack, load):
    assert load() == {
        "registered": 0,
        "already_registered": 0,
        "failed": 0,
        "waiting": 0,
        "days_not_reached": 0,
        "checks": "nothing to read",
    }
    assert stack.server.requests == []
    assert parameter(stack) == "none"


def test_a_failed_read_of_checks_is_reported_and_fails_nothing(stack, load, caplog):
    commit(stack.s3, "a")
    load()
    answered = stack.server.respond
    stack.server.respond = lambda item: Answer(500) if item.method == "GET" else answered(item)
    commit(stack.s3, "b")
    summary = load()
    assert (summary["registered"], summary["checks"]) == (1, "failed")
    assert "Domino's checks could not be read" in caplog.text


def test_failed_files_do_not_prevent_reading_the_checks(stack, load, capsys):
    commit(stack.s3, "a")
    commit(stack.s3, "b")
    answered = stack.server.respond
    stack.server.respond = lambda item: Answer(400, b'"no"') if b"b.csv" in item.body else answered(item)
    with pytest.raises(RegistrationFailed, match=r"^1 file.*b\.csv.*1 file\(s\) wait"):
        load()
    stack.s3.head_object(Bucket=BUCKET, Key=DOMINO_CHECKS_KEY)
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["DominoRegistered"], metrics["DominoWaiting"], metrics["DominoDaysNotReached"]) == (
        1,
        1,
        0,
    )


def test_a_run_with_malformed_records_stops_no_other(stack, load):
    """Either of them; the files of the other run are registered all the same."""
    for broken in (f"models/{EARLIER_RUN}/contract.json", f"monitoring/domino/models/{EARLIER_RUN}.json"):
        stack.s3.put_object(Bucket=BUCKET, Key=broken, Body=b'{"run": ')
        commit(stack.s3, f"0 {len(broken)}", EARLIER_RUN)
        commit(stack.s3, f"1 {len(broken)}")
        with pytest.raises(RegistrationFailed, match=f"{broken} .*(Restore|Delete)"):
            load()
        assert [item for item in receipts(stack) if f"/1 {len(broken)}" in item]


def test_a_champion_with_a_malformed_record_is_not_a_failure(stack, load):
    stack.s3.put_object(Bucket=BUCKET, Key=f"monitoring/domino/models/{RUN}.json", Body=b"")
    assert load()["checks"] == "failed"


def test_a_missing_parameter_fails_nothing(stack, load, caplog):
    """The parameter was deleted, or SSM fails: nothing depends on it."""
    stack.ssm.delete_parameter(Name=PARAMETER)
    commit(stack.s3, "a")
    summary = load()
    assert (summary["registered"], summary["checks"]) == (1, "read")
    assert "ParameterNotFound" in caplog.text
    assert PARAMETER in caplog.text


def test_refused_credentials_stop_after_a_few_files(stack, load):
    for number in range(100):
        commit(stack.s3, f"{number:02}")
    stack.server.respond = lambda _: Answer(403)
    with pytest.raises(RegistrationFailed, match="100 file"):
        load()
    assert len(stack.server.requests) <= 8
