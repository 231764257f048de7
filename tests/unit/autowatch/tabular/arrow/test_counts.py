"""Arrow's counts equal those of a parser that goes text by text."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.arrow import counts as module
from autowatch.tabular.arrow.counts import ColumnCounter
from autowatch.tabular.cells import PLAIN_FORM
from autowatch.tabular.profile import baseline_column

NUMBERS = Counter({"999": 60, "-1.8": 20, "1.4": 20, "": 5}) + Counter(f"{n / 8:g}" for n in range(-40, 400))
KNOWN = Counter(f"category {number}" for number in range(60) for _ in range(2)) + Counter({"a": 60, "": 4})
OPEN = Counter({"a": 60, "b": 30}) + Counter(f"customer-{number}" for number in range(90))
COLUMNS = [
    baseline_column("age", "feature", "numeric", NUMBERS),
    baseline_column("none", "feature", "numeric", Counter()),
    baseline_column("debt", "feature", "numeric", Counter(str(n * 10**14 + 1) for n in range(200))),
    baseline_column("p", "prediction", "numeric", Counter(str(n / 97) for n in range(98)), bounds=(0.0, 1.0)),
]
TEXTS = [
    baseline_column("job", "feature", "categorical", KNOWN),
    baseline_column("who", "feature", "categorical", OPEN),
]

number = st.one_of(
    st.floats().map(repr),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda value: f"{value:.3f}"),
    st.integers(-(10**18), 10**18).map(str),
    st.sampled_from(
        [*NUMBERS, "1e400", "-1e400", "+1", " 7", "7 ", "1_0", "٤", "1e5", "1E+5", ".5", "5.", "."]
    ),
    st.sampled_from(
        ["inf", "-Infinity", "nan", "NaN", "NAN", "NA", "null", "none", "0x10", "1e", "--1", "1\n"]
    ),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
)


@pytest.fixture(params=[0, 400], ids=["many texts", "few texts"], autouse=True)
def few(request, monkeypatch):
    monkeypatch.setattr(module, "_FEW_TEXTS", request.param)


def by_text(bins, texts):
    counts, faulty = [0] * len(bins), set()
    for text in texts:
        if bins.type == "numeric":
            try:
                PLAIN_FORM.read(text)
            except ValueError:
                faulty.add(text)
                continue
        counts = [sum(pair) for pair in zip(counts, bins.count({text: 1}), strict=True)]
    return counts, faulty


def check(column, texts):
    counter = ColumnCounter(column)
    # The first call finds out whether texts repeat.
    for _ in range(2):
        counted = counter.count(pa.array(texts, pa.string()))
        assert (counted.counts, set(counted.faulty)) == by_text(column, texts)


@given(st.sampled_from(COLUMNS), st.lists(number, max_size=30))
def test_numbers(column, texts):
    check(column, texts)


@given(st.sampled_from(COLUMNS), st.data())
def test_numbers_at_the_cuts(column, data):
    check(
        column,
        [repr(cut) for cut in data.draw(st.lists(st.sampled_from([*column.cuts, 0.0]), max_size=30))],
    )


@given(
    st.sampled_from(TEXTS),
    st.lists(st.one_of(st.sampled_from([*KNOWN, *OPEN]), st.text(st.characters(exclude_categories=["Cs"])))),
)
def test_categories(column, texts):
    check(column, texts)


def test_memory_for_texts_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 10)
    monkeypatch.setattr(module, "_FEW_TEXTS", 400)
    counter = ColumnCounter(COLUMNS[0])
    for start in range(100):
        counter.count(pa.array([str(start + step) for step in range(5)], pa.string()))
    assert len(counter._bin_of) <= 15
