import hashlib

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.tabular.table import EmptyFile, MalformedCsv, NoRows, NotUtf8
from autowatch.training.data.files import find_training_files
from autowatch.training.data.table import HeadersDiffer, RaggedRow, TrainingTable, labelled_rows

BUCKET = "bank"


@pytest.fixture(scope="module")
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


@pytest.fixture
def open_files(s3, request):
    """Uploads files a.csv, b.csv, ... with these contents below a prefix of the test's own, and opens that."""

    def open_files(*bodies):
        prefix = f"training/{hashlib.sha256(request.node.name.encode()).hexdigest()}/"
        for name, body in zip("abc", bodies, strict=False):
            s3.put_object(Bucket=BUCKET, Key=f"{prefix}{name}.csv", Body=body)
        return TrainingTable(Bucket(s3, BUCKET), find_training_files(Bucket(s3, BUCKET), prefix).files)

    return open_files


def rows(table):
    return [row for block in table.blocks() for row in zip(*block, strict=True)]


def test_files_of_different_dialects_are_concatenated(open_files):
    bodies = (b"a,y\n1,no\n2,yes", b"\xef\xbb\xbfa;y\r\n3;no\r\n", b'"a","y"\n"4, 5",yes\n')
    table = open_files(*bodies)
    assert table.header == ("a", "y")
    assert rows(table) == [("1", "no"), ("2", "yes"), ("3", "no"), ("4, 5", "yes")]
    assert table.digest == hashlib.sha256(b"".join(bodies)).hexdigest()


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (b"a,b", "column 2 is not 'y'"),
        (b"y,a", "column 1 is not 'a'"),
        (b"a,y,b", "it has 3 columns instead of 2"),
        (b"A,y", "column 1 is not 'a'"),
    ],
)
def test_files_with_other_columns_are_refused_with_both_names_and_the_column(open_files, header, what):
    table = open_files(b"a,y\n1,no\n", header + b"\n1,no\n")
    with pytest.raises(HeadersDiffer, match=rf"/b\.csv does not have the columns of .*/a\.csv.*: {what}"):
        rows(table)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", EmptyFile),
        (b"a,y\n", NoRows),
        (b"a,y\n\xff,no\n", NotUtf8),
        (b'a,y\n"1,no\n', MalformedCsv),
        (b"a,y\n1,no\n1,2,3\n", RaggedRow),
    ],
)
def test_an_error_in_a_later_file_has_the_files_name(open_files, body, error):
    table = open_files(b"a,y\n1,no\n", body)
    with pytest.raises(error, match=r"/b\.csv") as caught:
        rows(table)
    assert caught.type is error


def test_the_line_of_a_ragged_row_is_that_of_its_own_file(open_files):
    table = open_files(b"a,y\n1,no\n2,no\n", b"a,y\n1,no\n\n2\n")
    with pytest.raises(RaggedRow, match=r"Line 4 of .*/b\.csv has 1 fields, but the header has 2"):
        rows(table)


def test_rows_without_a_label_are_left_out_of_every_column():
    assert labelled_rows([["1", "2", "3"], ["no", "", "yes"]], 1) == [["1", "3"], ["no", "yes"]]
    assert labelled_rows([["1"], [""]], 1) == [[], []]
