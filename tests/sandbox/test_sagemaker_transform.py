"""Batch Transform as boto3 sees it, with a container that needs no training."""

import csv
import io
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.support.local_sagemaker import ACCOUNT, BUCKET, REGION, ROLE, running, until
from tests.support.stub_model import archive, container, label, probability

pytestmark = pytest.mark.sandbox

SLOW = {"STUB_SECONDS": "20"}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("transform")


@pytest.fixture(scope="module")
def server(state_dir):
    with running(state_dir) as server:
        url = server.put("stub/model.tar.gz", archive(features=2))
        server.sagemaker.create_model(
            ModelName="stub", PrimaryContainer=container(ACCOUNT, REGION, url), ExecutionRoleArn=ROLE
        )
        yield server


@pytest.fixture
def place():
    """The test's own prefix; the part after the slash is its job's name."""
    return f"transform/{uuid.uuid4().hex}"


def request_for(place, **changes):
    request = {
        "TransformJobName": place.rpartition("/")[2],
        "ModelName": "stub",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{place}/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/{place}/out/",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 1,
        "MaxConcurrentTransforms": 4,
    }
    return request | changes


def run(server, place, **changes):
    """The description of the ended job."""
    request = request_for(place, **changes)
    server.sagemaker.create_transform_job(**request)
    return wait(server, request["TransformJobName"])


def wait(server, name):
    def ended():
        job = server.sagemaker.describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return until(ended, 30)


def outputs(server, place):
    """The output objects by their key below the output path."""
    items = server.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{place}/out/").get("Contents", [])
    return {
        item["Key"].removeprefix(f"{place}/out/"): server.s3.get_object(Bucket=BUCKET, Key=item["Key"])[
            "Body"
        ]
        .read()
        .decode()
        for item in items
    }


def prediction(*fields):
    yes = probability(fields)
    no = f"{1 - float(yes):.6f}"
    return [label(fields), max(yes, no), f"[{no}, {yes}]", "['no', 'yes']"]


def rows_of(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_every_object_gets_its_output_in_the_inputs_order(server, place):
    """Several payloads of 1 MB, four at a time, on two workers; and a header is a record like any other."""
    tables = {
        f"{name}.csv": [["age", "job"], *([str(number), f"{name}{'x' * 60}"] for number in range(rows))]
        for name, rows in (("a", 40_000), ("deep/b", 3), ("deep/c", 5))
    }
    for key, rows in tables.items():
        server.put(f"{place}/in/{key}", "".join(f"{age},{job}\n" for age, job in rows))

    job = run(server, place, TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2})

    assert (job["TransformJobStatus"], "FailureReason" in job) == ("Completed", False)
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    found = outputs(server, place)
    assert {f"{key}.out" for key in tables} == set(found)
    for key, rows in tables.items():
        assert rows_of(found[f"{key}.out"]) == [prediction(*row) for row in rows]


def test_filters_and_join_put_the_models_fields_behind_the_records(server, place):
    server.put(f"{place}/in/a.csv", b'7,admin.,"x, y",41\r\n8,"say ""hi""",,42')
    job = run(
        server,
        place,
        BatchStrategy="SingleRecord",
        DataProcessing={"InputFilter": "$[3,1]", "JoinSource": "Input", "OutputFilter": "$[2,-1,0,4,5,6,7]"},
    )
    assert job["TransformJobStatus"] == "Completed"
    assert rows_of(outputs(server, place)["a.csv.out"]) == [
        ["x, y", "['no', 'yes']", "7", *prediction("41", "admin.")],
        ["", "['no', 'yes']", "8", *prediction("42", 'say "hi"')],
    ]


def test_join_without_filters_gives_input_then_output(server, place):
    server.put(f"{place}/in/part-1.csv", b"41,admin.\n")
    server.put(f"{place}/in/part-2.csv", b"42,\n")
    server.put(f"{place}/in/other.csv", b"not,a,record\n")
    source = request_for(place)["TransformInput"]
    source["DataSource"]["S3DataSource"]["S3Uri"] += "part-"
    run(server, place, TransformInput=source, DataProcessing={"JoinSource": "Input"})
    found = outputs(server, place)
    assert {key: rows_of(text) for key, text in found.items()} == {
        "part-1.csv.out": [["41", "admin.", *prediction("41", "admin.")]],
        "part-2.csv.out": [["42", "", *prediction("42", "")]],
    }


def test_the_jobs_environment_overrides_the_models(server, place):
    server.put(f"{place}/in/a.csv", b"41,admin.\n42,admin.\n")
    run(server, place, Environment={"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label"})
    text = "".join(f"{label((age, 'admin.'))}\n" for age in ("41", "42"))
    assert outputs(server, place) == {"a.csv.out": text}


def test_without_splitting_an_object_is_one_request(server, place):
    server.put(f"{place}/in/a.csv", b'41,"two\nlines"\n')
    request = request_for(place)
    del request["TransformInput"]["SplitType"], request["BatchStrategy"]
    server.sagemaker.create_transform_job(**request)
    assert wait(server, request["TransformJobName"])["TransformJobStatus"] == "Completed"
    assert rows_of(outputs(server, place)["a.csv.out"]) == [prediction("41", "two\nlines")]


