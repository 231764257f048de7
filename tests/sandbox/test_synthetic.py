"""The generator against figures counted in the published file, and against a model's AUC on its rows."""

import csv
import hashlib
import resource

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from sandbox.demo.synthetic import COLUMNS, PUBLISHED_ROWS, write_bank_marketing

ROWS = 20_000
EARLY_SHARE = 0.65


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "bank.csv"
    write_bank_marketing(path, ROWS, seed=1)
    return path


@pytest.fixture(scope="module")
def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture(scope="module")
def spans(rows):
    cut = int(len(rows) * EARLY_SHARE)
    return rows[:cut], rows[cut:]


def share(rows, column, value):
    return sum(row[column] == value for row in rows) / len(rows)


def mean(rows, column):
    return sum(float(row[column]) for row in rows) / len(rows)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_has_the_published_form(path, rows):
    content = path.read_bytes()
    lines = content.split(b"\r\n")
    assert lines[0] == ";".join(f'"{column}"' for column in COLUMNS).encode()
    assert lines[-1] == b""
    assert len(lines) == ROWS + 2
    assert b"\n" not in content.replace(b"\r\n", b"")
    numeric = (0, 10, 11, 12, 13, 15, 16, 17, 18, 19)
    for line in lines[1:200]:
        cells = line.split(b";")
        assert len(cells) == 21
        assert all(
            (cell.startswith(b'"') and cell.endswith(b'"')) != (i in numeric) for i, cell in enumerate(cells)
        )
    assert len(rows) == ROWS


