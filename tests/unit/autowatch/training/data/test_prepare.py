import csv
import io
import json
from collections import Counter
from dataclasses import replace

import boto3
import msgspec
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.records.holdout import HoldoutRule, read_unseen_rows
from autowatch.records.keys import holdout_key
from autowatch.settings import InvalidSetting
from autowatch.tabular.cells import NumberForm
from autowatch.tabular.profile import Baseline
from autowatch.tabular.table import DuplicateColumns, EmptyFile, NoHeader, NotUtf8
from autowatch.training.data import prepare as training_data
from autowatch.training.data import survey as training_survey
from autowatch.training.data.files import find_training_files
from autowatch.training.data.labels import TooFewRowsOfClass, WrongClasses
from autowatch.training.data.prepare import (
    IdColumnMissing,
    LabelsChanged,
    NoFeatures,
    Preparation,
    ReservedTrainingColumns,
    TargetMissing,
    TooFewRows,
    TrainingFileTooLarge,
    UnknownDroppedColumn,
    prepare_training_data,
)
from autowatch.training.data.split import UnfitHoldout
from autowatch.training.data.table import RaggedRow
from autowatch.training.data.target import NotNumbers, TargetUnclear
from autowatch.training.gate.holdout import read_holdout

BUCKET = "bank"
KEY = "training/x.csv"
PREPARATION = Preparation(target="y", positive_label="", dropped_columns=("duration",), holdout_percent=20)


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def table(rows=650, positives=150, header="age,job,duration,y", delimiter=","):
    lines = [header.replace(",", delimiter)]
    for number in range(rows):
        label = "yes" if number < positives else "no"
        lines.append(delimiter.join((str(number % 70), f"job {number % 5}", "7", label)))
    return "\n".join(lines) + "\n"


def prepare(s3, text, preparation=PREPARATION, run="r", champion=None):
    body = text if isinstance(text, bytes) else text.encode()
    if preparation.dropped_columns == PREPARATION.dropped_columns and b"duration" not in body:
        preparation = replace(preparation, dropped_columns=())
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)
    return prepare_training_data(
        Bucket(s3, BUCKET), run, find_training_files(Bucket(s3, BUCKET), KEY), preparation, champion
    )


def read(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def rows_of(s3, name, run="r"):
    return list(csv.reader(io.StringIO(read(s3, f"models/{run}/{name}.csv"), newline="")))


def test_the_contract_has_the_models_input(s3):
    contract = prepare(s3, table())
    assert contract.features == (Feature("age", "numeric"), Feature("job", "categorical"))
    assert (contract.labels, contract.positive_label) == (("no", "yes"), "yes")
    assert (contract.rows, contract.dropped_columns) == (650, ("duration",))
    assert contract.training.key == KEY
    assert msgspec.json.decode(read(s3, "models/r/contract.json"), type=Contract) == contract


def test_every_row_is_in_one_of_the_two_parts_and_each_class_in_both(s3):
    prepare(s3, table())
    train, holdout = rows_of(s3, "train"), rows_of(s3, "holdout")
    assert train[0] == holdout[0] == ["age", "job", "y"]
    whole = Counter(tuple(row) for row in train[1:] + holdout[1:])
    original = csv.reader(io.StringIO(table()))
    next(original)
    assert whole == Counter((age, job, label) for age, job, _, label in original)
    assert {row[-1] for row in train[1:]} == {row[-1] for row in holdout[1:]} == {"no", "yes"}


def test_a_growing_file_keeps_its_rows_in_their_part(s3):
    prepare(s3, table(), run="one")
    prepare(s3, table() + "".join(f"{n},other,7,no\n" for n in range(300)), run="two")
    for part in ("train", "holdout"):
        before, after = (
            Counter(map(tuple, rows_of(s3, part, "one"))),
            Counter(map(tuple, rows_of(s3, part, "two"))),
        )
        assert before < after
        assert all(job == "other" for _, job, _ in after - before)


def test_the_baseline_counts_the_whole_file(s3):
    prepare(s3, table())
    baseline = msgspec.json.decode(read(s3, "models/r/baseline.json"), type=Baseline)
    assert [column.name for column in baseline.columns] == ["age", "job"]
    assert [sum(column.counts) for column in baseline.columns] == [650, 650]


def test_unlabelled_rows_are_left_out_everywhere(s3):
    unlabelled = "".join("99,astronaut,7,\n" for _ in range(50))
    contract = prepare(s3, table() + unlabelled)
    assert contract.rows == 650
    assert "astronaut" not in read(s3, "models/r/train.csv") + read(s3, "models/r/holdout.csv")
    assert "astronaut" not in read(s3, "models/r/baseline.json")


@pytest.mark.parametrize("variant", ["semicolons", "crlf", "bom", "no final newline"])
def test_the_usual_dialects_give_the_same_contract(s3, variant):
    text = {
        "semicolons": table(delimiter=";"),
        "crlf": table().replace("\n", "\r\n"),
        "bom": "\ufeff" + table(),
        "no final newline": table().rstrip("\n"),
    }[variant]
    contract = prepare(s3, text)
    assert contract.features == (Feature("age", "numeric"), Feature("job", "categorical"))
    assert len(rows_of(s3, "train")) + len(rows_of(s3, "holdout")) == 652


def test_names_may_hold_more_of_another_delimiter_than_there_are_columns(s3):
    prepare(s3, table(header='"age; in; full; years; now",job,duration,y'))
    header = read_holdout(Bucket(s3, BUCKET), holdout_key("r")).header
    assert set(header) == {"age; in; full; years; now", "job", "y"}


def test_fields_survive_quotes_delimiters_and_line_breaks(s3):
    awkward = 'a "quoted", two\nline; jöb'
    text = table() + '30,"' + awkward.replace('"', '""') + '",7,no\n'
    prepare(s3, text)
    assert awkward in {row[1] for row in rows_of(s3, "train") + rows_of(s3, "holdout")}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "2.5", "-3e4", ""], "numeric"),
        (["1", "NA"], "numeric"),
        (["1", "many"], "categorical"),
        (["1", "inf"], "categorical"),
        (["1", "1_000"], "categorical"),
        (["1", "١٢"], "categorical"),
    ],
)
def test_a_column_is_numeric_if_all_present_values_are_numbers(s3, texts, expected):
    lines = ["a,b,y", *(f"{texts[n % len(texts)]},x{n},{'yes' if n % 4 else 'no'}" for n in range(650))]
    contract = prepare(s3, "\n".join(lines))
    assert contract.features[0] == Feature("a", expected)


