"""The loop for targets of several labels and of numbers: generated tables of known difficulty, and two real ones.

One stack trains on them one after the other; the problem type is inferred from each file.
"""

import csv
import json

import pytest
from sklearn.datasets import load_diabetes, load_wine

from autowatch_client.examples.files import write_example
from autowatch_client.tables import write_table
from sandbox.client import running_sandbox

pytestmark = pytest.mark.sandbox
PARAMETERS = {
    "TargetColumn": "y",
    "IdColumn": "key",
    "ProbabilityOfEachClass": "false",
    "MaxTrainingSeconds": "60",
    "MaxCandidates": "2",
    "PollSeconds": "1",
    "MinRows": "200",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(parameters=PARAMETERS, state_dir=tmp_path_factory.mktemp("types")) as sandbox:
        yield sandbox


def renamed(path):
    """The same file with the key called `key` and the target `y`."""
    header, rest = path.read_text().split("\n", 1)
    first, *middle, last = header.split(",")
    names = {"ticket": "key", "flat": "key", "team": "y", "rent": "y"}
    path.write_text("\n".join([",".join(names.get(name, name) for name in (first, *middle, last)), rest]))
    return path


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_json(sandbox, key):
    body = sandbox.client("s3").get_object(Bucket=sandbox.outputs["DataBucketName"], Key=key)["Body"]
    return json.loads(body.read())


@pytest.mark.parametrize(
    ("name", "problem_type", "measure", "least", "most", "columns", "moved"),
    [
        ("tickets", "multiclass", "macro_auc", 0.8, 0.9, {"y", "y_probability"}, "words"),
        ("rents", "regression", "r2", 0.75, 0.93, {"y"}, "area"),
    ],
)
def test_a_target_of_known_difficulty_goes_through_the_whole_loop(
    sandbox, stack, tmp_path, name, problem_type, measure, least, most, columns, moved
):
    files = write_example(tmp_path, name, rows=1500)
    for path in (files.training, files.june, files.june_labels, files.july):
        renamed(path)

    end = stack.train(files.training, new_labels=True).follow(poll_seconds=0.2)
    assert end.ending == "released", end
    contract = stack.contract()
    assert (contract["problem_type"], contract["problem_type_from"]) == (problem_type, "values")
    gate = read_json(sandbox, f"models/{contract['run']}/gate.json")
    assert least < gate["metrics"][measure] < most
    baseline = read_json(sandbox, f"models/{contract['run']}/baseline.json")
    assert {each["name"] for each in baseline["columns"] if each["kind"] == "prediction"} == columns

    (scored,) = stack.score(files.june, out=tmp_path)
    assert (scored.rows_in, scored.rows_scored) == (1500, 1500)
    rows = read_rows(scored.predictions)
    assert set(rows[0]) - set(read_rows(files.june)[0]) == {"id", "prediction_date", *columns}
    (judged,) = stack.judge().judged
    document = read_json(sandbox, f"reports/date={judged.what}/drift.json")
    assert (document["run"], document["verdict"]) == (contract["run"], "no drift")

    labelled = stack.label(files.june_labels, key="key")
    assert (labelled.taken, labelled.rejected) == (1500, 0)
    (day,) = labelled.quality
    assert day.verdict == "good"

    (july,) = stack.score(files.july, out=tmp_path)
    (drifted,) = stack.judge(july.predictions).judged
    assert drifted.verdict == "drift"
    assert {"y", moved} <= dict(drifted.moved).keys()

    again = stack.train(files.training).follow(poll_seconds=0.2)
    assert again.ending == "released", again
    gate = read_json(sandbox, f"models/{stack.contract()['run']}/gate.json")
    assert gate["champion"]["run"] == contract["run"]


@pytest.mark.parametrize(
    ("load", "repeats", "problem_type", "measure", "least"),
    [(load_wine, 5, "multiclass", "macro_auc", 0.95), (load_diabetes, 2, "regression", "r2", 0.2)],
)
def test_a_real_table_is_learnt(sandbox, stack, tmp_path, load, repeats, problem_type, measure, least):
    """Both have fewer than Autopilot's 500 rows, so each row is repeated; copies are on one side of the split."""
    data = load()
    values = data.target_names[data.target] if problem_type == "multiclass" else data.target
    names = [name.replace("/", " per ") for name in data.feature_names]
    rows = [
        (f"row {number}", *row, value)
        for number, (*row, value) in enumerate(zip(*data.data.T, values, strict=True))
    ]
    path = tmp_path / "real.csv"
    write_table(path, ("key", *names, "y"), [row for row in rows for _ in range(repeats)])

    end = stack.train(path, new_labels=True).follow(poll_seconds=0.2)
    assert end.ending == "released", end
    contract = stack.contract()
    assert contract["problem_type"] == problem_type
    assert read_json(sandbox, f"models/{contract['run']}/gate.json")["metrics"][measure] > least
    write_table(tmp_path / "fresh.csv", ("key", *names), [row[:-1] for row in rows])
    (scored,) = stack.score(tmp_path / "fresh.csv", out=tmp_path)
    assert scored.rows_scored == len(rows)
