import random

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.records.holdout import HoldoutRule
from autowatch.training.data.columns import ColumnReader
from autowatch.training.data.copies import NearCopies, NearCopiesFinder, copies_by_time


def find(columns, id_column="", at_once=1_000):
    """What is found in a table, given as its columns by their names; the target is `y`."""
    header, rows = list(columns), len(columns["y"])
    surveys = {}
    for name, texts in columns.items():
        reader = ColumnReader(name, 10**8)
        reader.add(texts, range(2, rows + 2))
        surveys[name] = reader.survey()
    features = tuple(Feature(name, surveys[name].type) for name in header if name not in ("y", id_column))
    contract = Contract(
        "r",
        "y",
        ("no", "yes"),
        "yes",
        features,
        (),
        rows,
        1,
        ObjectVersion("k", None, "e", 1),
        id_column=id_column,
    )
    finder = NearCopiesFinder(surveys, contract, header, rows)
    for begin in range(0, rows, at_once):
        finder.add([texts[begin : begin + at_once] for texts in columns.values()])
    return finder.found()


def noise(rows, seed=1):
    """Columns that say nothing of the target, in rows of their own."""
    chance = random.Random(seed)
    return {
        "a": [f"{chance.gauss(0, 1):.4f}" for _ in range(rows)],
        "b": [f"{chance.gauss(0, 1):.3f}" for _ in range(rows)],
        "job": [f"job {chance.randrange(8)}" for _ in range(rows)],
        "y": ["yes" if chance.random() < 0.1 else "no" for _ in range(rows)],
    }


def repeated(columns, rows):
    """The table of these rows, by their numbers, in this order."""
    return {name: [texts[row] for row in rows] for name, texts in columns.items()}


POSITIVES_NINE_TIMES = [
    row for row, label in enumerate(noise(1_000)["y"]) for _ in range(9 if label == "yes" else 1)
]
COPIES = len(POSITIVES_NINE_TIMES) - 1_000


@pytest.mark.parametrize("identifier", ["{n}", "c-{n:06}", "{n}.0", "2026-01-{day:02}T00:00:{n:05}"])
def test_rows_that_differ_only_in_identifiers_are_near_copies(identifier):
    table = repeated(noise(1_000), POSITIVES_NINE_TIMES)
    names = [identifier.format(n=n, day=n % 28 + 1) for n in range(len(POSITIVES_NINE_TIMES))]
    assert find({"id": names, **table}) == NearCopies(COPIES, ("id",), True)


def test_a_repeated_export_with_another_date_is_found():
    table = repeated(noise(600), [*range(600), *range(600)])
    dates = ["2026-10-01"] * 600 + ["2026-11-01"] * 600
    assert find({"exported": dates, **table}) == NearCopies(600, ("exported",), True)
    number = list(map(str, range(1_200)))
    assert find({"exported": dates, "row": number, **table}) == NearCopies(600, ("row", "exported"), True)


def test_the_users_key_is_ignored():
    table = repeated(noise(1_000), POSITIVES_NINE_TIMES)
    keys = [f"k{n % 1_500}" for n in range(len(POSITIVES_NINE_TIMES))]
    found = find({"customer": keys, **table}, id_column="customer")
    assert found == NearCopies(COPIES, ("customer",), True)
    assert "leave the parameter IdColumn empty and add 'customer' to DropColumns" in found.warning(
        1_000, "customer"
    )


def test_the_fewest_columns_are_named():
    table = repeated(noise(1_000), POSITIVES_NINE_TIMES)
    rows = len(POSITIVES_NINE_TIMES)
    source = [f"s{row}" for row in POSITIVES_NINE_TIMES]
    found = find({"id": list(map(str, range(rows))), "source": source, **table})
    assert found == NearCopies(COPIES, ("id",), True)


def test_exact_copies_are_not_reported():
    table = repeated(noise(1_000), POSITIVES_NINE_TIMES)
    assert find(table) is None
    assert find({"id": [f"c{row}" for row in POSITIVES_NINE_TIMES], **table}) is None


@pytest.mark.parametrize("seed", range(5))
def test_distinct_rows_are_not_mistaken_for_copies(seed):
    rows = 2_000
    chance = random.Random(seed)
    table = {"id": list(map(str, range(rows))), "income": [str(chance.randrange(10**6)) for _ in range(rows)]}
    assert find({**table, **noise(rows, seed)}) is None
    few_values = {"id": table["id"], "job": noise(rows)["job"], "y": noise(rows)["y"]}
    assert find(few_values) is None, "rows of so few values agree by chance"
    assert find({**table, "job": noise(rows)["job"], "y": noise(rows)["y"]}) is None


def test_a_few_copies_give_no_warning():
    table = repeated(noise(2_000), [*range(2_000), *range(15)])
    assert find({"id": list(map(str, range(2_015))), **table}) is None


def test_the_warning_has_count_column_and_remedy():
    words = NearCopies(1_234, ("id",), False).warning(5_678, "")
    assert words.startswith(
        "About 1,234 of 5,678 rows are copies of an earlier row: they differ from it only in 'id'."
    )
    assert "Add 'id' to the parameter DropColumns" in words
    assert "IdColumn" in words


@pytest.mark.parametrize(
    ("by", "duplicates", "told"), [("newest", 20, 1), ("newest", 19, 0), ("random", 900, 0)]
)
def test_exact_copies_are_reported_if_rows_are_held_out_by_time(by, duplicates, told):
    warnings = copies_by_time(duplicates, 2_000, HoldoutRule(by, 20, ("a",)))
    assert len(warnings) == told
    assert all(words.startswith("20 of 2,000 rows are exact copies") for words in warnings)