def test_the_positive_label_is_the_rarer_or_the_requested_one(s3):
    assert prepare(s3, table(positives=500)).positive_label == "no"
    asked = Preparation("y", "yes", (), 20)
    assert prepare(s3, table(positives=500), asked).positive_label == "yes"


def refusal(s3, text, preparation=PREPARATION):
    with pytest.raises(Exception) as caught:
        prepare(s3, text, preparation)
    left = s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")
    assert left["KeyCount"] == 0, "a refused file leaves nothing behind"
    return caught


def test_a_file_without_the_target_is_refused_by_name(s3):
    caught = refusal(s3, table(header="age,job,duration,outcome"))
    assert caught.type is TargetMissing
    assert "'y'" in str(caught.value)
    assert "TargetColumn" in str(caught.value)


def test_a_similar_target_name_is_shown_only_by_its_position(s3):
    assert "Column 4 differs from 'y' only by" in str(refusal(s3, table(header="age,job,duration, Y")).value)


def test_a_file_without_a_header_keeps_its_first_row_to_itself(s3):
    caught = refusal(s3, table(header="41,Miller,7,no"))
    assert caught.type is TargetMissing
    assert str(caught.value).startswith("The training file has no column 'y' among its 4. Add the column")


@pytest.mark.parametrize("positives", [0, 650])
def test_a_file_of_one_class_is_refused(s3, positives):
    caught = refusal(s3, table(positives=positives))
    assert caught.type is WrongClasses
    assert "has the same label in all rows" in str(caught.value)


def test_repeated_labels_are_named_with_counts_and_first_lines(s3):
    text = table() + "1,x,7,secret-label\n"
    caught = refusal(s3, text, replace(PREPARATION, problem_type="binary"))
    assert caught.type is WrongClasses
    assert str(caught.value).startswith(
        "The column 'y' has 3 different labels, but the parameter ProblemType is binary: 'no' in 500 rows, first on "
        "line 152; 'yes' in 150 rows, first on line 2; one on line 652. Correct or leave out"
    )
    caught = refusal(s3, text)
    assert caught.type is TooFewRowsOfClass
    assert str(caught.value).startswith(
        "The column 'y' has 3 different labels, and fewer than 20 rows have one on line 652. At least 20"
    )


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (["yes ", "yes "], "'yes ' in 2 rows, first on line 652. Some differ only by spaces or capitals."),
        (["Yes", "Yes"], "Some differ only by spaces or capitals."),
        (["y"], "one on line 652. The one on line 652 repeats the header."),
        (["maybe", "maybe"], "'maybe' in 2 rows, first on line 652. At least"),
        (
            ["Yes"] * 20,
            "'Yes' in 20 rows, first on line 652. Some differ only by spaces or capitals. Correct them",
        ),
        (["x" * 50, "x" * 50], f"'{'x' * 39}…' in 2 rows"),
    ],
)
def test_the_cause_of_a_third_label_is_pointed_out(s3, labels, hint):
    message = str(refusal(s3, table() + "".join(f"1,x,7,{label}\n" for label in labels)).value)
    assert hint in message


def test_one_number_in_two_spellings_is_named(s3):
    text = table().replace(",yes", ",1").replace(",no", ",0") + "1,x,7,1.0\n1,x,7,1.0\n"
    assert "'1.0' in 2 rows, first on line 652. Some are the same number in two spellings." in str(
        refusal(s3, text).value
    )


def colours(rows=700, names=("red", "green", "blue")):
    return "age,job,y\n" + "".join(
        f"{number % 70},job {number % 5},{names[number % len(names)]}\n" for number in range(rows)
    )


def prices(rows=700, price="{}.5".format, more=""):
    return "age,job,y\n" + "".join(f"{n * 37 % 701},{n % 5},{price(n)}\n" for n in range(rows)) + more


