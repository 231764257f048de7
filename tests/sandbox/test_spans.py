import csv

import pytest
from sklearn.metrics import roc_auc_score

from sandbox.demo.spans import UnfitSourceError, area_under_curve, cut_spans, fit_of
from sandbox.demo.synthetic import write_bank_marketing


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "bank.csv"
    write_bank_marketing(path, 2000, 1)
    return path


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file, delimiter=";")]


def test_every_row_is_in_one_file_alone_and_its_label_is_kept(source, tmp_path):
    early, late = cut_spans(source, tmp_path / "cut", 100)
    header, *all_rows = rows(source)
    cut = []
    for span in (early, late):
        assert rows(span.training)[0] == header
        assert rows(span.batch.path)[0] == header[:-1]
        cut += rows(span.training)[1:]
        scored = rows(span.batch.path)[1:]
        assert len(scored) == len(span.batch.labels) == 100
        cut += [(*row, label) for row, label in zip(scored, span.batch.labels, strict=True)]
    assert sorted(cut) == sorted(all_rows)


def test_the_cut_is_the_same_every_time(source, tmp_path):
    first, _ = cut_spans(source, tmp_path / "one", 100)
    second, _ = cut_spans(source, tmp_path / "two", 100)
    assert first.batch.path.read_bytes() == second.batch.path.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"), [("", "no column"), ("a;b\n1;2\n", "no column"), ("a;y\n1;no\n", "1 rows")]
)
def test_an_unfit_file_is_named(tmp_path, text, words):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(UnfitSourceError, match=words):
        cut_spans(path, tmp_path, 100)


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_area_under_the_curve_is_scikit_learns(decimals):
    labels = ["yes" if number % 3 == 0 else "no" for number in range(200)]
    probabilities = [round((number * 7919 % 1000) / 1000, decimals) for number in range(200)]
    expected = roc_auc_score([label == "yes" for label in labels], probabilities)
    assert area_under_curve(labels, probabilities) == pytest.approx(expected, abs=1e-12)


def test_the_best_tenth_and_the_mean_probability_equal_counts_by_hand():
    labels = ["yes", "no", "yes", "no"] + ["no"] * 16
    probabilities = [0.9, 0.8, 0.1, 0.1] + [0.05] * 16
    fit = fit_of(labels, probabilities)
    assert (fit.best_tenth_rows, fit.best_tenth_won, fit.came_true) == (2, 1, 0.1)
    assert fit.lift == pytest.approx(5.0)
    assert fit.promised == pytest.approx(2.7 / 20)
