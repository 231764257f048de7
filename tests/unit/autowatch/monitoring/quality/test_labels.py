import csv
import io
import json
import threading

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality import labels as labels_module
from autowatch.monitoring.quality.labels import TakenLabels, TooManyFiles, find_label_columns, take_labels
from autowatch.records.champion import NoChampion
from autowatch.scoring.columns import MissingColumns
from autowatch.tabular.table import DuplicateColumns, EmptyFile, MalformedCsv, NoRows, NotUtf8
from tests.support.labelled_bucket import DAY, labels_text, put_labels, put_scored
from tests.support.scoring_bucket import BUCKET, create_bucket, keys, read, read_document, read_rows, release

UNKNOWN = "0123456789abcdef-1"


@pytest.fixture
def s3():
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with mock_aws():
        create_bucket(client)
        release(client)
        yield client


def fragments(s3):
    return {key: read(s3, key) for key in keys(s3, "monitoring/labels/")}


def test_labels_go_to_the_day_and_the_run_of_their_predictions(s3):
    first, second = put_scored(s3, "a"), put_scored(s3, "b", day="2026-11-22", run="r2")
    arrival = put_labels(s3, f"note;label;id\nx;yes;{first}-2\nx;no;{second}-1\nx;no;{first}-1\n", "sub/l")
    assert take_labels(Bucket(s3, BUCKET), arrival) == TakenLabels(3, 3, 0, ("2026-11-22", DAY))
    version = keys(s3, "monitoring/labels/")[0].rpartition("-")[2]
    name = f"20261125T080000.500Z-sub/l-{version}"
    assert fragments(s3) == {
        f"monitoring/labels/date=2026-11-22/run=r2/{name}": f"id,y_actual\n{second}-1,no\n",
        f"monitoring/labels/date={DAY}/run=r1/{name}": f"id,y_actual\n{first}-1,no\n{first}-2,yes\n",
    }
    assert keys(s3, "rejected/") == []


def test_the_last_of_several_labels_for_a_row_counts(s3):
    digits = put_scored(s3)
    text = f"id,y\n{digits}-1,yes\n{digits}-2,no\n{digits}-1,no\n{digits}-1,yes\n"
    assert take_labels(Bucket(s3, BUCKET), put_labels(s3, text)).taken == 4
    assert list(fragments(s3).values()) == [f"id,y_actual\n{digits}-1,yes\n{digits}-2,no\n"]


def test_rows_that_fit_no_prediction_are_rejected_with_their_lines_and_reasons(s3):
    digits, open_digits = put_scored(s3), put_scored(s3, "open", commit=False)
    no_format = "The id is not 16 digits (0-9, a-f), a hyphen and a number, as in predictions."
    no_label = "The label is not one that the model of run r1 knows: 'no', 'yes', to the letter."
    rows = [
        (f"{digits}-1,yes", None),
        (f"{digits}-3,yes", "No prediction has this id."),
        (f"{open_digits}-1,yes", "No prediction has this id."),
        (f"{UNKNOWN},no", "No prediction has this id."),
        (f"{digits.upper()}-1,yes", no_format if digits.upper() != digits else None),
        (f"{digits}-01,yes", no_format),
        (f"{digits}-0,yes", no_format),
        (f"{digits}-,yes", no_format),
        (f" {digits}-1,yes", no_format),
        (f"{digits}-1\u0661,yes", no_format),
        (f"{digits}-99999999999,yes", no_format),
        (",yes", no_format),
        (f"{digits}-2,", "The label is missing."),
        (f"{digits}-2,maybe", no_label),
        (f"{digits}-2,Yes", f"{no_label} Only capitals, spaces or the Unicode form differ."),
        (f"{digits}-2, yes", f"{no_label} Only capitals, spaces or the Unicode form differ."),
        (f'{digits}-2,"a ""b"",\nc"', no_label),
        (f"{digits}-2", "The row has 1 fields, the header 2."),
        (f"{digits}-2,yes,x", "The row has 3 fields, the header 2."),
        (f"{digits}-2,no", None),
    ]
    text = "id,y\n" + "\n".join(row for row, _ in rows) + "\n"
    taken = take_labels(Bucket(s3, BUCKET), put_labels(s3, text))
    expected = []
    line = 2
    for row, reason in rows:
        if reason:
            fields = next(csv.reader(io.StringIO(row, newline="")))
            expected.append([str(line), reason, *fields])
        line += 1 + row.count("\n")
    assert taken == TakenLabels(len(rows), len(rows) - len(expected), len(expected), (DAY,))
    (key,) = keys(s3, "rejected/labels/date=2026-11-25/")
    assert read_rows(s3, key) == (["line", "reason", "id", "y"], expected)


