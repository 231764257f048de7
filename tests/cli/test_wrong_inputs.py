"""Wrong inputs: each gets one helpful sentence before anything is uploaded or started."""

import json
import signal
import threading
from contextlib import nullcontext

import boto3
import pytest
from moto import mock_aws

from autowatch_client.checks import check_training
from autowatch_client.command.app import main
from autowatch_client.command.terminal import Terminal
from autowatch_client.errors import FileUnfitError
from autowatch_client.stack import connect

BUCKET = "bank-123456789012-us-east-1"
RUN, OLD = "20261123-070000-cccc", "20261121-070000-aaaa"
CONTRACT = {
    "run": RUN,
    "target": "y",
    "labels": ["no", "yes"],
    "features": [{"name": "age", "type": "numeric"}, {"name": "job", "type": "categorical"}],
}
PARAMETERS = {
    "TargetColumn": "y",
    "PositiveLabel": "yes",
    "DropColumns": "",
    "HoldoutPercent": "20",
}
GOOD = "age,job,duration,y\n" + "".join(f"{i},a,1,{'yes' if i % 3 else 'no'}\n" for i in range(900))


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A stack in moto with a model in force and an older one that was rejected, and a folder with files."""
    monkeypatch.setenv("S3_BUCKET", BUCKET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)

        def put(key, document):
            s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())

        put("models/champion.json", {"run": RUN, "contract_key": f"models/{RUN}/contract.json"})
        put(f"models/{RUN}/contract.json", CONTRACT)
        put(f"models/{RUN}/run.json", {"run": RUN, "status": "released", "execution": "e"})
        put(f"models/{OLD}/run.json", {"run": OLD, "status": "rejected", "execution": "e"})
        put("training/calls.csv", {})
        template = {
            "Parameters": {name: {"Type": "String"} for name in PARAMETERS},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {
                "DataBucketName": {"Value": BUCKET},
                "TrainStateMachineArn": {"Value": "arn:aws:states:us-east-1:123456789012:stateMachine:none"},
            },
        }
        boto3.client("cloudformation").create_stack(
            StackName="bank",
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()
            ],
        )
        yield s3


def keys(s3):
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


WRONG = {
    "mistyped command": ("scor a.csv", "", "No such command 'scor'. Did you mean 'score'"),
    "mistyped option": ("runs --limt 3", "", "No such option: --limt"),
    "mistyped stack": ("runs --stack bnak", "", "There is no stack bnak in us-east-1. Did you mean bank?"),
    "limit that is no number": ("runs --limit abc", "", "unable to parse string as an integer"),
    "file that is not there": ("score a.csv", None, "There is no file a.csv."),
    "folder": ("score .", None, ". is a folder. Name the files in it: ./*.csv."),
    "empty file": ("score a.csv", "", "a.csv is empty. It needs a header and at least one row."),
    "header alone": ("score a.csv", "age,job\n", "a.csv has a header and no rows."),
    "not UTF-8": ("score a.csv", b"age,job\n1,\xe4\n", "a.csv is not UTF-8. Convert it: iconv"),
    "column twice": ("score a.csv", "age,age,job\n1,1,a\n", "has the column 'age' more than once"),
    "column without a name": ("score a.csv", "age,,job\n1,1,a\n", "column 2 has no name"),
    "mistyped column": ("score a.csv", "Age,job\n1,a\n", "lacks the column age, which the model in force"),
    "reserved column": ("score a.csv", "age,job,y_actual\n1,a,7\n", "y_actual, a name that predictions files add"),
    "no target": ("train a.csv", "age,job\n1,a\n", "has no column 'y' to predict (TargetColumn)."),
    "target in another case": ("train a.csv", "age,job,Y\n1,a,no\n", "(TargetColumn). Did you mean Y?"),
    "rare classes": (
        "train a.csv",
        "age,y\n1,a\n2,b\n3,c\n",
        "has 3 different values, and 3 of them stand in fewer than 20 rows, as slips do.",
    ),
    "too many classes": (
        "train a.csv",
        "age,y\n" + "".join(f"{i},name {chr(97 + i % 26)}{chr(97 + i // 26)}\n" for i in range(101)),
        "has 101 different values, and at most 100 labels can be told apart.",
    ),
    "few numbers": (
        "train a.csv",
        "age,y\n" + "".join(f"{i},{i % 5}\n" for i in range(99)),
        "has 5 different numbers. They may be the names of classes, or amounts: set ProblemType",
    ),
    "too few numbers": (
        "train a.csv",
        "age,y\n" + "".join(f"{i},{i / 7}\n" for i in range(99)),
        "has 99 labelled rows. At least 500 are needed",
    ),
    "one class": ("train a.csv", "age,y\n1,no\n2,no\n", "holds one value alone. Two labels are needed."),
    "positive label in another case": (
        "train a.csv",
        GOOD.replace("yes", "Yes"),
        "no row has the positive label 'yes' (PositiveLabel). Did you mean Yes?",
    ),
    "too few rows": ("train a.csv", "age,y\n1,no\n2,yes\n", "has 2 labelled rows. At least 500 are needed"),
    "ragged row": ("train a.csv", "age,y\n1,no,3\n", "a.csv, line 2: 3 fields where the header has 2."),
    "mistyped key": ("train training/cals.csv", None, "Did you mean training/calls.csv?"),
    "mistyped file": ("train cals.csv", None, "Did you mean training/calls.csv?"),
    "labels without a key": ("labels a.csv", "customer,y\n1,yes\n", "has no column 'id' to join by."),
    "labels in other words": ("labels a.csv", "id,label\n1,1\n", "1 different values of label is no or yes."),
    "labels without labels": ("labels a.csv", "id,outcome\n1,yes\n", "no column with labels. Call it y_actual"),
    "labels of nobody": ("labels a.csv", "id,label\n0-1,yes\n", "belongs to a prediction of this stack."),
    "key that was never scored": ("labels a.csv --key customer", "customer,label\n1,yes\n", "was scored from"),
    "half a range": ("judge --from 2026-11-01", None, "needs both --from and --to."),
    "day and range": ("judge --date 2026-11-01 --from 2026-11-01 --to 2026-11-02", None, "one of them at a time"),
    "no date": ("judge --date 1.11.2026", None, "does not match the format"),
    "mistyped run": (f"show {RUN[:-1]}x", None, f"Did you mean {RUN}?"),
    "rollback to a rejected run": (f"rollback {OLD}", None, "released no model: it was rejected."),
    "init without two labels": ("init a.csv", "age,job\n1,a\n2,b\n3,c\n", "has exactly two values"),
    "init on another target": ("init a.csv --target ag --yes", GOOD, "has no column 'ag'. Did you mean age?"),
    "unknown parameter": ("up --parameter TargetColum=y", None, "no parameter TargetColum. Did you mean TargetColumn?"),
    "parameter without a value": ("up --parameter TargetColumn", None, "write it as NAME=VALUE."),
    "unknown example": ("example telko", None, "There is no example telko. Did you mean telco?"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_in_a_sentence_and_nothing_is_uploaded(world, tmp_path, name, capsys):
    line, content, sentence = WRONG[name]
    if content is not None:
        (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = keys(world)
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    plain = " ".join(error.replace("│", " ").split())
    assert sentence in plain
    assert "Traceback" not in error
    assert keys(world) == before


@pytest.fixture
def two_files(world, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("age,job\n1,a\n")


@pytest.fixture
def interruptible():
    """A shell's background job, such as a build, starts with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_the_waiting_for_all_files(two_files, interruptible, monkeypatch, capsys):
    class Interrupting:
        def show(self, seconds, text):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    monkeypatch.setattr(Terminal, "progress", lambda self: nullcontext(Interrupting()))
    assert main(["score", "a.csv", "b.csv"]) == 130
    assert "Interrupted. Uploaded files and started runs are still processed." in capsys.readouterr().err


