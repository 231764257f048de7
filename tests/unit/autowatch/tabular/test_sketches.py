import random
from collections import Counter
from dataclasses import replace

import msgspec
import pyarrow as pa
import pytest

from autowatch.tabular.arrow import counts as arrow_counts
from autowatch.tabular.arrow.counts import ColumnCounter
from autowatch.tabular.bins import Memory, categorical_bins, numeric_bins
from autowatch.tabular.cells import NumberForm
from autowatch.tabular.profile import (
    Baseline,
    Profile,
    ProfileBuilder,
    ProfileSum,
    add,
)
from autowatch.tabular.seen import SeenValues, value_hash
from autowatch.tabular.sketches import (
    EMPTY_SKETCH,
    MOST_HASHES,
    MOST_UNKNOWN,
    ColumnSketch,
    add_sketches,
    frequent,
    sketch_of,
)

KNOWN = [f"M{number:05d}" for number in range(3_000)]
AGE = numeric_bins("age", "feature", dict.fromkeys(map(float, range(17, 99)), 10))
JOB = categorical_bins("job", "feature", {"admin.": 60, "student": 40})
OPEN = msgspec.structs.replace(
    categorical_bins("shop", "feature", {"Main": 3_000, **dict.fromkeys(KNOWN, 1)}),
    memory=Memory(
        SeenValues.of(map(value_hash, [*KNOWN, "Main"])),
        numeric_bins("shop", "feature", {4.0: 3_000, 6.0: 3_000}),
        fresh=(800, 200),
        repeats=((1, 3_000), (3_000, 1)),
    ),
)


def test_values_from_training_need_no_sketch():
    assert sketch_of(AGE, {"17": 5, "98": 1, "": 3}) == EMPTY_SKETCH
    assert sketch_of(JOB, {"admin.": 5, "": 3}) == EMPTY_SKETCH


def test_the_extent_of_numbers_out_of_range_is_kept():
    assert sketch_of(AGE, {"16.5": 1, "98": 4, "": 1}) == ColumnSketch(low=16.5)
    assert sketch_of(AGE, {"-3": 1, "400": 4, "7": 1}) == ColumnSketch(low=-3.0, high=400.0)


def test_a_low_of_zero_survives_its_document():
    sketch = sketch_of(AGE, {"0": 1})
    assert msgspec.convert(msgspec.to_builtins(sketch), ColumnSketch) == sketch == ColumnSketch(low=0.0)


def test_unknown_texts_are_counted():
    assert sketch_of(JOB, {"Admin.": 5, "admin.": 7, "pilot": 1}).by_frequency == [
        ("Admin.", 5),
        ("pilot", 1),
    ]


def test_the_most_frequent_texts_are_kept_with_a_known_error():
    texts = {f"rare {number}": 1 + number % 3 for number in range(1_000)} | {"pilot": 400, "nurse": 90}
    sketch = add_sketches([frequent(texts)])
    assert len(sketch.unknown) <= MOST_UNKNOWN
    assert sketch.by_frequency[:2] == [("pilot", 397), ("nurse", 87)]
    assert sketch.undercount == 3


def test_sums_of_many_parts_bound_the_number_of_each_text():
    generator = random.Random(4)
    rows = [f"v{int(generator.paretovariate(0.6)) % 5_000}" for _ in range(20_000)]
    true = Counter(rows)
    parts = [
        add_sketches([frequent(Counter(rows[begin : begin + 1_000]))]) for begin in range(0, 20_000, 1_000)
    ]
    together = add_sketches(parts)
    for text, least in together.unknown.items():
        assert least <= true[text] <= least + together.undercount
    assert together.by_frequency[0][0] == true.most_common(1)[0][0]
    assert together.undercount <= 20_000 / (MOST_UNKNOWN + 1)


def test_a_long_text_is_cut():
    ((text, rows),) = frequent({"x" * 5_000: 3}).unknown.items()
    assert (len(text), rows) == (80, 3)


def test_few_different_values_are_counted_and_many_are_estimated():
    assert sketch_of(OPEN, dict.fromkeys(KNOWN[:300], 2)).distinct == 300
    errors = []
    for seed in range(8):
        texts = dict.fromkeys((f"{seed} {number}" for number in range(5_000)), 1)
        errors.append(sketch_of(OPEN, texts).distinct / 5_000 - 1)
    assert abs(sum(errors) / len(errors)) < 0.05
    assert max(map(abs, errors)) < 4 * 0.0443


def test_an_open_column_distinguishes_seen_values_from_unseen():
    counts = OPEN.count({"Main": 7, "M00004": 5, "X1": 3, "X2": 1, "": 2})
    assert counts[OPEN.unknown] == 5
    assert (counts[OPEN.new[0]], counts[-1], sum(counts)) == (4, 2, 18)
    assert OPEN.count_each(["Main", "M00004", "X1", ""]) == OPEN.count(Counter(["Main", "M00004", "X1", ""]))