def test_actual_numbers_are_read_in_the_training_files_format_or_as_plain_numbers(s3):
    digits = put_scored(s3, probabilities=["0.1"] * 6)
    document = read_document(s3, "models/r1/contract.json")
    changed = {"problem_type": "regression", "labels": [], "target_form": {"decimal": ",", "group": "."}}
    Bucket(s3, BUCKET).write_json("models/r1/contract.json", document | changed)
    texts = ["1.234,5", "-3", "2.5e3", "n/a", "", "1.234"]
    rows = [f'{digits}-{number},"{text}"' for number, text in enumerate(texts, start=1)]
    arrival = put_labels(s3, "\n".join(["id,y", *rows, ""]))
    assert take_labels(Bucket(s3, BUCKET), arrival) == TakenLabels(6, 3, 3, (DAY,))
    (fragment,) = fragments(s3).values()
    assert fragment == f"id,y_actual\n{digits}-1,1234.5\n{digits}-2,-3.0\n{digits}-3,2500.0\n"
    (key,) = keys(s3, "rejected/labels/")
    no_number = "The label is not a number, and the model of run r1 predicts numbers."
    two = "The label may mean two numbers. Write it without separators of thousands, or with decimals."
    assert [row[1] for row in read_rows(s3, key)[1]] == [no_number, "The label is missing.", two]


def test_a_file_without_matching_rows_has_no_days(s3):
    taken = take_labels(Bucket(s3, BUCKET), put_labels(s3, f"id,y\n{UNKNOWN},yes\n"))
    assert taken == TakenLabels(1, 0, 1, ())
    assert fragments(s3) == {}


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("id,y", 1),
        ("id,y_actual", 1),
        ("id,label", 1),
        ("id,y,label", 2),
        ("id,y,label,y_actual", 3),
        ("y_actual,id", 0),
        # In a predictions file, `y` is the prediction.
        ("y_actual,id,y,y_probability,prediction_date", 0),
        ("id,y,y_probability,label", 3),
    ],
)
def test_the_column_of_the_labels(header, place):
    columns = find_label_columns(header.split(","), "y")
    assert (columns.identifier, columns.label) == (header.split(",").index("id"), place)


@pytest.mark.parametrize("header", ["y,label", "id", "id,Y", "ID,y", "id,y,y_probability", "id,prediction"])
def test_a_file_without_ids_or_labels_is_rejected(header):
    with pytest.raises(MissingColumns):
        find_label_columns(header.split(","), "y")


@pytest.mark.parametrize(
    ("header", "id_column", "place", "by_key"),
    [
        ("customer,y", "customer", 0, True),
        ("customer,id,y", "customer", 1, False),
        ("id,y", "id", 0, True),
        ("id,autowatch_id,y", "id", 1, False),
        ("id,autowatch_id,y", "", 1, False),
        ("id,y", "customer", 0, False),
    ],
)
def test_the_column_that_names_the_rows(header, id_column, place, by_key):
    columns = find_label_columns(header.split(","), "y", id_column)
    assert (columns.identifier, columns.by_key) == (place, by_key)