def test_several_labels_are_found_and_counted(s3):
    contract = prepare(s3, colours())
    assert (contract.problem_type, contract.problem_type_from) == ("multiclass", "values")
    assert (contract.labels, contract.positive_label) == (("blue", "green", "red"), "")
    assert contract.prediction_columns == ("y", "y_probability")
    stored = json.loads(read(s3, "models/r/contract.json"))
    assert msgspec.convert(stored, Contract) == contract
    report = json.loads(read(s3, "models/r/data.json"))
    assert (report["problem_type"], report["classes"]) == (
        "multiclass",
        {"red": 234, "green": 233, "blue": 233},
    )
    train, holdout = report["train"], report["holdout"]
    for part, name in ((train, "train"), (holdout, "holdout")):
        labels = Counter(row[-1] for row in rows_of(s3, name)[1:])
        assert (part["classes"], part["rows"]) == (labels, labels.total())
    counted = json.loads(read(s3, "models/r/baseline.json"))["columns"]
    assert [sum(column["counts"]) for column in counted] == [700, 700]


def test_predictions_have_a_column_for_each_label_on_request(s3):
    preparation = replace(PREPARATION, probability_of_each_class=True)
    caught = refusal(s3, colours().replace("job,", "y_probability_red,"), preparation)
    assert caught.type is ReservedTrainingColumns
    contract = prepare(s3, colours(), preparation)
    assert contract.prediction_columns[2:] == tuple(f"y_probability_{label}" for label in contract.labels)


@pytest.mark.parametrize("rows", [700, 1_500])
def test_many_different_numbers_make_a_regression(s3, rows):
    contract = prepare(s3, prices(rows))
    assert (contract.problem_type, contract.problem_type_from) == ("regression", "values")
    assert (contract.labels, contract.positive_label, contract.rows) == ((), "", rows)
    assert contract.prediction_columns == ("y",)
    report = json.loads(read(s3, "models/r/data.json"))
    assert (report["classes"], report["train"]["rows"] + report["holdout"]["rows"]) == ({}, rows)
    assert report["target_numbers"] == {"smallest": 0.5, "median": rows / 2 + 0.5, "largest": rows - 0.5}
    counted = json.loads(read(s3, "models/r/baseline.json"))["columns"]
    assert [sum(column["counts"]) for column in counted] == [rows, rows]


def test_a_regression_target_that_is_mostly_one_number_is_described(s3):
    claims = prices(1_000, price=lambda n: n if n % 37 == 0 else ("0", "0.0")[n % 2])
    prepare(s3, claims, replace(PREPARATION, problem_type="regression"))
    report = json.loads(read(s3, "models/r/data.json"))
    assert report["target_numbers"] == {"smallest": 0.0, "median": 0.0, "largest": 999.0}
    assert all(0.5 <= column["auc"] <= 1 for column in report["columns"] if column["role"] == "feature")


def test_regression_targets_are_written_plainly_without_missing_ones(s3):
    body = prices(700, lambda n: f'"1.{n:03},25 €"', more="1,2,NA\n1,2,\n")
    contract = prepare(s3, body)
    assert (contract.problem_type, contract.rows) == ("regression", 700)
    assert rows_of(s3, "train")[1][-1] in {"1000.25", "1001.25", "1002.25"}
    report = json.loads(read(s3, "models/r/data.json"))
    assert report["unlabelled_rows"] == 2
    assert any("'y' are read with the decimal separator ','" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("1,2,unknown\n1,2,unknown\n", "2 other values: 'unknown' in 2 rows, first on line 702. Correct"),
        ("1,2,Miller\n", "1 other values: one on line 702. Correct"),
        ("1,2,inf\n", "1 other values: one on line 702. Correct"),
    ],
)
def test_text_in_a_regression_target_is_refused(s3, more, says):
    caught = refusal(s3, prices(more=more))
    assert caught.type is NotNumbers
    assert says in str(caught.value)
    assert "Miller" not in str(caught.value)


@pytest.mark.parametrize("values", [3, 20])
def test_a_target_of_few_numbers_is_not_guessed(s3, values):
    text = prices(price=lambda n: n % values)
    caught = refusal(s3, text)
    assert caught.type is TargetUnclear
    assert "Set the parameter ProblemType to multiclass or regression." in str(caught.value)
    assert prepare(s3, text, replace(PREPARATION, problem_type="multiclass")).problem_type == "multiclass"
    assert prepare(s3, text, replace(PREPARATION, problem_type="regression")).problem_type_from == "parameter"