@pytest.mark.parametrize("count", [0, 1, 2, 25, 5001])
def test_the_requested_number_of_rows_is_written(tmp_path, count):
    write_bank_marketing(tmp_path / "bank.csv", count)
    assert (tmp_path / "bank.csv").read_bytes().count(b"\r\n") == count + 1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_bank_marketing(tmp_path / name, 3000, seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_values_stay_within_the_published_ones(rows):
    categories = {
        "marital": {"married", "single", "divorced", "unknown"},
        "default": {"no", "unknown", "yes"},
        "housing": {"no", "unknown", "yes"},
        "loan": {"no", "unknown", "yes"},
        "contact": {"cellular", "telephone"},
        "month": {"mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
        "day_of_week": {"mon", "tue", "wed", "thu", "fri"},
        "poutcome": {"nonexistent", "failure", "success"},
        "y": {"no", "yes"},
    }
    for column, values in categories.items():
        assert {row[column] for row in rows} <= values
    assert len({row["job"] for row in rows}) == 12
    assert {row["education"] for row in rows} >= {"university.degree", "high.school", "basic.4y", "unknown"}
    ranges = {
        "age": (17, 98), "duration": (0, 4918), "campaign": (1, 56), "pdays": (0, 999), "previous": (0, 7),
        "emp.var.rate": (-3.4, 1.4), "cons.price.idx": (92.201, 94.767), "cons.conf.idx": (-50.8, -26.9),
        "euribor3m": (0.634, 5.045), "nr.employed": (4963.6, 5228.1),
    }  # fmt: skip
    for column, (low, high) in ranges.items():
        values = [float(row[column]) for row in rows]
        assert low <= min(values) <= max(values) <= high, column


def test_related_columns_agree(rows):
    assert all((row["housing"] == "unknown") == (row["loan"] == "unknown") for row in rows)
    assert all((row["previous"] == "0") == (row["poutcome"] == "nonexistent") for row in rows)
    assert all(row["pdays"] != "999" for row in rows if row["poutcome"] == "success")
    assert all(row["pdays"] == "999" for row in rows if row["poutcome"] == "nonexistent")


# Shares counted in the published file's first 65 % and last 35 %.
@pytest.mark.parametrize(
    ("column", "value", "early", "late"),
    [
        ("y", "yes", 0.048, 0.232),
        ("job", "admin.", 0.244, 0.270),
        ("job", "blue-collar", 0.238, 0.201),
        ("job", "student", 0.007, 0.048),
        ("marital", "single", 0.245, 0.348),
        ("education", "university.degree", 0.283, 0.318),
        ("default", "unknown", 0.264, 0.107),
        ("housing", "yes", 0.502, 0.565),
        ("loan", "yes", 0.150, 0.155),
        ("contact", "cellular", 0.491, 0.901),
        ("month", "may", 0.290, 0.417),
        ("month", "apr", 0.0, 0.183),
        ("month", "jul", 0.250, 0.034),
        ("day_of_week", "fri", 0.167, 0.232),
        ("poutcome", "failure", 0.020, 0.258),
        ("poutcome", "success", 0.001, 0.093),
        ("pdays", "999", 0.999, 0.897),
        ("previous", "0", 0.979, 0.649),
        ("campaign", "1", 0.402, 0.478),
    ],
)
def test_shares_are_like_the_published_ones_in_both_spans(spans, column, value, early, late):
    assert share(spans[0], column, value) == pytest.approx(early, abs=0.06)
    assert share(spans[1], column, value) == pytest.approx(late, abs=0.06)


# Means counted in the same two spans.
@pytest.mark.parametrize(
    ("column", "early", "late", "within"),
    [
        ("age", 40.1, 39.8, 1.5),
        ("euribor3m", 4.844, 1.350, 0.05),
        ("emp.var.rate", 1.158, -1.916, 0.05),
        ("nr.employed", 5214.0, 5079.8, 2),
        ("cons.price.idx", 93.865, 93.039, 0.02),
        ("cons.conf.idx", -39.37, -42.60, 0.2),
        ("campaign", 2.81, 2.12, 0.15),
        ("previous", 0.021, 0.455, 0.05),
        ("duration", 252.6, 268.9, 20),
    ],
)
def test_means_are_like_the_published_ones_in_both_spans(spans, column, early, late, within):
    assert mean(spans[0], column) == pytest.approx(early, abs=within)
    assert mean(spans[1], column) == pytest.approx(late, abs=within)


def test_rows_of_one_span_do_not_drift(spans):
    early = spans[0]
    halves = early[::2], early[1::2]
    for column, value in (("job", "admin."), ("contact", "cellular"), ("y", "yes"), ("month", "may")):
        assert share(halves[0], column, value) == pytest.approx(share(halves[1], column, value), abs=0.025)


def test_a_model_of_the_early_span_fails_on_the_late_one(spans):
    columns = [column for column in COLUMNS if column not in ("y", "duration")]
    tables = [_numbers(span, columns) for span in spans]
    outcomes = [np.array([row["y"] == "yes" for row in span]) for span in spans]
    # Every fourth row of each span is kept for judging.
    learn = [np.arange(len(table)) % 4 != 0 for table in tables]
    models = [
        HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.06, max_leaf_nodes=12, random_state=0
        ).fit(table[rows], outcome[rows])
        for table, outcome, rows in zip(tables, outcomes, learn, strict=True)
    ]

    def auc(model, span):
        judged = ~learn[span]
        return roc_auc_score(outcomes[span][judged], models[model].predict_proba(tables[span][judged])[:, 1])

    assert 0.62 <= auc(0, 0) <= 0.75
    assert 0.75 <= auc(1, 1) <= 0.82
    assert auc(0, 1) <= 0.62


def test_duration_reveals_the_outcome(spans):
    for span, least in zip(spans, (0.9, 0.7), strict=True):
        outcome = [row["y"] == "yes" for row in span]
        assert roc_auc_score(outcome, [float(row["duration"]) for row in span]) >= least


def test_memory_does_not_grow_with_the_rows(tmp_path):
    write_bank_marketing(tmp_path / "bank.csv", 5000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_bank_marketing(tmp_path / "bank.csv", 3 * PUBLISHED_ROWS)
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown_bytes < (tmp_path / "bank.csv").stat().st_size / 2


def _numbers(rows, columns):
    return np.array([[_number(row[column]) for column in columns] for row in rows])


def _number(text):
    try:
        return float(text)
    except ValueError:
        return float(sum(map(ord, text)))