ROWS = random.Random(2)
SHOPS = [
    *ROWS.choices(KNOWN, k=4_000),
    *(f"new {ROWS.randrange(900)}" for _ in range(1_000)),
    *["Main", ""] * 500,
]
ROWS.shuffle(SHOPS)
AGES = [str(ROWS.choice([17, 18.5, 1e3, -0.25, "+7", "", 98, "2e3", "NaN"])) for _ in SHOPS]
MANY_AGES = [f"{ROWS.gauss(60, 40):.4f}" for _ in SHOPS]
JOBS = [ROWS.choice(["admin.", "student", "", "Student", "pilot"]) for _ in SHOPS]
MANY_JOBS = [f"job {number % 700}" if number % 3 else "admin." for number in range(len(SHOPS))]


@pytest.mark.parametrize("few", [0, 400])
@pytest.mark.parametrize(
    ("bins", "texts"),
    [
        (OPEN, SHOPS),
        (AGE, AGES),
        (AGE, MANY_AGES),
        (JOB, JOBS),
        (JOB, MANY_JOBS),
        (OPEN, ["", ""]),
        (OPEN, []),
    ],
)
def test_arrow_finds_the_same_as_plain_python(bins, texts, few, monkeypatch):
    monkeypatch.setattr(arrow_counts, "_FEW_TEXTS", few)
    found = ColumnCounter(bins).count(pa.array(texts, pa.string()))
    assert found.counts == bins.count(Counter(texts))
    assert found.sketch == sketch_of(bins, Counter(texts))


def test_arrow_reads_numbers_of_another_form():
    bins = numeric_bins("x", "feature", {1.0: 3, 9.0: 3}, form=NumberForm(decimal=","))
    found = ColumnCounter(bins).count(pa.array(["1,5", "99,5", "0,5", ""], pa.string()))
    assert found.sketch == ColumnSketch(low=0.5, high=99.5)


def test_rows_that_must_be_removed_first_prevent_a_sketch():
    assert ColumnCounter(AGE).count(pa.array(["x", "400"])).sketch == EMPTY_SKETCH


BASELINE = Baseline("r", 6_000, (AGE, JOB, OPEN))


def profile(begin, end):
    builder = ProfileBuilder(BASELINE)
    builder.add({"age": MANY_AGES[begin:end], "job": JOBS[begin:end], "shop": SHOPS[begin:end]})
    return builder.build()


def without_texts(profile):
    sketches = {
        name: msgspec.structs.replace(sketch, unknown={}, undercount=0)
        for name, sketch in profile.sketches.items()
    }
    return replace(profile, sketches=sketches)


@pytest.mark.parametrize("size", [1, 700, 2_500])
def test_profiles_of_parts_add_up_to_that_of_the_whole(size):
    size = max(size, 97)
    whole, sums = profile(0, len(SHOPS)), ProfileSum("r")
    parts = [profile(begin, begin + size) for begin in range(0, len(SHOPS), size)]
    for part in reversed(parts):
        sums.add(msgspec.json.decode(msgspec.json.encode(part), type=Profile))
    added = parts[0]
    for part in parts[1:]:
        added = add(added, part)
    assert without_texts(sums.build()) == without_texts(added) == without_texts(whole)
    assert sums.build().sketches["job"] == added.sketches["job"] == whole.sketches["job"]


def test_a_baseline_survives_its_document():
    again = msgspec.json.decode(msgspec.json.encode(BASELINE), type=Baseline)
    assert again == BASELINE
    assert again.bins == BASELINE.bins


def test_the_set_of_values_changes_the_digest_but_expectations_do_not():
    def with_memory(**changes):
        column = msgspec.structs.replace(OPEN, memory=msgspec.structs.replace(OPEN.memory, **changes))
        return replace(BASELINE, columns=(AGE, JOB, column)).bins

    assert with_memory(seen=SeenValues.of([1])) != BASELINE.bins
    assert with_memory(fresh=(1, 1), repeats=()) == BASELINE.bins


def test_a_baseline_and_a_profile_by_an_earlier_version_are_read():
    older = msgspec.to_builtins(Baseline("r", 6_000, (AGE, JOB, msgspec.structs.replace(OPEN, memory=None))))
    assert "memory" not in older["columns"][2]
    again = msgspec.convert(older, Baseline)
    assert again.columns[2].count({"X1": 3})[OPEN.unknown] == 3
    profile = {"profile_version": 1, "run": "r", "bins": "b", "rows": 1, "columns": {"a": [1]}}
    assert msgspec.convert(profile, Profile).sketches == {}


def test_the_number_of_hashes_is_bounded():
    assert len(profile(0, len(SHOPS)).sketches["shop"].hashes) == 4 * MOST_HASHES
