"""Forgets a person in a bucket that the application filled, and runs the application on the result."""

import csv
import io
import json
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.domino.files import FilesByDay, list_new_files, read_datasets
from autowatch.monitoring.quality.fragments import list_fragments
from autowatch.monitoring.quality.job import Job, QualitySettings, take_in
from autowatch.monitoring.quality.labels import take_labels
from autowatch.monitoring.quality.rows import read_labelled_rows
from autowatch.monitoring.quality.verdict import QualityRules
from autowatch.monitoring.requests import OneDay
from autowatch.monitoring.settings import Clients
from autowatch.monitoring.watch import DriftClients, MonitoringSettings, watch
from autowatch.records.arrival import Arrival
from autowatch.records.smoke import SmokeTest, read_smoke_test, read_witness, write_smoke_test
from autowatch.scoring.inbox import score_arrivals
from autowatch.training.data.files import find_training_files
from autowatch_client import objects
from autowatch_client.command.app import main
from autowatch_client.errors import RefusedError
from autowatch_client.forgetting.erase import erase
from autowatch_client.forgetting.limits import not_searched
from autowatch_client.forgetting.search import Person, search
from autowatch_client.objects import Bucket as ClientBucket
from autowatch_client.objects import unheard
from tests.support.monitored_bucket import Bus, Topic, csv_profiler
from tests.support.scoring_bucket import (
    BUCKET,
    CONTRACT,
    TIME,
    create_bucket,
    drop,
    keys,
    read,
    release,
    settings,
)
from tests.support.stub_runtime import StubRuntime, probability_of

NOBODY = unheard
SECRET = "c-4711"
DAY = "2026-11-23"
INPUT = f"customer;age;job\r\nc-1;30;admin.\r\n{SECRET};31;Zanzibar pilot\r\nc-3;old;admin.\r\nc-4;33;retired"


def arrival_of(s3, key):
    """S3's event for the newest version of the object."""
    head = s3.head_object(Bucket=BUCKET, Key=key)
    version = ObjectVersion(key, head["VersionId"], head["ETag"].strip('"'), head["ContentLength"])
    return Arrival(version, TIME)


def score(s3, *arrivals):
    wide = settings(max_rejected_percent=60.0)
    return score_arrivals(Bucket(s3, BUCKET), StubRuntime(), arrivals, wide, lambda: 60.0, "i1")