@pytest.mark.parametrize(
    ("text", "wanted", "error", "says"),
    [
        (table(), "multiclass", WrongClasses, "has two labels, but the parameter ProblemType is multiclass"),
        (table(), "regression", NotNumbers, "is not read as numbers"),
        (prices(price=lambda n: 7), "regression", NotNumbers, "the same number in all rows"),
        (
            colours(2_100, [f"class {n}" for n in range(101)]),
            "auto",
            WrongClasses,
            "has 101 different labels",
        ),
        (prices(1_500, lambda n: f"customer {n}"), "auto", WrongClasses, "more than 1,000 different labels"),
        (prices(1_500), "binary", WrongClasses, "more than 1,000 different labels"),
    ],
)
def test_a_target_that_does_not_fit_the_problem_type_is_refused(s3, text, wanted, error, says):
    caught = refusal(s3, text, replace(PREPARATION, problem_type=wanted))
    assert caught.type is error
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "parameters", "says"),
    [
        (prices(), {"PositiveLabel": "yes"}, "PositiveLabel is 'yes', but the target holds numbers"),
        (
            colours(),
            {"DecisionThreshold": "auto"},
            "DecisionThreshold is 'auto', but the target holds several",
        ),
        (
            colours(),
            {"ObjectiveMetric": "AUC"},
            "Set it to auto or to one of F1macro, Accuracy, BalancedAccuracy.",
        ),
        (prices(), {"ObjectiveMetric": "F1"}, "Set it to auto or to one of RMSE, MSE, MAE, R2."),
        (
            table(),
            {"ObjectiveMetric": "RMSE"},
            "Set it to auto or to one of AUC, Accuracy, BalancedAccuracy, F1.",
        ),
        (
            table(),
            {"ProbabilityOfEachClass": "true"},
            "ProbabilityOfEachClass is 'true', but the target holds two",
        ),
    ],
)
def test_a_parameter_of_another_problem_type_stops_the_run(s3, text, parameters, says):
    preparation = replace(PREPARATION, parameters=parameters)
    with pytest.raises(InvalidSetting) as caught:
        prepare(s3, text, preparation)
    assert says in str(caught.value)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")["KeyCount"] == 0


@pytest.mark.parametrize(("text", "held"), [(colours(), "'blue', 'green', 'red'"), (prices(), "numbers")])
def test_a_changed_target_stops_the_run_unless_requested(s3, text, held):
    with pytest.raises(LabelsChanged, match=f"holds {held}, but .* run old, knows 'no' and 'yes'"):
        prepare(s3, text, champion=champion_of("yes"))
    contract = prepare(s3, text, replace(PREPARATION, new_labels=True), champion=champion_of("yes"))
    assert contract.positive_label == ""


@pytest.mark.parametrize(
    ("text", "leak"),
    [(colours, lambda n: ("r", "g", "b")[n % 3]), (prices, lambda n: n * 1.19)],
)
def test_a_column_that_nearly_determines_any_target_is_a_likely_leak(s3, text, leak):
    header, *lines = text().splitlines()
    leaking = [f"leak,{header}", *(f"{leak(n)},{line}" for n, line in enumerate(lines))]
    report = data_report(s3, "\n".join(leaking))
    assert report["likely_leaks"] == ["leak"]
    columns = {column["name"]: column["auc"] for column in report["columns"]}
    assert columns["leak"] > 0.95 > 0.7 > columns["job"] > 0.4


def test_a_label_of_one_row_is_not_quoted_if_rows_are_too_few(s3):
    caught = refusal(s3, table(positives=0) + "1,x,7,Miller\n")
    assert caught.type is TooFewRowsOfClass
    assert "Only 1 row has the second label, one on line 652" in str(caught.value)
    assert "Miller" not in str(
        refusal(s3, table(positives=0) + "1,x,7,Miller\n", Preparation("y", "a", (), 20)).value
    )


@pytest.mark.parametrize(("rows", "helps"), [(303, False), (520, False), (560, True)])
def test_lowering_the_holdout_is_advised_if_it_helps(s3, rows, helps):
    caught = refusal(s3, table(rows=rows))
    assert caught.type is TooFewRows
    assert ("lower the parameter HoldoutPercent" in str(caught.value)) is helps


def test_a_line_of_several_files_is_given_with_its_file(s3):
    s3.put_object(Bucket=BUCKET, Key="training/all/a.csv", Body=table().encode())
    s3.put_object(
        Bucket=BUCKET, Key="training/all/b.csv", Body=b"age,job,duration,y\n1,x,7,perhaps\n2,x,7,perhaps\n"
    )
    files = find_training_files(Bucket(s3, BUCKET), "training/all/")
    with pytest.raises(
        TooFewRowsOfClass, match=r"'perhaps' in 2 rows, first on line 2 of training/all/b\.csv"
    ):
        prepare_training_data(Bucket(s3, BUCKET), "r", files, PREPARATION)


def test_a_positive_label_that_does_not_occur_is_refused(s3):
    assert refusal(s3, table(), Preparation("y", "ja", (), 20)).type is WrongClasses


def test_too_few_rows_for_autopilot_are_refused(s3, monkeypatch):
    caught = refusal(s3, table(rows=550))
    assert caught.type is TooFewRows
    assert "needs at least 500" in str(caught.value)
    prepare(s3, table(), run="other")
    trained = len(rows_of(s3, "train", "other")) - 1
    monkeypatch.setattr(training_data, "FEWEST_ROWS_TO_TRAIN", trained)
    prepare(s3, table())
    monkeypatch.setattr(training_data, "FEWEST_ROWS_TO_TRAIN", trained + 1)
    words = f"Of the 650 labelled rows {650 - trained} are held out, which leaves {trained} to train on"
    with pytest.raises(TooFewRows, match=words):
        prepare(s3, table())