@pytest.mark.parametrize(
    ("bad", "good", "changes", "party", "log"),
    [
        ("41\n", "41,a\n", {}, "ClientError", "Row 2 has 1 fields; the model takes 2."),
        (f"41,{'x' * 2**20}\n", "41,a\n", {}, "ClientError", "Too much data for max payload size"),
        ('4,"a\nb"\n', '4,"a b"\n', {"BatchStrategy": "SingleRecord"}, "ClientError", "ClientError: 400"),
        (
            '4,"a\nb"\n',
            '4,"a b"\n',
            {"DataProcessing": {"JoinSource": "Input"}},
            "AlgorithmError",
            "Fail to join",
        ),
        (
            "4,a\n",
            "4,b,a\n",
            {"DataProcessing": {"InputFilter": "$[0,2]"}},
            "ClientError",
            "no index 2 among 2",
        ),
        ("4,a\n", "", {"DataProcessing": {"OutputFilter": "$[4]"}}, "ClientError", "no index 4 among 4"),
        (
            '4,"a\n',
            "4,a\n",
            {"DataProcessing": {"InputFilter": "$[0:]"}},
            "ClientError",
            "a record of the input",
        ),
    ],
    ids=["width", "size", "break alone", "break joined", "input filter", "output filter", "quote"],
)
def test_a_bad_record_fails_its_object_and_the_job_and_no_other_object(
    server, state_dir, place, bad, good, changes, party, log
):
    server.put(f"{place}/in/bad.csv", good + bad)
    server.put(f"{place}/in/good.csv", good)

    job = run(server, place, **changes)

    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{party}: See job logs for more information"
    assert set(outputs(server, place)) == {"good.csv.out"}
    written = (state_dir / "logs" / "transform" / f"{job['TransformJobName']}.log").read_text()
    assert f"[sagemaker logs]: {BUCKET}/{place}/in/bad.csv: " in written
    assert log in written


def test_an_empty_prefix_fails_the_job(server, place):
    job = run(server, place)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f'ClientError: No S3 objects found under S3 URL "s3://{BUCKET}/{place}'
    )


def test_a_container_that_answers_too_late_fails_the_object(server, place):
    server.put(f"{place}/in/a.csv", b"41,admin.\n")
    job = run(
        server,
        place,
        Environment=SLOW,
        ModelClientConfig={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0},
    )
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert outputs(server, place) == {}


def test_a_stopped_job_stores_nothing(server, place):
    server.put(f"{place}/in/a.csv", b"41,admin.\n")
    request = request_for(place, Environment=SLOW)
    name = request["TransformJobName"]
    server.sagemaker.create_transform_job(**request)
    assert (
        server.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "InProgress"
    )

    server.sagemaker.stop_transform_job(TransformJobName=name)

    status = server.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"]
    assert status in ("Stopping", "Stopped")
    job = wait(server, name)
    assert (job["TransformJobStatus"], "FailureReason" in job) == ("Stopped", False)
    assert outputs(server, place) == {}
    with pytest.raises(ClientError, match="the transform job is in status Stopped"):
        server.sagemaker.stop_transform_job(TransformJobName=name)


def test_jobs_are_listed_and_found_by_name(server, place):
    server.put(f"{place}/in/a.csv", b"41,admin.\n")
    tags = [{"Key": "team", "Value": "marketing"}]
    job = run(server, place, TransformJobName="listed", Tags=tags)
    (summary,) = server.sagemaker.list_transform_jobs(NameContains="list", StatusEquals="Completed")[
        "TransformJobSummaries"
    ]
    assert (summary["TransformJobName"], summary["TransformJobArn"]) == ("listed", job["TransformJobArn"])
    assert server.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == tags
    with pytest.raises(server.sagemaker.exceptions.ResourceInUse, match="already exists"):
        server.sagemaker.create_transform_job(**request_for(place, TransformJobName="listed"))
    with pytest.raises(server.sagemaker.exceptions.ResourceNotFound, match="never"):
        server.sagemaker.describe_transform_job(TransformJobName="never")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ModelName": "absent"}, 'Could not find model "arn:aws:sagemaker:.*model/absent"'),
        ({"MaxPayloadInMB": 101, "MaxConcurrentTransforms": 0}, "cannot be greater than 100 MB"),
        ({"MaxPayloadInMB": 26, "MaxConcurrentTransforms": 4}, "cannot exceed 100 MB"),
        ({"MaxPayloadInMB": 0}, "chunked encoding. is not offered"),
        ({"TransformJobName": "x" * 64}, "transformJobName"),
        ({"BatchStrategy": "Some"}, "enum value set"),
        ({"DataProcessing": {"InputFilter": "$.age"}}, "InputFilter '\\$.age' is not valid for text/csv"),
        ({"DataProcessing": {"InputFilter": "$[1:3]"}}, "is not valid for text/csv in the sandbox"),
        ({"DataProcessing": {"InputFilter": "$[0,5:]"}}, "is not valid for text/csv in the sandbox"),
        ({"DataProcessing": {"OutputFilter": "$[" + ",".join(["10"] * 21) + "]"}}, "outputFilter"),
        ({"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 101}}, "InstanceCount"),
        ({"TransformResources": {"InstanceType": "ml.huge", "InstanceCount": 1}}, "instanceType"),
    ],
)
def test_a_wrong_request_is_refused(server, changes, message):
    with pytest.raises(ClientError, match=message) as raised:
        server.sagemaker.create_transform_job(**request_for("transform/refused", **changes))
    assert raised.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("TransformInput", {"SplitType": "None"}, "BatchStrategy requires a SplitType"),
        ("TransformInput", {"SplitType": "RecordIO"}, "SplitType RecordIO is not offered"),
        ("TransformInput", {"CompressionType": "Gzip"}, "CompressionType Gzip is not offered"),
        ("TransformInput", {"ContentType": "application/json"}, "the same format of input and output"),
        ("TransformOutput", {"AssembleWith": "None"}, "needs SplitType Line and AssembleWith Line"),
    ],
)
def test_an_unfit_member_of_the_request_is_refused(server, part, changes, message):
    request = request_for("transform/refused", DataProcessing={"JoinSource": "Input"})
    with pytest.raises(ClientError, match=message):
        server.sagemaker.create_transform_job(**request | {part: request[part] | changes})