def texts(s3):
    """The content of all versions of all objects."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    return {
        (item["Key"], item["VersionId"]): s3.get_object(
            Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"]
        )["Body"].read()
        for page in pages
        for item in page.get("Versions", ())
    }


def having(s3, text):
    return sorted({key for (key, _), body in texts(s3).items() if text.encode() in body})


def ids(s3):
    """The id of each customer in the predictions."""
    (key,) = [each for each in keys(s3, "predictions/") if each.endswith(".csv")]
    rows = csv.DictReader(io.StringIO(read(s3, key), newline=""))
    return {row["customer"]: row["id"] for row in rows}


@pytest.fixture
def s3():
    """A person's rows in every place that has them: two versions of the input, labels, a run's own copies."""
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1")
        create_bucket(s3)
        release(s3)
        bucket = Bucket(s3, BUCKET)
        bucket.write_json("models/r1/contract.json", replace(CONTRACT, id_column="customer"))
        training = f"customer,age,job,y\nc-9,50,admin.,no\n{SECRET},31,Zanzibar pilot,yes\n"
        s3.put_object(Bucket=BUCKET, Key="training/x.csv", Body=training.encode())
        s3.put_object(Bucket=BUCKET, Key="training/new.csv", Body=b"customer,age,job,y\nc-9,50,admin.,no\n")
        s3.put_object(Bucket=BUCKET, Key="reference/x.csv", Body=training.encode())
        for part in ("train", "holdout", "reference"):
            s3.put_object(
                Bucket=BUCKET, Key=f"models/r1/{part}.csv", Body=b"age,job,y\n31,Zanzibar pilot,yes\n"
            )
        chances = [probability_of(row) for row in (["50", "admin."], ["31", "Zanzibar pilot"])]
        write_smoke_test(bucket, "r1", SmokeTest("50,admin.\n31,Zanzibar pilot\n", ["yes", "yes"], chances))
        s3.put_object(Bucket=BUCKET, Key="inference/a.csv", Body=INPUT.encode() + b"\r\nc-5;40;admin.")
        s3.put_object(
            Bucket=BUCKET,
            Key="inference/a.csv",
            Body=INPUT.encode(),
            ContentType="text/csv",
            Metadata={"from": "crm"},
        )
        assert score(s3, arrival_of(s3, "inference/a.csv"))["scored"] == 1
        labels = f"id,label\n{ids(s3)['c-1']},no\n{ids(s3)[SECRET]},yes\nnonsense,yes\n"
        take_labels(bucket, drop(s3, labels, "labels/l.csv"))
        s3.put_object(Bucket=BUCKET, Key="transform/t1/input/part-00000.csv", Body=b"31,Zanzibar pilot\n")
        yield s3


def find(s3, **person):
    wanted = {"keys": frozenset(), "column": "customer", "ids": frozenset(), **person}
    return search(ClientBucket(s3, BUCKET), Person(**wanted), NOBODY)


def forget(s3, **person):
    traces = find(s3, **person)
    return traces, erase(ClientBucket(s3, BUCKET), traces, NOBODY, NOBODY)


def by_key():
    return {"keys": frozenset({SECRET})}


def test_names_may_hold_more_of_another_delimiter_than_the_predictions_have_columns(s3):
    named = INPUT.replace(";", ",").replace("job", 'job,"a;b;c;d;e;f;g;h;i;j;k;l"').replace("\r\n", ",x\r\n")
    named = f"{named},x".replace('",x', '"', 1)
    s3.put_object(Bucket=BUCKET, Key="inference/named.csv", Body=named.encode())
    assert score(s3, arrival_of(s3, "inference/named.csv"))["scored"] == 1
    assert any("named" in key for key in having(s3, SECRET) if key.startswith("predictions/"))
    forget(s3, **by_key())
    assert having(s3, SECRET) == having(s3, "Zanzibar") == []
    assert any("named" in key for key in having(s3, "c-4,33") if key.startswith("predictions/"))
    assert any("named" in key for key in having(s3, "c-3,old") if key.startswith("rejected/"))


def test_no_version_of_any_object_has_the_person_and_all_others_stay(s3):
    own = ids(s3)[SECRET]
    before = texts(s3)
    traces, left = forget(s3, **by_key())
    assert having(s3, SECRET) == having(s3, own) == having(s3, "Zanzibar") == left == []
    assert {each.key.split("/")[0] for each in traces.objects} == {
        "inference", "training", "reference", "labels", "monitoring", "models", "predictions", "transform",
    }  # fmt: skip
    assert read(s3, "inference/a.csv") == INPUT.replace(f"{SECRET};31;Zanzibar pilot\r\n", "")
    assert set(ids(s3)) == {"c-1", "c-4"}
    assert having(s3, "c-3;old") == ["inference/a.csv"]
    assert len(having(s3, "c-9,50")) == 3
    untouched = {
        key for key in before if key[0].startswith(("models/champion", "training/new", "monitoring/ids"))
    }
    assert untouched <= texts(s3).keys()


@pytest.mark.parametrize("largest", [10, 5_000_000_000], ids=["in parts", "at once"])
def test_the_properties_of_an_object_are_kept(s3, monkeypatch, largest):
    monkeypatch.setattr(objects, "_LARGEST_PUT", largest)
    key = boto3.client("kms", "us-east-1").create_key()["KeyMetadata"]["Arn"]
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "Tagging": "team=risk&of=2026"}
    body = f"customer,age\n{SECRET},1\nc-2,3\n".encode()
    s3.put_object(Bucket=BUCKET, Key="inference/k.csv", Body=body, CacheControl="no-store", **encrypted)
    forget(s3, **by_key())
    head = s3.head_object(Bucket=BUCKET, Key="inference/a.csv")
    assert (head["ContentType"], head["Metadata"]["from"]) == ("text/csv", "crm")
    head = s3.head_object(Bucket=BUCKET, Key="inference/k.csv")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["CacheControl"]) == (
        "aws:kms",
        key,
        "no-store",
    )
    tags = s3.get_object_tagging(Bucket=BUCKET, Key="inference/k.csv")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "risk", "of": "2026"}
    assert having(s3, SECRET) == []
    assert score(s3, arrival_of(s3, "inference/k.csv")) == {"scored": 0, "refused": 0}


def test_an_id_leads_to_only_its_row(s3):
    traces, _ = forget(s3, ids=frozenset({ids(s3)[SECRET]}))
    assert {each.key.split("/")[0] for each in traces.objects} == {
        "inference", "labels", "monitoring", "predictions", "transform",
    }  # fmt: skip
    # The file's other version was never scored, and an id names one row of one version.
    assert having(s3, SECRET) == ["inference/a.csv", "reference/x.csv", "training/x.csv"]
    assert SECRET not in read(s3, "inference/a.csv")


def test_a_rejected_row_is_found_by_its_line(s3):
    (rejected,) = [key for key in keys(s3, "rejected/date") if key.endswith(".csv")]
    (manifest,) = [key for key in keys(s3, "predictions/") if key.endswith(".manifest.json")]
    prefix = ids(s3)["c-1"].removesuffix("-1")
    forget(s3, ids=frozenset({f"{prefix}-3"}))
    assert read(s3, rejected).splitlines()[1:] == []
    document = json.loads(read(s3, manifest))
    assert document["rejected_version_id"] == s3.head_object(Bucket=BUCKET, Key=rejected)["VersionId"]
    assert having(s3, "c-3;old") == ["inference/a.csv"]  # its version that was never scored


def test_nothing_is_scored_or_taken_in_again(s3):
    (fragment,) = keys(s3, "monitoring/labels/")
    results = {key: read(s3, key) for key in (*keys(s3, "predictions/"), *keys(s3, "rejected/"))}
    original = arrival_of(s3, "inference/a.csv")
    forget(s3, **by_key())
    after = {key: read(s3, key) for key in (*keys(s3, "predictions/"), *keys(s3, "rejected/"))}
    assert results.keys() == after.keys()
    assert score(s3, arrival_of(s3, "inference/a.csv")) == {"scored": 0, "refused": 0}
    # Lambda may still retry the first event: its result exists, and keeps the version without the row.
    assert score(s3, original)["scored"] == 1
    assert {key: read(s3, key) for key in (*keys(s3, "predictions/"), *keys(s3, "rejected/"))} == after
    clients = Clients(Bucket(s3, BUCKET), sns=None, events=None)
    quality = QualitySettings("", "Test", "bank", "us-east-1", "own", QualityRules(1, 0.1, 0.5))
    assert take_in(Job(clients, quality, TIME, lambda: 900.0), [arrival_of(s3, "labels/l.csv")]).days == ()
    assert keys(s3, "monitoring/labels/") == [fragment]


def test_the_days_quality_is_measured_without_the_person(s3):
    forget(s3, **by_key())
    bucket = Bucket(s3, BUCKET)
    manifests = [key for key in keys(s3, "predictions/") if key.endswith(".manifest.json")]
    (run,) = read_labelled_rows(bucket, manifests, list_fragments(bucket, DAY))
    assert (run.rows_scored, len(run.labelled)) == (3, 1)
    assert json.loads(read(s3, manifests[0]))["forgotten"] == 1


def test_domino_gets_the_version_without_the_row(s3):
    forget(s3, **by_key())
    bucket, files = Bucket(s3, BUCKET), FilesByDay("predictions", "predictions/")
    (dataset,), failures = read_datasets(bucket, files, list_new_files(bucket, files, DAY))
    assert failures == []
    assert dataset.version_id == s3.head_object(Bucket=BUCKET, Key=dataset.key)["VersionId"]


def test_the_newest_training_file_stays_the_newest(s3):
    assert find_training_files(Bucket(s3, BUCKET), None).identity.key in (
        "training/new.csv",
        "training/x.csv",
    )
    s3.put_object(Bucket=BUCKET, Key="training/newest.csv", Body=b"customer,age,job,y\nc-9,50,admin.,no\n")
    forget(s3, **by_key())
    uploaded = s3.head_object(Bucket=BUCKET, Key="training/x.csv")["Metadata"]["autowatch-forgotten"]
    mark = {"autowatch-forgotten": uploaded.replace("20", "19", 1)}
    body = s3.get_object(Bucket=BUCKET, Key="training/x.csv")["Body"].read()
    s3.put_object(Bucket=BUCKET, Key="training/x.csv", Body=body, Metadata=mark)
    assert find_training_files(Bucket(s3, BUCKET), None).identity.key != "training/x.csv"


def test_the_smoke_test_keeps_the_rows_of_others(s3):
    forget(s3, **by_key())
    assert read_witness(Bucket(s3, BUCKET), "r1") == SmokeTest(
        "50,admin.\n", ["yes"], [probability_of(["50", "admin."])]
    )


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0c"])
def test_the_smoke_test_keeps_rows_whose_cells_hold_unicode_line_separators(s3, separator):
    other = f"50,admin.{separator}clerk\n"
    smoke = SmokeTest(f"{other}31,Zanzibar pilot\n", ["no", "yes"], ["0.1", "0.9"])
    write_smoke_test(Bucket(s3, BUCKET), "r1", smoke)
    forget(s3, **by_key())
    assert read_smoke_test(Bucket(s3, BUCKET), "r1") == SmokeTest(other, ["no"], ["0.1"])


def test_a_text_that_several_rows_have_stays_in_the_profile(s3):
    forget(s3, ids=frozenset({ids(s3)["c-1"]}))
    assert any(key.endswith(".profile.json") for key in having(s3, "Zanzibar"))


class Killed(BaseException):
    """Ends an attempt."""


def kill(*_):
    raise Killed


def attempt(s3, on_object):
    """Makes one attempt, which may be killed; returns whether anything was left to do."""
    traces = find(s3, **by_key())
    with suppress(Killed):
        erase(ClientBucket(s3, BUCKET), traces, NOBODY, on_object)
    return bool(traces.objects)


def check_forgotten(s3):
    assert having(s3, SECRET) == having(s3, "Zanzibar") == []
    assert set(ids(s3)) == {"c-1", "c-4"}
    assert score(s3, arrival_of(s3, "inference/a.csv")) == {"scored": 0, "refused": 0}


def test_attempts_that_are_killed_after_each_object_get_there(s3):
    attempts = 0
    while attempt(s3, kill):
        attempts += 1
    assert attempts > 5
    check_forgotten(s3)


def test_attempts_that_are_killed_before_versions_are_deleted_do_no_harm(s3, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(ClientBucket, "delete_versions", kill)
        for found in find(s3, **by_key()).objects:
            with suppress(Killed):
                erase(
                    ClientBucket(s3, BUCKET), replace(find(s3, **by_key()), objects=[found]), NOBODY, NOBODY
                )
    assert attempt(s3, NOBODY)
    check_forgotten(s3)


@pytest.mark.parametrize(
    ("name", "body"),
    [("inference/broken.csv", b'customer,age\n"c-4711,3\n'), ("inference/packed.csv", b"PK\x03\x04\0\0c-4711"),
     ("training/book.xlsx", b"PK"),
     ("inference/headless.csv", b"c-4711,30,admin.\nc-2,1,x\n")],
)  # fmt: skip
def test_unreadable_objects_are_named(s3, name, body):
    s3.put_object(Bucket=BUCKET, Key=name, Body=body)
    traces = find(s3, **by_key())
    assert list(traces.not_searched) == [name]
    (sentence,) = not_searched(traces)
    assert sentence.startswith(f"Not searched, look at it yourself: {name}, since ")


def test_a_file_that_is_not_utf8_loses_the_row_and_no_other_byte(s3):
    s3.put_object(
        Bucket=BUCKET,
        Key="inference/l.csv",
        Body=f"customer,name\n{SECRET},Käthe\nc-2,Jörg\n".encode("latin-1"),
    )
    forget(s3, **by_key())
    body = s3.get_object(Bucket=BUCKET, Key="inference/l.csv")["Body"].read()
    assert body == "customer,name\nc-2,Jörg\n".encode("latin-1")


def test_a_deleted_object_loses_its_versions(s3):
    s3.delete_object(Bucket=BUCKET, Key="training/x.csv")
    forget(s3, **by_key())
    assert having(s3, SECRET) == []
    assert "training/x.csv" not in keys(s3)


def test_an_object_changed_meanwhile_is_not_overwritten(s3):
    traces = find(s3, **by_key())
    s3.put_object(Bucket=BUCKET, Key="training/x.csv", Body=b"customer,age,job,y\nc-8,1,admin.,no\n")
    with pytest.raises(RefusedError, match=r"training/x\.csv was changed meanwhile"):
        erase(ClientBucket(s3, BUCKET), traces, NOBODY, NOBODY)
    assert "c-8" in read(s3, "training/x.csv")


def put_report(s3, *texts, folder=f"reports/date={DAY}"):
    unknown = [{"text": text, "rows": 1, "like": ""} for text in texts]
    document = {"date": DAY, "columns": [{"name": "job", "unknown": unknown}]}
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/drift.json", Body=json.dumps(document).encode())
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/index.html", Body=" ".join(texts).encode())


def test_a_day_whose_report_quotes_a_text_is_judged_again_and_its_old_pages_are_deleted(s3):
    put_report(s3, "Zanzibar pilot", "clown")
    erase(ClientBucket(s3, BUCKET), find(s3, **by_key()), lambda day: put_report(s3, "clown"), NOBODY)
    assert having(s3, "Zanzibar") == []
    assert having(s3, "clown") == [f"reports/date={DAY}/drift.json", f"reports/date={DAY}/index.html"]


def test_a_report_on_demand_that_quotes_a_text_is_removed_and_others_stay(s3):
    put_report(s3, "Zanzibar pilot", folder="reports/range=2026-11-01_2026-11-23")
    put_report(s3, "clown", folder="reports/file=b-0123456789abcdef")
    forget(s3, **by_key())
    assert having(s3, "Zanzibar") == []
    assert {key.split("/")[1] for key in keys(s3, "reports/")} == {"file=b-0123456789abcdef"}


def test_the_drift_detector_judges_the_day_without_the_text_of_the_person(s3):
    bucket = Bucket(s3, BUCKET)
    clients = DriftClients(bucket, Topic(), Bus(), csv_profiler(bucket))
    rules = MonitoringSettings(
        "predictions/", "arn:topic", "Autowatch", "bank", "us-east-1", "own", min_rows=1
    )

    def judge(day):
        watch(clients, rules, OneDay(date.fromisoformat(day)), TIME + timedelta(hours=11), lambda: 900.0)

    judge(DAY)
    reports = [f"reports/date={DAY}/drift.json", f"reports/date={DAY}/index.html"]
    assert set(reports) <= set(having(s3, "Zanzibar"))
    assert erase(ClientBucket(s3, BUCKET), find(s3, **by_key()), judge, NOBODY) == []
    assert having(s3, "Zanzibar") == []
    assert set(reports) <= set(keys(s3, "reports/"))
    assert json.loads(read(s3, reports[0]))["rows"] == 3


def test_a_report_that_cannot_be_judged_again_is_named(s3):
    put_report(s3, "Zanzibar pilot")

    def refuse(day):
        raise RefusedError(f"{day} has no baseline.")

    (sentence,) = erase(ClientBucket(s3, BUCKET), find(s3, **by_key()), refuse, NOBODY)
    assert sentence == f"reports/date={DAY}/ still quotes a text of this person: {DAY} has no baseline."


@pytest.fixture
def stack(s3, monkeypatch):
    """A stack with the bucket and a state machine for large files."""
    monkeypatch.setenv("AUTOWATCH_STACK", "bank")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    stepfunctions = boto3.client("stepfunctions", "us-east-1")
    machine = stepfunctions.create_state_machine(
        name="transform",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    template = {
        "Parameters": {"IdColumn": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            "DataBucketName": {"Value": BUCKET},
            "TrainStateMachineArn": {"Value": "arn:aws:states:us-east-1:123456789012:stateMachine:none"},
            "TransformStateMachineArn": {"Value": machine},
        },
    }
    boto3.client("cloudformation", "us-east-1").create_stack(
        StackName="bank",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "IdColumn", "ParameterValue": "customer"}],
    )
    return machine


def test_the_command_shows_counts_asks_and_writes_a_record_without_values(s3, stack, capsys, monkeypatch):
    before = texts(s3).keys()
    assert main(["forget", "--key", SECRET, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "inference/a.csv" in shown
    assert not any(word in shown for word in (SECRET, "Zanzibar"))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(["forget", "--key", SECRET]) == 4
    assert texts(s3).keys() == before
    capsys.readouterr()
    assert main(["forget", "--key", SECRET, "--yes", "--reason", "Article 17", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["done"]
    assert any("models of the runs r1" in sentence for sentence in document["not_reached"])
    begun, done = (json.loads(read(s3, key)) for key in keys(s3, "audit/"))
    assert (begun["what"], begun["by"], begun["reason"]) == (
        "forget", "arn:aws:sts::123456789012:user/moto", "Article 17",
    )  # fmt: skip
    assert {"key": "inference/a.csv", "action": "take out", "versions": 2, "rows": 1} in begun["objects"]
    assert done["what"] == "forgot"
    assert having(s3, SECRET) == having(s3, "Zanzibar") == []
    assert main(["forget", "--key", SECRET, "--yes"]) == 4
    assert "No rows of this person were found." in capsys.readouterr().out


def test_an_unsearchable_file_changes_the_exit_code(s3, stack, capsys):
    s3.put_object(Bucket=BUCKET, Key="inference/b.csv", Body=b'customer,age\n"c-4711,3\n')
    assert main(["forget", "--key", SECRET, "--yes"]) == 3
    assert "look at it yourself: inference/b.csv" in " ".join(capsys.readouterr().out.split())
    assert having(s3, SECRET) == ["inference/b.csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [([], 2, "Name the person's key"), (["--key", "x", "--column", "nome"], 4, "Check --column")],
)
def test_a_wrong_call_is_reported(s3, stack, capsys, arguments, code, sentence):
    assert main(["forget", *arguments]) == code
    assert sentence in capsys.readouterr().err


def test_nothing_is_done_while_a_large_file_is_scored(s3, stack, capsys):
    boto3.client("stepfunctions", "us-east-1").start_execution(stateMachineArn=stack)
    assert main(["forget", "--key", SECRET, "--yes"]) == 1
    assert "A large file is being scored" in capsys.readouterr().err
    assert having(s3, SECRET)