def test_a_class_with_too_few_rows_is_refused(s3):
    caught = refusal(s3, table(positives=19))
    assert caught.type is TooFewRowsOfClass
    assert "Only 19 rows have the label 'yes'" in str(caught.value)


def test_a_ragged_row_is_refused_with_its_line(s3):
    caught = refusal(s3, table() + "1,2\n")
    assert caught.type is RaggedRow
    assert "Line 652 of training/x.csv has 2 fields" in str(caught.value)


@pytest.mark.parametrize("name", ["y_probability", "y_actual", "prediction_date"])
def test_names_that_predictions_add_are_refused(s3, name):
    caught = refusal(s3, table(header=f"age,{name},duration,y"))
    assert caught.type is ReservedTrainingColumns
    assert name in str(caught.value)


def test_a_file_without_features_is_refused(s3):
    only_target = "y\n" + "".join("yes\n" if n % 2 else "no\n" for n in range(650))
    assert refusal(s3, only_target).type is NoFeatures


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", EmptyFile),
        (b"\n\n", EmptyFile),
        (b"1,2,3\n4,5,6\n", NoHeader),
        (b"age,job,age,y\n1,2,3,no\n", DuplicateColumns),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", NotUtf8),
    ],
)
def test_a_file_that_is_not_a_table_is_refused(s3, body, error):
    assert refusal(s3, body).type is error


def test_bytes_that_are_not_utf8_in_the_middle_are_refused(s3):
    assert refusal(s3, table().encode() + b"1,\xff,7,no\n").type is NotUtf8


def champion_of(positive, labels=("no", "yes"), target="y"):
    return Contract(
        "old",
        target,
        labels,
        positive,
        (),
        (),
        650,
        1,
        ObjectVersion("t", None, "e", 1),
        positive_label_from="rarer",
    )


@pytest.mark.parametrize(
    ("champion", "parameter", "expected"),
    [
        (None, "", ("yes", "rarer")),
        (champion_of("yes"), "", ("yes", "champion")),
        (champion_of("no"), "", ("no", "champion")),
        (champion_of("no"), "yes", ("yes", "parameter")),
        (champion_of("1", ("0", "1"), target="other"), "", ("yes", "rarer")),
    ],
    ids=["first", "same", "rarer by now", "told", "another target"],
)
def test_the_probability_keeps_its_direction_from_model_to_model(s3, champion, parameter, expected):
    preparation = replace(PREPARATION, positive_label=parameter)
    contract = prepare(s3, table(positives=150), preparation, champion=champion)
    assert (contract.positive_label, contract.positive_label_from) == expected
    stored = json.loads(read(s3, "models/r/contract.json"))
    assert (stored["positive_label"], stored["positive_label_from"]) == expected
    assert msgspec.convert(stored, Contract) == contract
    report = json.loads(read(s3, "models/r/data.json"))
    assert (report["positive_label"], report["positive_label_from"]) == expected


def test_unknown_labels_stop_a_run_unless_accepted(s3):
    champion = champion_of("Yes", ("No", "Yes"))
    with pytest.raises(LabelsChanged, match="holds 'no' and 'yes', but .* run old, knows 'No' and 'Yes'"):
        prepare(s3, table(), champion=champion)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")["KeyCount"] == 0
    contract = prepare(s3, table(), replace(PREPARATION, new_labels=True), champion=champion)
    assert (contract.positive_label, contract.positive_label_from) == ("yes", "rarer")


def test_a_file_too_large_is_refused_before_it_is_read(s3, monkeypatch):
    monkeypatch.setattr(training_data, "LARGEST_BYTES", 1000)
    assert refusal(s3, table()).type is TrainingFileTooLarge


def test_a_file_overwritten_meanwhile_is_read_in_its_old_version(s3):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=table().encode())
    training = find_training_files(Bucket(s3, BUCKET), KEY)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"something else")
    assert prepare_training_data(Bucket(s3, BUCKET), "r", training, PREPARATION).rows == 650


def data_report(s3, text, preparation=PREPARATION):
    prepare(s3, text, preparation)
    return json.loads(read(s3, "models/r/data.json"))


def test_the_data_report_describes_the_file(s3):
    text = table(header="age,job,same,y", rows=650).replace("69,job 4,7,", ",,7,")
    report = data_report(s3, text + "5,job 0,7,yes\n" + "1,job 1,7,\n", Preparation("y", "", ("job",), 20))
    assert (report["rows"], report["unlabelled_rows"]) == (651, 1)
    seen = Counter(line for line in text.splitlines()[1:])
    assert report["duplicate_rows"] == sum(times - 1 for times in seen.values()) + 1
    assert report["classes"] == {"yes": 151, "no": 500}
    columns = {column.pop("name"): column for column in report["columns"]}
    assert list(columns) == ["age", "job", "same", "y"]
    assert columns["age"]["missing"] == columns["job"]["missing"] == 9
    assert (columns["age"]["distinct"], columns["job"]["distinct"]) == (69, 5)
    assert [column["role"] for column in columns.values()] == ["feature", "dropped", "constant", "target"]
    assert (report["constant_columns"], report["dropped_columns"]) == (["same"], ["job"])
    train, holdout = report["train"], report["holdout"]
    assert (holdout["by"], holdout["percent"], holdout["columns"]) == ("random", 20, ["age", "same"])
    for part, name in ((train, "train"), (holdout, "holdout")):
        labels = Counter(row[-1] for row in rows_of(s3, name)[1:])
        assert (part["classes"], part["rows"]) == (labels, labels.total())
    assert columns["y"]["auc"] is None
    assert columns["same"]["auc"] == 0.5
    assert [file["key"] for file in report["files"]] == [KEY]


