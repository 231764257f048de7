from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.records.keys import reference_key
from autowatch.tabular.cells import NumberForm
from autowatch.training.data.reference import ReferenceUnfit, write_reference

KEY = "reference/x.csv"
CONTRACT = Contract(
    "r1",
    "y",
    ("no", "yes"),
    "yes",
    (Feature("age", "numeric", NumberForm(",", ".", missing=("n/k",))), Feature("job", "categorical")),
    (),
    100,
    1,
    ObjectVersion("training/x.csv", None, "e", 1),
)
NUMBERS = Contract(
    "r1", "y", (), "", CONTRACT.features, (), 100, 1, CONTRACT.training, problem_type="regression"
)
ROWS = "".join(f"{('yes', 'no')[n % 2]};extra;j,{n};{('1.200,5', 'n/k')[n % 2]}\n" for n in range(20))


@pytest.fixture
def bucket():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="bank")
        yield Bucket(s3, "bank")


def put(bucket, text):
    bucket.put(KEY, text.encode(), "text/csv")


def test_the_reference_is_written_in_the_models_form(bucket):
    put(bucket, f"y;more;job;age\n{ROWS}")
    assert write_reference(bucket, KEY, CONTRACT) == 20
    header, first, second, *_ = bucket.read(reference_key("r1"))[0].decode().splitlines()
    assert (header, first, second) == ("age,job,y", '1200.5,"j,0",yes', ',"j,1",no')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "reference/x.csv does not exist"),
        ("", "empty"),
        ("y;age\nyes;1\n", "lacks the column 'job'"),
        ("age;job\n1;x\n", "it has no column 'y', the target. Add it with the true values."),
        (
            f"y;more;job;age\n{ROWS}perhaps;;x;1\n",
            "the label on line 22 is not exactly one of the 2 in the training data",
        ),
        (f"y;more;job;age\n{ROWS};;x;1\n", "the label on line 22 is not exactly one"),
        (f"y;more;job;age\n{ROWS}yes;;x;elderly\n", "on line 22: Column age does not hold a number."),
        (f"y;more;job;age\n{ROWS}yes;x\n", "on line 22: The row has 2 fields, the header 4."),
        (
            "y;more;job;age\n" + "yes;;x;1\n" * 30,
            "it has 30 rows, and at least 10 of each of two labels are needed",
        ),
    ],
)
def test_one_that_does_not_fit_is_refused_with_what_to_do_and_without_its_cells(bucket, text, said):
    if text is not None:
        put(bucket, text)
    with pytest.raises(ReferenceUnfit) as refusal:
        write_reference(bucket, KEY, CONTRACT)
    message = str(refusal.value)
    assert message.startswith(
        "The reference hold-out (the parameter ReferenceHoldout) reference/x.csv cannot be used: "
    )
    assert said in message
    assert not any(cell in message for cell in ("perhaps", "elderly", "j,"))
    assert not bucket.exists(reference_key("r1"))


@pytest.mark.parametrize(("target", "is_fit"), [("3.5", True), ("", False), ("3,5", False), ("many", False)])
def test_a_regression_reference_needs_numbers(bucket, target, is_fit):
    put(bucket, "y;job;age\n" + "1.5;x;1\n" * 10 + f"{target};x;1\n")
    if is_fit:
        assert write_reference(bucket, KEY, NUMBERS) == 11
        return
    with pytest.raises(ReferenceUnfit, match="the target on line 12 is not a number"):
        write_reference(bucket, KEY, NUMBERS)


def test_a_regression_reference_is_read_in_the_training_files_format(bucket):
    german = replace(NUMBERS, target_form=NumberForm(",", "."))
    put(bucket, "y;job;age\n" + "1.234,5;x;1\n" * 10 + "3.5;x;1\n")
    assert write_reference(bucket, KEY, german) == 11
    lines = bucket.read(reference_key("r1"))[0].decode().splitlines()
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["1234.5"] * 10 + ["3.5"]
    put(bucket, "y;job;age\n" + "1.234;x;1\n" * 10)
    with pytest.raises(
        ReferenceUnfit, match="the target on line 2 is not a number, or may mean either of two"
    ):
        write_reference(bucket, KEY, german)