@pytest.mark.parametrize(("id_column", "words"), [("customer", "name your key 'customer'"), ("", "IdColumn")])
def test_the_error_for_a_file_without_ids_names_the_key(id_column, words):
    with pytest.raises(MissingColumns, match=words):
        find_label_columns(["other", "y"], "y", id_column)


def with_key(s3, id_column="customer"):
    document = read_document(s3, "models/r1/contract.json")
    Bucket(s3, BUCKET).write_json("models/r1/contract.json", {**document, "id_column": id_column})


def test_labels_with_the_users_key_go_to_the_newest_row_that_has_it(s3):
    keys_of = {"customer": ["c1", "c2", "c3"]}
    three = ("0.1", "0.2", "0.3")
    old = put_scored(s3, "old", day="2026-09-01", probabilities=three, own=keys_of)
    morning = put_scored(s3, "b", probabilities=three, own={"customer": ["c1", "c9", "c8"]})
    evening = put_scored(s3, "a", probabilities=three, own={"customer": ["c7", "c1", "c1"]}, hour=20)
    put_scored(s3, "long ago", day="2026-08-20", own={"customer": ["c4", "c5"]})
    put_scored(s3, "later", day="2026-11-26", own={"customer": ["c1", "c2"]})
    put_scored(s3, "without")
    with_key(s3)
    text = "customer,y\nc1,yes\nc2,no\nc9,no\nc4,no\n,no\nc3,perhaps\n"
    taken = take_labels(Bucket(s3, BUCKET), put_labels(s3, text))
    assert (taken.rows, taken.taken, taken.days) == (6, 3, ("2026-09-01", DAY))
    assert {line for body in fragments(s3).values() for line in body.splitlines()[1:]} == {
        f"{evening}-3,yes",
        f"{old}-2,no",
        f"{morning}-2,no",
    }
    (key,) = keys(s3, "rejected/labels/")
    unknown = "No row with this key was scored in the 90 days before."
    _, rows = read_rows(s3, key)
    assert [row[1:3] for row in rows[:2]] == [[unknown, "c4"], [unknown, ""]]
    assert rows[2][1].startswith("The label is not one that the model")


@pytest.mark.parametrize("key", ["=A1", "'=A1"], ids=["as uploaded", "as it stands in the predictions"])
def test_a_key_is_found_in_predictions_without_formulas(s3, key):
    digits = put_scored(s3, own={"@customer": ["=A1", "c2"]}, neutralise=True)
    with_key(s3, "@customer")
    taken = take_labels(Bucket(s3, BUCKET), put_labels(s3, f"@customer,y\n{key},yes\nc2,no\n"))
    assert (taken.taken, taken.rejected) == (2, 0)
    assert list(fragments(s3).values()) == [f"id,y_actual\n{digits}-1,yes\n{digits}-2,no\n"]


def test_the_users_key_may_be_called_id(s3):
    digits = put_scored(s3, own={"id": ["7", "8"]}, row_id="autowatch_id")
    with_key(s3, "id")
    assert take_labels(Bucket(s3, BUCKET), put_labels(s3, "id,y\n8,yes\n9,no\n")).taken == 1
    assert list(fragments(s3).values()) == [f"id,y_actual\n{digits}-2,yes\n"]


def test_a_target_may_be_called_label():
    assert find_label_columns(["id", "label"], "label").label == 1
    with pytest.raises(MissingColumns, match="label_actual"):
        find_label_columns(["id", "label", "label_probability"], "label")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyFile),
        (b"id,y\n", NoRows),
        (b"id,y\n%(digits)s-1,yes\n\xff,no\n", NotUtf8),
        (b"id,y,y\n%(digits)s-1,yes,no\n", DuplicateColumns),
        (b"id,y\n%(digits)s-1,yes\n%(digits)s-x,yes\n" + b'%(digits)s-2,"no\n', MalformedCsv),
    ],
)
def test_a_malformed_file_leaves_no_objects(s3, content, error):
    digits = put_scored(s3).encode()
    with pytest.raises(error):
        take_labels(Bucket(s3, BUCKET), put_labels(s3, content.replace(b"%(digits)s", digits)))
    assert fragments(s3) == {}
    assert keys(s3, "rejected/") == []


