"""Labels with the user's own key, which the client joins to the predictions of the last days."""

import json
from datetime import date

import boto3
import pytest
from moto import mock_aws

from autowatch_client.errors import FileUnfitError
from autowatch_client.labels import days_of_ids, join_labels
from autowatch_client.objects import Bucket
from autowatch_client.tables import open_table

DAYS = (date(2026, 11, 1), date(2026, 11, 30))


@pytest.fixture
def bucket():
    """Two scored files: one from an earlier version, and one whose input had a column `id`."""
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1")
        s3.create_bucket(Bucket="bank")

        def put(day, columns, rows, manifest):
            stem = f"predictions/date={day}/a"
            header = ",".join([*columns, "prediction_date"])
            body = "\n".join([header, *(f"{row},{day}T09:00:00Z" for row in rows), ""])
            s3.put_object(Bucket="bank", Key=f"{stem}.csv", Body=body.encode())
            document = {"predictions_key": f"{stem}.csv", "columns": columns[:-1], **manifest}
            s3.put_object(Bucket="bank", Key=f"{stem}.manifest.json", Body=json.dumps(document).encode())

        put("2026-11-20", ["customer", "id"], ["c1,aa-1", "c2,aa-2"], {})
        put("2026-11-23", ["customer", "id", "autowatch_id"], ["c1,7,bb-1"], {"row_id": "autowatch_id"})
        s3.put_object(
            Bucket="bank",
            Key="monitoring/ids/0123456789abcdef.json",
            Body=b'{"predictions_key": "predictions/date=2026-11-23/a.csv"}',
        )
        yield Bucket(s3, "bank")


def labels(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return open_table(path)


def test_prediction_ids_are_found_under_each_files_column_name(bucket, tmp_path):
    table, made = labels(tmp_path, "customer,y\nc1,yes\nc2,no\nc3,no\n"), tmp_path / "made.csv"
    joined = join_labels(bucket, table, "customer", "y", DAYS, made, "autowatch_id")
    assert made.read_text().splitlines() == ["autowatch_id,label", "bb-1,yes", "aa-2,no"]
    assert (joined.rows, joined.joined, joined.repeated) == (3, 2, 1)


def test_a_neutralised_key_is_found(bucket, tmp_path):
    key = "predictions/date=2026-11-24/b"
    rows = "'=customer,'@y,id,prediction_date\n'=A1,yes,cc-1,2026-11-24\nc2,no,cc-2,2026-11-24\n"
    manifest = {"predictions_key": f"{key}.csv", "columns": ["=customer", "@y"], "formulas_neutralised": True}
    s3 = boto3.client("s3", "us-east-1")
    s3.put_object(Bucket="bank", Key=f"{key}.csv", Body=rows.encode())
    s3.put_object(Bucket="bank", Key=f"{key}.manifest.json", Body=json.dumps(manifest).encode())
    made = tmp_path / "made.csv"
    for name in ("=A1", "'=A1"):
        table = labels(tmp_path, f"=customer,y\n{name},yes\nc2,no\n")
        join_labels(bucket, table, "=customer", "y", DAYS, made, "id")
        assert made.read_text().splitlines() == ["id,label", "cc-1,yes", "cc-2,no"]


def test_a_users_column_called_id_is_an_ordinary_key(bucket, tmp_path):
    table, made = labels(tmp_path, "id,y\n7,yes\n"), tmp_path / "made.csv"
    join_labels(bucket, table, "id", "y", DAYS, made, "autowatch_id")
    assert made.read_text().splitlines() == ["autowatch_id,label", "bb-1,yes"]


def test_the_days_of_ids_are_those_of_their_files(bucket, tmp_path):
    table = labels(tmp_path, "autowatch_id,y\n0123456789abcdef-1,yes\n")
    assert days_of_ids(bucket, table, "autowatch_id") == {"2026-11-23"}
    unknown = labels(tmp_path, "autowatch_id,y\nffffffffffffffff-1,yes\n")
    with pytest.raises(FileUnfitError, match="Take the column autowatch_id over from the predictions"):
        days_of_ids(bucket, unknown, "autowatch_id")