def leaking(number):
    return f"{number // 2},{'signed' if number % 5 == 0 else ''},7,{'yes' if number % 5 == 0 else 'no'}\n"


def test_a_likely_leak_gives_only_a_warning(s3):
    text = "age,agreement,duration,y\n" + "".join(map(leaking, range(650)))
    report = data_report(s3, text)
    assert report["likely_leaks"] == ["agreement"]
    (warning,) = report["warnings"]
    assert "'agreement'" in warning
    assert "DropColumns" in warning
    assert "signed" not in json.dumps(report)


def test_a_leak_that_is_dropped_already_is_reported_without_a_warning(s3):
    text = "age,agreement,duration,y\n" + "".join(map(leaking, range(650)))
    report = data_report(s3, text, Preparation("y", "", ("agreement",), 20))
    assert (report["likely_leaks"], report["warnings"]) == (["agreement"], [])


def test_the_newest_rows_are_held_out_on_request(s3):
    text = "age,job,duration,y\n" + "".join(f"{n},a,7,{'yes' if n % 4 else 'no'}\n" for n in range(650))
    prepare(s3, text, Preparation("y", "", (), 10, "newest"))
    assert [row[0] for row in rows_of(s3, "holdout")[1:]] == [str(n) for n in range(585, 650)]
    assert [row[0] for row in rows_of(s3, "train")[1:]] == [str(n) for n in range(585)]


def test_a_hold_out_of_one_class_is_refused_before_anything_is_written(s3):
    text = table() if table().endswith("no\n") else ""
    assert refusal(s3, text, Preparation("y", "", (), 10, "newest")).type is UnfitHoldout


