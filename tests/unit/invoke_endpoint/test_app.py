import json
import logging
from pathlib import Path
from urllib.parse import quote_plus

import boto3
import pytest
from moto import mock_aws

from autowatch.endpoint import EndpointUnavailable
from autowatch.inbox import FilesNotScored
from invoke_endpoint import app
from tests.unit.scoring_bucket import (
    BUCKET,
    create_bucket,
    drop,
    keys,
    read_document,
    read_rows,
    release,
    results,
)
from tests.unit.stub_runtime import StubRuntime, client_error, model_error, probability_of

SAMPLE = json.loads((Path(__file__).parents[3] / "events" / "invoke_endpoint.json").read_text())


class Context:
    """Lambda's, as far as it is used."""

    def get_remaining_time_in_millis(self):
        return 60_000


@pytest.fixture(scope="module")
def client():
    return boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def s3(client):
    with mock_aws():
        create_bucket(client)
        release(client)
        yield client


@pytest.fixture
def runtime(client, monkeypatch):
    environment = {
        "S3_BUCKET": BUCKET,
        "ENDPOINT_NAME": "bank",
        "PREDICTIONS_PREFIX": "predictions/",
        "MAX_REJECTED_PERCENT": "40",
        "MAX_BATCH_BYTES": "4000000",
        "CONCURRENCY": "4",
        "METRICS_NAMESPACE": "Autowatch",
        "STACK_NAME": "bank",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    runtime = StubRuntime()
    monkeypatch.setattr(app, "_s3", lambda: client)
    monkeypatch.setattr(app, "_runtime", lambda concurrency: runtime)
    return runtime


def record(arrival, **changes):
    written = {
        "key": quote_plus(arrival.file.key, safe="/"),
        "size": arrival.file.size,
        "eTag": arrival.file.etag,
        "versionId": arrival.file.version_id,
    }
    return {"eventTime": "2026-11-23T09:00:00.123Z", "s3": {"object": written | changes}}


def handle(*arrivals):
    return app.lambda_handler({"Records": [record(arrival) for arrival in arrivals]}, Context())


BIG = "age,job\n" + "".join(f"{number % 99},job{number}\n" for number in range(5000))

SCORED = {
    "plain": ("age,job\n1,x\n2,y\n", [["1", "x"], ["2", "y"]]),
    "one row": ("age,job\n1,x\n", [["1", "x"]]),
    "no final newline": ("age,job\n1,x", [["1", "x"]]),
    "CRLF": ("age,job\r\n1,x\r\n", [["1", "x"]]),
    "mixed line ends": ("age,job\r\n1,x\n2,y\r\n", [["1", "x"], ["2", "y"]]),
    "blank lines": ("\nage,job\n\n1,x\n\n\n2,y\n\n", [["1", "x"], ["2", "y"]]),
    "BOM": ("\ufeffage,job\n1,x\n", [["1", "x"]]),
    "semicolons": ("age;job\n1;x,y\n", [["1", "x,y"]]),
    "quoted header": ('"age";"job"\n1;"x"\n', [["1", "x"]]),
    "quoted delimiter": ('age,job\n1,"x,y"\n', [["1", "x,y"]]),
    "line break in a field": ('age,job\n1,"x\ny\r\nz"\n', [["1", "x\ny\r\nz"]]),
    "doubled quotes": ('age,job\n1,"say ""x"""\n', [["1", 'say "x"']]),
    "quote inside a bare field": ('age,job\n1,5" disk\n', [["1", '5" disk']]),
    "apostrophes and brackets": ("age,job\n1,[it's]\n", [["1", "[it's]"]]),
    "columns the other way round": ("job,age\nx,1\n", [["1", "x"]]),
    "missing values": ("age,job\n,\nNA,NA\n", [["", ""], ["NA", "NA"]]),
    "zeros stay": ("age,job\n007,1.10\n", [["007", "1.10"]]),
    "spaces stay": ("age,job\n 1, x \n", [[" 1", " x "]]),
    "not Latin": ("age,job\n1,Ελλάδα 日本 😀\n", [["1", "Ελλάδα 日本 😀"]]),
    "Unicode line ends": ("age,job\n1,\u2028\x85\x0c\n", [["1", "\u2028\x85\x0c"]]),
    "control characters": ("age,job\n1,\x00\x01\x1f\n", [["1", "\x00\x01\x1f"]]),
    "formulas": ("age,job\n1,=cmd|'/c calc'!A1\n", [["1", "=cmd|'/c calc'!A1"]]),
    "huge field": ("age,job\n1," + "x" * 1_000_000 + "\n", [["1", "x" * 1_000_000]]),
    "many columns": (
        "age,job," + ",".join(f"c{n}" for n in range(2000)) + "\n1,x" + ",z" * 2000 + "\n",
        [["1", "x"]],
    ),
    "many rows": (BIG, [line.split(",") for line in BIG.splitlines()[1:]]),
    "one bad row of three": ("age,job\n1,x\n2\n3,y\n", [["1", "x"], ["3", "y"]]),
    "one bad number of three": ("age,job\n1,x\nold,x\n3,y\n", [["1", "x"], ["3", "y"]]),
}


@pytest.mark.parametrize("name", SCORED)
def test_awkward_files_that_are_scored(s3, runtime, name):
    content, sent = SCORED[name]
    assert handle(drop(s3, content)) == {"scored": 1, "refused": 0}
    [manifest_key] = [key for key in keys(s3, "predictions/") if key.endswith(".manifest.json")]
    manifest = read_document(s3, manifest_key)
    assert sorted(row for _, rows, _ in runtime.requests for row in rows) == sorted(sent)
    header, rows = read_rows(s3, manifest["predictions_key"])
    picked = [[row[header.index(column)] for column in ("age", "job", "y_probability")] for row in rows]
    assert picked == [[*row, probability_of(row)] for row in sent]
    assert manifest["rows"]["in"] == manifest["rows"]["scored"] + manifest["rows"]["rejected"]
    assert manifest["rows"]["scored"] == len(sent)


REFUSED = {
    "no bytes": (b"", "EmptyFile"),
    "BOM only": (b"\xef\xbb\xbf", "EmptyFile"),
    "blank lines only": (b"\r\n\r\n", "EmptyFile"),
    "header only": (b"age,job\n", "NoRows"),
    "no header": (b"1,2\n3,4\n", "NoHeader"),
    "no header, texts": (b"41,admin.\n42,retired\n", "MissingColumns"),
    "index column without a name": (b",age,job\n0,1,x\n", "NoHeader"),
    "two columns of one name": (b"age,job,age\n1,x,2\n", "DuplicateColumns"),
    "a column is missing": (b"age,jobs\n1,x\n", "MissingColumns"),
    "names in capitals": (b"AGE,JOB\n1,x\n", "MissingColumns"),
    "tabs": (b"age\tjob\n1\tx\n", "MissingColumns"),
    "reserved column": (b"age,job,id\n1,x,7\n", "ReservedColumns"),
    "Latin-1": (b"age,job\n1,\xfcber\n", "NotUtf8"),
    "UTF-16": ("age,job\n1,x\n".encode("utf-16"), "NotUtf8"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00", "NotUtf8"),
    "not UTF-8 after many rows": (b"age,job\n" + b"1,x\n" * 5000 + b"\xff\n", "NotUtf8"),
    "open quote": (b'age,job\n1,x\n2,"y\n3,z\n', "MalformedCsv"),
    "text after a quote": (b'age,job\n1,"x"y\n', "MalformedCsv"),
    "CR line ends": (b"age,job\r1,x\r2,y\r", "MalformedCsv"),
    "too many bad rows": (b"age,job\nold,x\nolder,y\n1,x\n", "TooManyRejected"),
    "HTML": (b"<html>\n<body>Not found</body>\n</html>\n", "MissingColumns"),
    "JSON": (b'{"age": 1, "job": "x"}\n', "MissingColumns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_awkward_files_that_are_refused(s3, runtime, name, caplog, capsys):
    content, error = REFUSED[name]
    arrival = drop(s3, content)
    assert handle(arrival) == {"scored": 0, "refused": 1}
    [key] = results(s3)
    assert key.startswith("rejected/date=2026-11-23/a-")
    assert key.endswith(".error.json")
    document = read_document(s3, key)
    assert document["input"] == arrival.file.to_json()
    assert document["error"] == error
    [warning] = [item for item in caplog.records if item.levelno == logging.WARNING]
    assert (warning.key, warning.reason) == ("inference/a.csv", document["reason"])
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["FilesRefused"] == 1
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Autowatch"


def test_before_any_model_is_released(s3, runtime):
    s3.delete_object(Bucket=BUCKET, Key="models/champion.json")
    assert handle(drop(s3, "age,job\n1,x\n")) == {"scored": 0, "refused": 1}
    assert read_document(s3, results(s3)[0])["error"] == "NoChampion"
    assert runtime.requests == []


@pytest.mark.parametrize(
    "name", ["a b", "a+b", "ü", "a%2Bb", "a&b=c", "日本", "sub dir/a", "a'b\"c", "=", "a.csv"]
)
def test_any_key(s3, runtime, name):
    assert handle(drop(s3, "age,job\n1,x\n", f"inference/{name}.csv")) == {"scored": 1, "refused": 0}
    assert all(key.startswith(f"predictions/date=2026-11-23/{name}-") for key in results(s3))
    assert len(results(s3)) == 3


def test_the_sample_event_is_read(s3, runtime):
    assert app.lambda_handler(SAMPLE, Context()) == {"scored": 0, "refused": 1}
    [key] = results(s3)
    assert key.startswith("rejected/date=2026-11-23/bank customers-")
    assert read_document(s3, key)["error"] == "InputGone"


def test_what_announces_no_file(s3, runtime):
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    assert app.lambda_handler(test_event, Context()) == {"scored": 0, "refused": 0}
    assert handle(drop(s3, b"", "inference/folder/")) == {"scored": 0, "refused": 0}
    assert results(s3) == []


def test_a_record_without_version(s3, runtime):
    written = record(drop(s3, "age,job\n1,x\n"))
    del written["s3"]["object"]["versionId"]
    assert app.lambda_handler({"Records": [written]}, Context()) == {"scored": 1, "refused": 0}


def test_many_records_and_duplicates(s3, runtime):
    arrivals = [drop(s3, f"age,job\n{number},x\n", f"inference/{number}.csv") for number in range(5)]
    assert handle(*arrivals, *arrivals[::-1], drop(s3, "")) == {"scored": 10, "refused": 1}
    assert len(keys(s3, "predictions/")) == 15
    assert len(runtime.requests) == 5


def test_one_failure_does_not_stop_the_others(s3, runtime):
    def before(rows):
        if rows[0][0] == "13":
            raise client_error("AccessDeniedException", 403, "not allowed")

    runtime.before = before
    arrivals = [drop(s3, f"age,job\n{age},x\n", f"inference/{age}.csv") for age in (13, 1, 2)]
    with pytest.raises(Exception, match="AccessDenied"):
        handle(*arrivals)
    assert len(keys(s3, "predictions/")) == 6


def test_several_failures_are_one(s3, runtime):
    def before(rows):
        raise client_error("AccessDeniedException", 403, "not allowed")

    runtime.before = before
    arrivals = [drop(s3, f"age,job\n{age},x\n", f"inference/{age}.csv") for age in (1, 2)]
    with pytest.raises(FilesNotScored, match="2 of 2"):
        handle(*arrivals)


def test_an_endpoint_in_trouble_fails_the_invocation(s3, runtime, monkeypatch):
    def before(rows):
        raise client_error("ServiceUnavailable", 503)

    runtime.before = before
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda self: 3_100)
    with pytest.raises(EndpointUnavailable):
        handle(drop(s3, "age,job\n1,x\n"))
    assert results(s3) == []


def test_no_value_of_a_row_is_logged(s3, runtime, caplog, capsys):
    def before(rows):
        if any("Smith" in row[1] for row in rows):
            raise model_error(400, "cannot read Smith")

    runtime.before = before
    caplog.set_level(logging.DEBUG, logger="autowatch")
    good = "age,job\n41,Miller\n42,Smith\n43,Miller\n"
    bad = "age,job\nSmith,Smith\n"
    broken = 'age,job\n1,"Smith"Smith\n'
    assert handle(*(drop(s3, text, f"inference/{n}.csv") for n, text in enumerate([good, bad, broken]))) == {
        "scored": 1,
        "refused": 2,
    }
    logged = "".join(f"{item.getMessage()} {vars(item)}" for item in caplog.records) + capsys.readouterr().out
    assert "rows_scored" in logged
    assert "Smith" not in logged
    assert "Miller" not in logged


def test_clients_are_made_once_and_wait_for_a_bounded_time(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    app._s3.cache_clear()
    app._runtime.cache_clear()
    assert app._s3() is app._s3()
    assert app._runtime(3) is app._runtime(3)
    assert app._runtime(3).meta.config.max_pool_connections == 3
    for client in (app._s3(), app._runtime(3)):
        assert client.meta.config.connect_timeout == 5
        assert client.meta.config.read_timeout <= 65