def test_a_failure_at_the_last_file_ends_the_waiting_for_the_first(two_files, world):
    failed_at = []

    def look(path, seconds):
        if path.stem == "b":
            failed_at.append(seconds)
            raise OSError("The network is gone.")

    with pytest.raises(OSError, match="The network is gone"):
        connect("bank").score(["a.csv", "b.csv"], on_look=look)
    assert len(failed_at) == 1


def test_a_rollback_to_the_model_in_force_does_nothing(world, capsys):
    assert main(["rollback", RUN]) == 4
    assert "is in force already. Nothing to do." in capsys.readouterr().err


def test_a_run_that_does_not_wait_is_not_approved(world, capsys):
    assert main(["approve", RUN, "--reason", "Seen."]) == 4
    assert f"Run {RUN} does not wait for approval." in capsys.readouterr().err
    assert main(["reject", "nowhere", "--reason", "Seen."]) == 2
    assert "There is no run nowhere." in capsys.readouterr().err


def test_scripts_get_the_refusal_as_json(world, capsys):
    assert main(["show", "nowhere", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"] == "RunUnknown"
    assert document["message"].startswith("There is no run nowhere.")


def test_before_the_first_model_scoring_says_to_train(world, capsys, tmp_path):
    world.delete_object(Bucket=BUCKET, Key="models/champion.json")
    (tmp_path / "a.csv").write_text("age,job\n1,a\n")
    assert main(["score", "a.csv"]) == 2
    assert "No model is in force yet. Train one first: autowatch train FILE" in capsys.readouterr().err


def test_an_unwritable_folder_is_reported_before_the_upload(world, capsys, tmp_path):
    (tmp_path / "a.csv").write_text("age,job\n1,a\n")
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    before = keys(world)
    assert main(["score", "a.csv", "--out", "taken/there"]) == 2
    assert "Nothing can be written into taken/there" in capsys.readouterr().err
    assert keys(world) == before


@pytest.mark.parametrize("name", ["ident", "Idents"])
def test_a_missing_column_to_drop_is_refused_with_a_suggestion(tmp_path, name):
    (tmp_path / "a.csv").write_text(GOOD.replace("age,", "idents,").replace("age", "idents"))
    with pytest.raises(FileUnfitError, match=f"no column {name!r}, which DropColumns names.*idents"):
        check_training(tmp_path / "a.csv", {**PARAMETERS, "DropColumns": f"duration,{name}"})


@pytest.mark.parametrize(
    ("problem_type", "words"),
    [
        ("multiclass", "y has two different values, and ProblemType is multiclass. Set it to auto or binary"),
        ("regression", "y holds no number, and ProblemType is regression. Set it to auto"),
    ],
)
def test_labels_that_the_problem_type_does_not_take_are_refused(tmp_path, problem_type, words):
    (tmp_path / "a.csv").write_text(GOOD)
    with pytest.raises(FileUnfitError, match=words):
        check_training(tmp_path / "a.csv", {"TargetColumn": "y", "ProblemType": problem_type})


def test_a_quoted_name_may_hold_more_of_another_delimiter_than_there_are_columns(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD.replace("age,", '"age; in; full; years; of; life",', 1))
    assert check_training(tmp_path / "a.csv", PARAMETERS).rows == 900


def test_a_column_to_drop_may_have_a_comma_in_its_name(tmp_path):
    (tmp_path / "a.csv").write_text(GOOD.replace("age,", '"rate, %",', 1))
    look = check_training(tmp_path / "a.csv", {**PARAMETERS, "DropColumns": 'duration, "rate, %"'})
    assert look.dropped == ("duration", "rate, %")


def test_a_missing_key_column_is_refused_with_a_suggestion(tmp_path):
    (tmp_path / "a.csv").write_text(
        GOOD.replace("age,", "customer,age,", 1).replace("\n", "\nx,").removesuffix("x,")
    )
    with pytest.raises(
        FileUnfitError, match="no column 'custmer', which IdColumn names. Did you mean customer"
    ):
        check_training(tmp_path / "a.csv", {**PARAMETERS, "IdColumn": "custmer"})
    assert check_training(tmp_path / "a.csv", {**PARAMETERS, "IdColumn": "customer"}).key == "customer"


def test_a_column_called_probability_is_allowed_in_regression(tmp_path):
    lines = "".join(f"{n % 7},{n % 90 / 10},{n * 0.1:.1f}\n" for n in range(700))
    (tmp_path / "a.csv").write_text(f"month,rain_probability,rain\n{lines}")
    assert check_training(tmp_path / "a.csv", {"TargetColumn": "rain"}).rows == 700
    labels = "".join(f"{n % 7},0.5,{('yes', 'no')[n % 2]}\n" for n in range(700))
    (tmp_path / "a.csv").write_text(f"month,rain_probability,rain\n{labels}")
    with pytest.raises(
        FileUnfitError, match="the column rain_probability, a name that predictions files add"
    ):
        check_training(tmp_path / "a.csv", {"TargetColumn": "rain"})