def test_equal_bytes_are_split_alike_for_any_upload(s3):
    prepare(s3, table(), run="one")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"]
    where = {"Bucket": BUCKET, "Key": KEY, "UploadId": upload}
    part = s3.upload_part(**where, PartNumber=1, Body=table().encode())
    s3.complete_multipart_upload(
        **where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    training = find_training_files(Bucket(s3, BUCKET), KEY)
    assert "-" in training.identity.etag
    prepare_training_data(Bucket(s3, BUCKET), "two", training, PREPARATION)
    assert rows_of(s3, "holdout", "one") == rows_of(s3, "holdout", "two")


def test_a_folder_is_trained_on_as_one_table(s3):
    whole = table()
    header, *lines = whole.splitlines(keepends=True)
    for name, part in (("a", lines[:100]), ("b", lines[100:400]), ("c", lines[400:])):
        s3.put_object(Bucket=BUCKET, Key=f"training/p/{name}.csv", Body=(header + "".join(part)).encode())
    training = find_training_files(Bucket(s3, BUCKET), "training/p/")
    contract = prepare_training_data(Bucket(s3, BUCKET), "parts", training, PREPARATION)
    assert (contract.rows, contract.training.key) == (650, "training/p/")
    prepare(s3, whole, run="whole")
    baselines = [json.loads(read(s3, f"models/{run}/baseline.json")) for run in ("parts", "whole")]
    assert baselines[0]["columns"] == baselines[1]["columns"]
    everything = [Counter(map(tuple, rows_of(s3, name, "parts"))) for name in ("train", "holdout")]
    alone = [Counter(map(tuple, rows_of(s3, name, "whole"))) for name in ("train", "holdout")]
    assert everything[0] + everything[1] == alone[0] + alone[1]


def test_columns_of_too_many_values_are_counted_to_the_last_row(s3, monkeypatch):
    monkeypatch.setattr(training_survey, "_TEXTS_BYTES", 2_000_000)
    lines = (f"{n * 7919 % 8000 / 8},name {n},7,{'yes' if n % 4 == 0 else 'no'}\n" for n in range(8000))
    contract = prepare(s3, "age,job,duration,y\n" + "".join(lines))
    assert contract.features == (Feature("age", "numeric"), Feature("job", "categorical"))
    baseline = msgspec.json.decode(read(s3, "models/r/baseline.json"), type=Baseline)
    age, job = baseline.columns
    assert sum(age.counts) == sum(job.counts) == 8000
    assert (age.edges[0], age.edges[-1]) == (0.0, 999.875)
    inner = [times for times in age.counts if times]
    assert max(inner) < 1.5 * min(inner), "bins from a sample still hold about a tenth of the rows each"
    assert job.open
    columns = json.loads(read(s3, "models/r/data.json"))["columns"]
    assert [column["distinct_is_exact"] for column in columns] == [False, False, True, True]


def with_column(texts, rows=650):
    """A file with a column of these texts, over and over."""
    body = (f'"{texts[n % len(texts)]}",{n % 9},{"yes" if n % 4 else "no"}' for n in range(rows))
    return "\n".join(["a,b,y", *body])


def test_a_column_that_is_the_same_in_every_row_is_not_a_feature(s3):
    for texts in (["", ""], ["5"], ["x"]):
        contract = prepare(s3, with_column(texts))
        assert [feature.name for feature in contract.features] == ["b"]


def test_texts_among_numbers_are_emptied_for_the_model_and_reported(s3):
    texts = [*map(str, range(60)), " ", "secret"]
    contract = prepare(s3, with_column([*texts[:-1], *map(str, range(60, 120))]))
    assert contract.features[0] == Feature("a", "numeric", NumberForm(missing=(" ",)))
    assert {" "}.isdisjoint(row[0] for row in rows_of(s3, "train") + rows_of(s3, "holdout"))
    (warning,) = json.loads(read(s3, "models/r/data.json"))["warnings"]
    assert "column 'a' holds numbers and 5 other values" in warning
    assert "' ' (5 times, first on line 62)" in warning
    baseline = msgspec.json.decode(read(s3, "models/r/baseline.json"), type=Baseline)
    assert baseline.columns[0].counts[-1] == 5


def test_a_text_that_occurs_once_is_reported_only_by_its_line(s3):
    rows = with_column([*map(str, range(60))]).replace('"7",7,', '"Smith",7,', 1)
    prepare(s3, rows)
    (warning,) = json.loads(read(s3, "models/r/data.json"))["warnings"]
    assert "Smith" not in warning
    assert "one on line 9" in warning


def test_numbers_in_another_format_are_written_plainly_for_the_model(s3):
    contract = prepare(s3, with_column(["1.234,50", "7,25", "80"]))
    assert contract.features[0].form == NumberForm(",", ".")
    assert {row[0] for row in rows_of(s3, "train")[1:]} == {"1234.50", "7.25", "80"}
    assert msgspec.json.decode(read(s3, "models/r/contract.json"), type=Contract) == contract


@pytest.mark.parametrize(
    ("name", "meant"), [("customerid", "customerID"), ("custmerID", "customerID"), ("xyz", "")]
)
def test_a_missing_column_to_drop_stops_the_run(s3, name, meant):
    text = table(header="age,job,customerID,y")
    caught = refusal(s3, text, Preparation("y", "", (name,), 20))
    assert caught.type is UnknownDroppedColumn
    assert repr(name) in str(caught.value)
    assert (f"Did you mean {meant!r}?" in str(caught.value)) is bool(meant)


@pytest.mark.parametrize("label", ["None", "NA", "null", "n/a"])
def test_a_label_that_the_model_reads_as_missing_is_refused(s3, label):
    caught = refusal(s3, table().replace(",yes", f",{label}"))
    assert caught.type is WrongClasses
    assert repr(label) in str(caught.value)


def customers(rows=800, header="customer,age,job,y"):
    lines = [f"c{n},{n % 97},job {n % 13},{'yes' if n % 4 == 0 else 'no'}" for n in range(rows)]
    return "\n".join([header, *lines]) + "\n"


BY_CUSTOMER = Preparation("y", "", (), 20, id_column="customer")


def test_the_users_key_is_not_a_feature_and_determines_the_hold_out(s3):
    contract = prepare(s3, customers(), BY_CUSTOMER)
    assert (contract.id_column, contract.dropped_columns) == ("customer", ())
    assert [feature.name for feature in contract.features] == ["age", "job"]
    assert contract.holdout == HoldoutRule("random", 20, ("customer",))
    assert msgspec.json.decode(read(s3, "models/r/contract.json"), type=Contract) == contract
    assert rows_of(s3, "train")[0] == rows_of(s3, "holdout")[0] == ["age", "job", "y"]
    roles = {
        column["name"]: column["role"] for column in json.loads(read(s3, "models/r/data.json"))["columns"]
    }
    assert roles == {"customer": "key", "age": "feature", "job": "feature", "y": "target"}
    snapshots = "".join(f"c{n % 800},{n % 89},job {n % 7},no\n" for n in range(1600))
    prepare(s3, customers() + snapshots, BY_CUSTOMER, run="more")
    once, more = (len(rows_of(s3, "holdout", run)) - 1 for run in ("r", "more"))
    assert more == 3 * once, "the rows of a customer are on one side"


@pytest.mark.parametrize(
    ("name", "words"),
    [("Customer", "Did you mean 'customer'"), ("zzz", "leave it empty"), ("y", "the column to predict")],
)
def test_a_missing_key_column_is_refused(s3, name, words):
    caught = refusal(s3, customers(), replace(BY_CUSTOMER, id_column=name))
    assert caught.type is IdColumnMissing
    assert f"IdColumn is '{name}'" in str(caught.value)
    assert words in str(caught.value)


PLAIN = Preparation("y", "", (), 20)


@pytest.mark.parametrize(
    ("before", "after", "header", "columns"),
    [
        (PLAIN, PLAIN, "customer,age,job,y", ("age", "customer", "job")),
        (replace(PLAIN, dropped_columns=("customer",)), PLAIN, "customer,age,job,y", ("age", "job")),
        (PLAIN, replace(PLAIN, dropped_columns=("customer",)), "customer,age,job,y", ("age", "job")),
        (PLAIN, PLAIN, "client,age,job,y", ("age", "client", "job")),
        (PLAIN, BY_CUSTOMER, "customer,age,job,y", ("customer",)),
        (BY_CUSTOMER, PLAIN, "customer,age,job,y", ("age", "customer", "job")),
    ],
    ids=["same", "a new column", "a dropped column", "a renamed one", "a key from now on", "no key any more"],
)
def test_the_champions_split_rule_is_kept_while_its_columns_exist(s3, before, after, header, columns):
    champion = prepare(s3, customers(), before, run="old")
    contract = prepare(s3, customers(900, header), replace(after, holdout_percent=25), champion=champion)
    assert contract.holdout == HoldoutRule("random", 25, columns)


def test_the_held_out_rows_unknown_to_the_champion_are_recorded(s3):
    assert read_unseen_rows(Bucket(s3, BUCKET), "r", "old").rows is None
    champion = prepare(s3, customers(), PLAIN, run="old")
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="models/old/unseen")["KeyCount"] == 0
    prepare(s3, customers(1000), PLAIN, champion=champion)
    held_out = len(rows_of(s3, "holdout")) - 1
    unseen = read_unseen_rows(Bucket(s3, BUCKET), "r", "old")
    assert unseen.rows == ((1, held_out),)
    assert unseen.numbers() == set(range(1, held_out + 1))
    assert "not in force" in read_unseen_rows(Bucket(s3, BUCKET), "r", "another").unknown
    prepare(s3, customers(1000), PLAIN, champion=replace(champion, holdout=None))
    assert "did not record" in read_unseen_rows(Bucket(s3, BUCKET), "r", "old").unknown