def test_labels_before_the_first_release_are_rejected():
    client = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with mock_aws():
        create_bucket(client)
        with pytest.raises(NoChampion):
            take_labels(Bucket(client, BUCKET), put_labels(client, f"id,y\n{UNKNOWN},yes\n"))


def test_bom_quotes_crlf_and_semicolons_are_read(s3):
    digits = put_scored(s3)
    text = f'\ufeff"id";"y"\r\n"{digits}-1";"yes"\r\n\r\n{digits}-2;no\r\n'
    assert take_labels(Bucket(s3, BUCKET), put_labels(s3, text)).taken == 2
    assert list(fragments(s3).values()) == [f"id,y_actual\n{digits}-1,yes\n{digits}-2,no\n"]


def test_repeated_and_concurrent_events_write_the_same_objects(s3):
    digits = put_scored(s3, probabilities=["0.5"] * 500)
    arrival = put_labels(s3, labels_text(digits, ["yes", "no"] * 250) + f"{UNKNOWN},yes\n")
    take_labels(Bucket(s3, BUCKET), arrival)
    before = fragments(s3) | {key: read(s3, key) for key in keys(s3, "rejected/")}
    threads = [threading.Thread(target=take_labels, args=(Bucket(s3, BUCKET), arrival)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert fragments(s3) | {key: read(s3, key) for key in keys(s3, "rejected/")} == before


def test_versions_of_a_key_do_not_replace_each_other(s3):
    digits = put_scored(s3)
    old = put_labels(s3, f"id,y\n{digits}-1,no\n", time="2026-11-25T08:00:00.001Z")
    new = put_labels(s3, f"id,y\n{digits}-1,yes\n", time="2026-11-25T08:00:00.002Z")
    take_labels(Bucket(s3, BUCKET), new)
    take_labels(Bucket(s3, BUCKET), old)
    assert [text.split(",")[-1] for text in fragments(s3).values()] == ["no\n", "yes\n"]


def test_each_predictions_file_is_looked_up_once_even_if_rows_are_mixed(s3):
    prefixes = [put_scored(s3, f"f{number}", probabilities=["0.5"] * 3) for number in range(5)]
    asked = []

    class Counts:
        def __getattr__(self, name):
            return getattr(s3, name)

        def get_object(self, **arguments):
            asked.append(arguments["Key"])
            return s3.get_object(**arguments)

    lines = [f"{digits}-{row},yes" for row in (3, 1, 2) for digits in (*prefixes, "0" * 16)]
    assert take_labels(Bucket(Counts(), BUCKET), put_labels(s3, "\n".join(["id,y", *lines, ""]))).taken == 15
    assert sum(key.startswith("monitoring/ids/") for key in asked) == 6
    assert sum(key.endswith(".manifest.json") for key in asked) == 5
    assert sum(key.endswith("contract.json") for key in asked) == 2


def test_labels_of_too_many_files_are_refused(s3, monkeypatch):
    monkeypatch.setattr(labels_module, "MOST_FILES", 3)
    lines = [f"{number:016x}-1,yes" for number in range(4)]
    with pytest.raises(TooManyFiles, match="more than 3 predictions files. Split"):
        take_labels(Bucket(s3, BUCKET), put_labels(s3, "\n".join(["id,y", *lines, ""])))


def test_no_value_is_logged(s3, caplog):
    digits = put_scored(s3)
    caplog.set_level("DEBUG", logger="autowatch")
    take_labels(
        Bucket(s3, BUCKET), put_labels(s3, f"id,y,note\n{digits}-1,maybe,Smith\n{digits}-2,yes,Smith\n")
    )
    logged = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "labels taken in" in logged
    assert not any(text in logged for text in ("maybe", "Smith", digits))
