"""The loop on tables that are written as the well-known public ones are: German credit, Adult and Titanic.

Rows are random. Only the format is theirs: decimal commas and semicolons; spaces after each comma and `?` for what is
missing; quoted names with commas, gaps and identifiers. The tutorial's test has the Telco file.
"""

import csv
import random
from dataclasses import dataclass

import pytest

from sandbox.client import running_sandbox

pytestmark = pytest.mark.sandbox
PARAMETERS = {"TargetColumn": "y", "MinimumAuc": "0.6", "MaxTrainingSeconds": "60", "PollSeconds": "1"}


@dataclass(frozen=True)
class Kind:
    """A table's format.

    Attributes:
        header: the file's, the target last.
        row: draws one row; the second argument multiplies the numbers that drift. write: returns the text of a file.
            moved: the column that drifts.
    """

    header: tuple[str, ...]
    row: object
    write: object
    moved: str


def german(draw, factor):
    months, amount = draw.randint(6, 60), draw.lognormvariate(7.5, 0.7) * factor
    bad = draw.random() < 1 / (1 + 2.718 ** (3.2 - months / 12 - amount / factor / 3000))
    rate = draw.uniform(1, 4)
    return [
        str(months),
        f"{amount:.2f}".replace(".", ","),
        f"{rate:.1f}".replace(".", ","),
        draw.choice(["A40", "A41", "A43"]),
        "21"[not bad],
    ]


def adult(draw, factor):
    age, hours = draw.randint(17, 80), min(99, draw.gauss(40, 10)) * factor
    rich = draw.random() < 1 / (1 + 2.718 ** (5 - age / 20 - hours / factor / 20))
    work = draw.choice([" Private", " State-gov", " ?"])
    return [
        str(age),
        work,
        f" {hours:.0f}",
        draw.choice([" Bachelors", " HS-grad"]),
        " >50K" if rich else " <=50K",
    ]


def titanic(draw, factor):
    number, sex, cabin = (
        draw.randrange(10**6),
        draw.choice(["male", "female"]),
        draw.choice(["", "C85", "E46"]),
    )
    fare = draw.lognormvariate(2.9, 0.9)
    lived = draw.random() < (0.75 if sex == "female" else 0.2)
    age = "" if draw.random() < 0.2 else f"{draw.uniform(1, 75):.1f}"
    return [f'Doe, Mr. J. "{number}"', sex, age, f"{fare * factor:.4f}", cabin, "01"[lived]]


def plain(delimiter):
    def write(path, rows):
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)

    return write


KINDS = {
    "german": Kind(("months", "amount", "rate", "purpose", "y"), german, plain(";"), "amount"),
    "adult": Kind(("age", " workclass", " hours", " education", "y"), adult, plain(","), " hours"),
    "titanic": Kind(("Name", "Sex", "Age", "Fare", "Cabin", "y"), titanic, plain(","), "Fare"),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with running_sandbox(parameters=PARAMETERS, state_dir=tmp_path_factory.mktemp("tables")) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", KINDS)
def test_a_table_is_trained_scored_and_watched_in_its_own_format(stack, tmp_path, name):
    kind, draw = KINDS[name], random.Random(11)

    def file(stem, rows, factor=1.0, width=None):
        path = tmp_path / f"{name}-{stem}.csv"
        kind.write(
            path, [row[:width] for row in [kind.header, *(kind.row(draw, factor) for _ in range(rows))]]
        )
        return path

    end = stack.train(file("training", 1500), new_labels=True).follow(poll_seconds=0.2)
    assert end.ending == "released", end
    features = {feature["name"]: feature["type"] for feature in stack.contract()["features"]}
    assert features[kind.moved] == "numeric"
    assert any("form" in feature for feature in stack.contract()["features"]) == (name == "german")

    fresh = file("fresh", 800, width=-1)
    (scored,) = stack.score(fresh, out=tmp_path)
    assert (scored.rows_in, scored.rows_scored) == (800, 800)
    with fresh.open(newline="") as given, scored.predictions.open(newline="") as got:
        own = list(csv.reader(given, delimiter=";" if name == "german" else ","))
        assert [row[: len(own[0])] for row in csv.reader(got)] == own, "every cell as it was written"

    (calm,) = stack.judge(fresh).judged
    (drifted,) = stack.judge(file("drifted", 800, factor=1.8, width=-1)).judged
    assert (calm.verdict, calm.moved) == ("no drift", ())
    assert drifted.verdict == "drift"
    assert kind.moved in dict(drifted.moved)
