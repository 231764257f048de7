import math
import random
import subprocess
import sys
from collections import Counter

import pytest

from autowatch.tabular.cells import MISSING, PLAIN_FORM, NumberForm
from autowatch.training.data.columns import ColumnReader, StrayText, TextCounts


def survey(*blocks, max_bytes=10_000_000):
    reader = ColumnReader("a", max_bytes)
    for block in blocks:
        reader.add(block, range(2, 2 + len(block)))
    return reader.survey()


def test_a_numeric_columns_missing_and_distinct_values_are_counted():
    column = survey(["1", "2.5", "", "NA"], ["1", "null", "-3e4"])
    assert (column.type, column.missing, column.distinct, column.distinct_is_exact) == ("numeric", 3, 3, True)


def test_texts_among_few_numbers_make_a_column_categorical():
    column = survey(["1", "NA", ""], ["2"], ["many"])
    assert (column.type, column.missing, column.distinct, column.doubt) == ("categorical", 2, 3, "")


NUMBERS = [str(number) for number in range(100)]
SPACE = "\u00a0"


@pytest.mark.parametrize("odd", [" ", "n/k", "?", "-", "inf", "1e39", "unknown", "1,5"])
def test_a_text_among_numbers_counts_as_missing_and_is_named(odd):
    column = survey(NUMBERS, ["7", odd, "8"], [odd])
    assert (column.type, column.form, column.missing) == ("numeric", NumberForm(missing=(odd,)), 2)
    assert column.stray == (StrayText(odd, 2, 3),)


@pytest.mark.parametrize("missing", sorted(MISSING))
def test_pandas_texts_for_missing_are_missing_and_not_odd(missing):
    column = survey(NUMBERS, [missing])
    assert (column.type, column.form, column.missing) == ("numeric", PLAIN_FORM, 1)


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["5,10", "12,5", "3"], NumberForm(",")),
        (["1,234.50", "999.00", "12,000,000"], NumberForm(".", ",")),
        (["1.234,50", "999,00"], NumberForm(",", ".")),
        (["1 234,5", f"12{SPACE}000", "7"], NumberForm(",", " ")),
        (["1'234.50", "999"], NumberForm(".", " ")),
        (["12.5%", "3 %"], NumberForm(affix="%")),
        (["$1,200", "-$3.50", "($7)"], NumberForm(".", ",", "$")),
        (["5,10 €", "1,2€"], NumberForm(",", "", "€")),
        (["\u22125", "(7)", "3"], NumberForm(signs=True)),
        ([f"{SPACE}5", "6"], NumberForm(signs=True)),
        (["1e3", "-.5", "7."], PLAIN_FORM),
    ],
)
def test_numbers_in_one_format_are_read(texts, form):
    column = survey(texts * 20)
    assert (column.type, column.form, column.stray) == ("numeric", form, ())


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["1,234", "5,678"], "two ways"),
        (["1.5", "1,5"], "more than one form"),
        (["5%", "5"], "more than one form"),
        (["$5", "€5"], "more than one form"),
        (["red", "blue"], ""),
        (["A1", "5"], ""),
    ],
)
def test_an_ambiguous_format_is_reported_and_not_guessed(texts, doubt):
    column = survey(texts * 20)
    assert column.type == "categorical"
    assert doubt in column.doubt
    assert bool(column.doubt) is bool(doubt)


@pytest.mark.parametrize(
    ("blocks", "constant"),
    [
        ([["x", "x"], ["x"]], True),
        ([["", ""]], True),
        ([["5", "5"]], True),
        ([["x", ""]], False),
        ([["NA", "5"]], False),
        ([["1", "2"]], False),
    ],
)
def test_a_column_with_one_value_is_constant(blocks, constant):
    assert survey(*blocks).is_constant is constant


def test_a_column_of_too_many_numbers_keeps_type_missing_count_and_extremes():
    blocks = [[str(number) for number in range(start, start + 1000)] for start in range(0, 30_000, 1000)]
    blocks[3][7] = ""
    blocks.insert(2, ["-77.5", "1e9"])
    column = survey(*blocks, max_bytes=200_000)
    assert (column.type, column.missing, column.distinct_is_exact) == ("numeric", 1, False)
    assert column.distinct == pytest.approx(30_000, rel=0.2)
    assert {"-77.5", "1e9"} <= column.texts.keys()


def test_a_word_among_too_many_numbers_is_named():
    blocks = [[str(number) for number in range(start, start + 1000)] for start in range(0, 30_000, 1000)]
    words = [[*blocks[-1], f"word {number}"] for number in range(3)]
    found = [survey(*blocks, word, max_bytes=200_000) for word in words]
    assert [(column.type, column.stray[0].text) for column in found] == [
        ("numeric", f"word {number}") for number in range(3)
    ]


def blocks(texts, size=1000):
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def count(texts, max_bytes, kept=()):
    counts = TextCounts(max_bytes, kept)
    for block in blocks(texts):
        counts.add(block)
    return counts


def test_counts_are_exact_while_they_fit():
    texts = [f"v{number % 700}" for number in range(5000)] + [""] * 5
    counts = count(texts, 10_000_000)
    assert counts.is_exact
    assert counts.weights() == Counter(texts)
    assert (counts.distinct(ignored={""}), counts.times("")) == (700, 5)


def test_new_texts_are_returned_once_each():
    counts = TextCounts(10_000)
    assert counts.add(["a", "b", "a"]) == ["a", "b"]
    assert counts.add(["b", "c", "c"]) == ["c"]


@pytest.mark.parametrize("length", [1, 100, 2000])
def test_memory_is_bounded_for_any_texts(length):
    bound = 400_000
    counts = TextCounts(bound)
    for block in blocks([f"{number:0{length + 6}}" for number in range(20_000)]):
        counts.add(block)
        held = counts.weights()
        assert sum(sys.getsizeof(text) for text in held) + sys.getsizeof(held) < bound
    assert not counts.is_exact


def test_the_number_of_texts_is_estimated_within_the_stated_error():
    kept = 2_000
    for truth in (10_000, 50_000):
        estimate = count([f"v{number}" for number in range(truth)], kept * 180).distinct(ignored=())
        assert abs(estimate - truth) / truth < 4 * 1.2 / math.sqrt(kept / 2)


def test_the_sample_is_representative_over_the_number_line():
    generator = random.Random(1)
    texts = [f"{generator.gauss(0, 1):.9f}" for _ in range(60_000)]
    weights = count(texts, 1_000_000).weights()
    assert len(weights) < 6000
    assert sum(weights.values()) == pytest.approx(60_000, rel=0.1)
    below = sum(times for text, times in weights.items() if float(text) < -0.6745)
    assert below / sum(weights.values()) == pytest.approx(0.25, abs=0.03)


def test_frequent_and_pinned_texts_are_kept_with_exact_counts():
    texts = [text for number in range(30_000) for text in (f"v{number}", "0" if number % 3 else "often")]
    texts[500] = "NA"
    counts = count(texts, 300_000, kept={"NA"})
    assert counts.times("NA") == 1
    assert counts.weights()["0"] == texts.count("0")
    assert counts.weights()["often"] == texts.count("often")


def test_the_sample_is_the_same_in_every_process():
    program = (
        "from autowatch.training.data.columns import TextCounts\n"
        "counts = TextCounts(100_000)\n"
        "counts.add([f'v{n}' for n in range(5000)])\n"
        "print(sorted(counts.weights().items()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
