import random

import boto3
import pytest
from moto import mock_aws

import autowatch.scoring.transform.plan as module
from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import InputGone
from autowatch.scoring.columns import Layout
from autowatch.scoring.transform.plan import LONGEST_FILTER, Piece, choose_rows, cut_pieces
from autowatch.tabular.table import MalformedCsv
from tests.support.transform_double import pick


@pytest.fixture(scope="module")
def client():
    return boto3.client("s3", "us-east-1")


@pytest.fixture
def s3(client):
    with mock_aws():
        client.create_bucket(Bucket="bucket")
        yield client


def put(s3, content):
    etag = s3.put_object(Bucket="bucket", Key="inference/a.csv", Body=content)["ETag"].strip('"')
    return ObjectVersion("inference/a.csv", None, etag, len(content))


@pytest.mark.parametrize("window", [7, 64 * 1024])
@pytest.mark.parametrize("piece_bytes", [10, 99, 10_000])
def test_pieces_are_whole_lines_and_cover_the_file(s3, monkeypatch, piece_bytes, window):
    monkeypatch.setattr(module, "_WINDOW_BYTES", window)
    chance = random.Random(piece_bytes)
    content = b"header\n" + b"".join(b"x" * chance.randrange(30) + b"\n" for _ in range(12)) + b"no line end"
    pieces = cut_pieces(Bucket(s3, "bucket"), put(s3, content), 7, piece_bytes)
    assert b"".join(content[piece.start : piece.end] for piece in pieces) == content[7:]
    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    assert all(content[piece.start - 1 : piece.start] == b"\n" for piece in pieces)
    assert all(piece.start < piece.end for piece in pieces)
    if piece_bytes == 10_000:
        assert pieces == [Piece(1, 7, len(content))]


def test_there_are_never_more_pieces_than_parts_of_an_upload(s3, monkeypatch):
    monkeypatch.setattr(module, "MOST_PIECES", 5)
    assert len(cut_pieces(Bucket(s3, "bucket"), put(s3, b"x\n" * 1000), 0, 1)) == 5


def test_a_file_with_only_a_header_has_no_piece(s3):
    assert cut_pieces(Bucket(s3, "bucket"), put(s3, b"header\n"), 7, 10) == []


def test_a_line_that_never_ends_is_refused_without_reading_it_all(s3, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FIELD", 1000)
    with pytest.raises(MalformedCsv, match="longer than 1000 bytes"):
        cut_pieces(Bucket(s3, "bucket"), put(s3, b"x" * 5000), 0, 100)


def test_a_replaced_file_is_reported_as_gone(s3):
    old = put(s3, b"x\n" * 100)
    put(s3, b"y\n" * 100)
    with pytest.raises(InputGone):
        cut_pieces(Bucket(s3, "bucket"), old, 0, 10)


def layout(width, features):
    return Layout(width=width, features=features, numeric={}, own=(), predicted=())


@pytest.mark.parametrize(
    ("width", "features", "expression"),
    [
        (3, [0, 1, 2], "$"),
        (3, [1, 2], "$[1:]"),
        (3, [0], "$[0]"),
        (3, [2], "$[2:]"),
        (5, [0, 2], "$[0,2]"),
        (6, [0, 2, 4, 5], "$[0,2,4,5]"),
    ],
)
def test_ascending_columns_are_picked_from_the_files_own_rows(width, features, expression):
    rows = choose_rows(layout(width, features), ",")
    assert (rows.input_filter, rows.as_in_file, list(rows.order)) == (expression, True, list(range(width)))
    assert pick(list(range(width)), rows.input_filter) == features


@pytest.mark.parametrize(
    ("width", "features", "delimiter"),
    [
        (4, [2, 0], ","),
        (4, [0, 2], ";"),
        (2, [1, 0], ","),
        (100, list(range(0, 100, 2)), ","),
        (40, [0, *range(2, 40)], ","),
    ],
)
def test_other_columns_are_moved_to_the_end(width, features, delimiter):
    rows = choose_rows(layout(width, features), delimiter)
    assert not rows.as_in_file
    assert sorted(rows.order) == list(range(width))
    assert pick(list(rows.order), rows.input_filter) == features
    assert len(rows.input_filter) <= LONGEST_FILTER