def test_with_a_hold_out_by_time_the_newest_training_row_is_recorded(s3):
    by_time = replace(PLAIN, holdout_by="newest")
    champion = prepare(s3, customers(), by_time, run="old")
    assert champion.holdout.newest_row
    prepare(s3, customers(1000), by_time, champion=champion)
    assert read_unseen_rows(Bucket(s3, BUCKET), "r", "old").rows == ((1, 200),)
    prepare(s3, customers(650), by_time, champion=champion)
    assert read_unseen_rows(Bucket(s3, BUCKET), "r", "old").rows == ((121, 130),), (
        "rows 520 to 639 were trained on"
    )


@pytest.mark.parametrize(
    ("preparation", "features"),
    [
        (PLAIN, ["id", "age", "job"]),
        (replace(PLAIN, dropped_columns=("id",)), ["age", "job"]),
        (replace(PLAIN, id_column="id"), ["age", "job"]),
    ],
    ids=["a feature", "dropped", "the key"],
)
def test_if_the_user_has_a_column_id_ours_gets_another_name(s3, preparation, features):
    contract = prepare(s3, customers(header="id,age,job,y"), preparation)
    assert [feature.name for feature in contract.features] == features
    assert contract.row_id == "autowatch_id"
    assert contract.row_id_in(("age", "job")) == contract.row_id_in(("id", "age", "job")) == "autowatch_id"
    plain = prepare(s3, customers())
    assert plain.row_id_in(("age", "job")) == "id"
    assert plain.row_id_in(("id", "age", "job")) == "autowatch_id"
    assert refusal_of_both(s3).type is ReservedTrainingColumns


def refusal_of_both(s3):
    with pytest.raises(Exception, match="autowatch_id.*Rename it") as caught:
        prepare(s3, customers(header="id,autowatch_id,job,y"), PLAIN)
    return caught


def adult(rows=700):
    """As the public Adult file has it: a space behind every comma of header and rows."""
    return "age, workclass, income\n" + "".join(
        f"{number % 70}, {'State-gov' if number % 2 else 'Private'}, {'>50K' if number % 3 == 0 else '<=50K'}\n"
        for number in range(rows)
    )


def adult_preparation(**changes):
    return replace(Preparation(" income", "", (), 20), **changes)


def test_leading_spaces_of_names_and_labels_are_kept(s3):
    contract = prepare(s3, adult(), adult_preparation())
    assert contract.labels == (" <=50K", " >50K")
    assert [feature.name for feature in contract.features] == ["age", " workclass"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"target": "income"},
            "Column 3 differs from 'income' only by capitals, spaces or invisible characters.",
        ),
        ({"positive_label": ">50K"}, "is '>50K'. Only capitals, spaces or the Unicode form differ."),
        (
            {"dropped_columns": ("workclass",)},
            "The file calls it ' workclass', with spaces around it: rename it",
        ),
    ],
)
def test_names_that_differ_only_by_a_space_are_reported(s3, changes, told):
    assert told in str(refusal(s3, adult(), adult_preparation(**changes)).value)


def test_labels_that_differ_from_the_champions_only_by_a_space_are_reported(s3):
    champion = prepare(s3, adult().replace(", ", ","), Preparation("income", "", (), 20), run="before")
    champion = replace(champion, target=" income")
    with pytest.raises(LabelsChanged, match="knows '<=50K' and '>50K'. Only capitals, spaces"):
        prepare(s3, adult(), adult_preparation(), champion=champion)
