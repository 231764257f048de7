import csv
import io
import math
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autowatch.errors import UnreadableFile
from autowatch.scoring.raw_profile import profile_table
from autowatch.tabular import table
from autowatch.tabular.arrow import counts as arrow_counts
from autowatch.tabular.cells import MISSING, to_number
from autowatch.tabular.profile import Baseline, CsvProfile, ProfileBuilder, baseline_column
from autowatch.tabular.table import NoRows, NotUtf8, read_table
from benchmarks.drift import baseline_of
from benchmarks.drift_data import COLUMNS, write_rows

NUMBERS = Counter({"999": 60, "-1.8": 20, "1.4": 20, "": 5}) + Counter(f"{n / 8:g}" for n in range(-40, 400))
BIG_NUMBERS = Counter(str(number * 10**14 + 1) for number in range(200))
MANY = Counter(f"known category {number}" for number in range(300) for _ in range(2)) + Counter({"": 4})
TEXTS = Counter({"a": 60, "university.degree": 20, "ü": 10, "professional.course of some length": 9, "": 5})
OPEN = Counter({"a": 60, "b": 30}) + Counter(f"customer-{number}" for number in range(90))


def make_baseline():
    columns = (
        baseline_column("age", "feature", "numeric", NUMBERS),
        baseline_column("debt", "feature", "numeric", BIG_NUMBERS),
        baseline_column("job", "feature", "categorical", TEXTS),
        baseline_column("town", "feature", "categorical", MANY),
        baseline_column("who", "feature", "categorical", OPEN),
        baseline_column(
            "p", "prediction", "numeric", Counter(str(n / 97) for n in range(98)), bounds=(0.0, 1.0)
        ),
    )
    return Baseline("run-1", 100, columns)


BASELINE = make_baseline()


BLOCK = {"bytes": 1 << 20}


def profile_csv(stream, baseline):
    return profile_table(read_table(iter(lambda: stream.read(BLOCK["bytes"]), b"")), baseline)


def profile_slowly(data: bytes) -> CsvProfile:
    """Row by row, as docs/formats.md describes it."""
    table = read_table([data])
    numeric = {column.name for column in BASELINE.columns if column.type == "numeric"}
    builder = ProfileBuilder(BASELINE)
    builder.add({name: [] for name in table.header})
    rows_in = rejected = 0
    for row in table.rows:
        rows_in += 1
        fields = dict(zip(table.header, row, strict=False))
        wrong = len(row) != len(table.header) or any(
            name in numeric and not is_number(text) for name, text in fields.items()
        )
        rejected += wrong
        if not wrong:
            builder.add({name: [text] for name, text in fields.items()})
    return CsvProfile(builder.build(), rows_in, rejected)


def is_number(text):
    if text in MISSING:
        return True
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def outcome(profile, data):
    try:
        return profile(data)
    except UnreadableFile:
        # Of several faults the first one met is named, which depends on how the file is cut.
        return "refused"


def write(rows, delimiter, line_end, quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


HEADERS = st.permutations(["age", "debt", "job", "town", "who", "p", "extra"]).flatmap(
    lambda names: st.integers(1, len(names)).map(lambda count: names[:count])
)
CELLS = st.one_of(
    st.sampled_from(
        [
            *NUMBERS,
            *BIG_NUMBERS,
            *TEXTS,
            *MANY,
            *OPEN,
            "NA",
            "N/A",
            "NaN",
            "nan",
            "null",
            "NULL",
            "NAN",
            "inf",
        ]
    ),
    st.sampled_from(
        [
            "-",
            "+1",
            "-0",
            "0",
            ".5",
            "5.",
            ".",
            "1.2.3",
            "--1",
            "1-",
            "1_0",
            " 1",
            "1 ",
            "\t2",
            "1e3",
            "1E-3",
            "1e400",
        ]
    ),
    st.sampled_from(
        ["٣", "９", "\0", "\0a", "a\0", "a,b", "a;b", 'a"b', '"', "a\nb", "a\rb", "a\r\nb", "'", "é" * 20]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.integers(-(10**6), 10**6).map(str),
    st.floats().map(repr),
    st.decimals(-1000, 1000, places=4).map(str),
    st.floats(0, 1).map(str),
    st.text(max_size=20),
)


@st.composite
def honest_files(draw):
    """Files as a CSV library writes them, with any cells and some rows of the wrong width."""
    header = draw(HEADERS)
    width = st.integers(0, 8) if draw(st.booleans()) else st.just(len(header))
    rows = draw(st.lists(width.flatmap(lambda n: st.lists(CELLS, min_size=n, max_size=n)), max_size=30))
    return write(
        [header, *rows],
        draw(st.sampled_from(",;")),
        draw(st.sampled_from(["\n", "\r\n"])),
        draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
    )


FRAGMENTS = st.sampled_from(
    [
        b",",
        b";",
        b"\n",
        b"\r\n",
        b"\r",
        b'"',
        b'""',
        b"1",
        b"-1.8",
        b"a",
        b"999",
        b'"a"',
        b"\xc3\xbc",
        b"\xff",
        b"\0",
    ]
)


@st.composite
def hostile_files(draw):
    """Any significant bytes, in any order."""
    header = draw(st.sampled_from([b"age,job", b"job;age;p", b"\xef\xbb\xbfjob,age", b'"age","job"', b"age"]))
    return header + b"\n" + b"".join(draw(st.lists(FRAGMENTS, max_size=40)))


SETTINGS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=[1, 7, 64, 1 << 20], ids=lambda size: f"blocks of {size}")
def small_blocks(request, monkeypatch):
    """Blocks of a few rows, processed like large ones."""
    monkeypatch.setitem(BLOCK, "bytes", request.param)
    monkeypatch.setattr(arrow_counts, "_FEW_TEXTS", 0)


@SETTINGS
@given(data=honest_files())
def test_the_counts_equal_those_of_a_parser_row_by_row(small_blocks, data):
    assert outcome(lambda data: profile_csv(io.BytesIO(data), BASELINE), data) == outcome(
        profile_slowly, data
    )


@SETTINGS
@given(data=hostile_files())
def test_counts_or_error_are_the_same_for_any_bytes(small_blocks, data):
    assert outcome(lambda data: profile_csv(io.BytesIO(data), BASELINE), data) == outcome(
        profile_slowly, data
    )


def test_columns_that_the_file_lacks_are_absent_and_extra_ones_ignored():
    raw = profile_csv(io.BytesIO(b"extra,age\nx,30\ny,\n"), BASELINE)

    assert list(raw.profile.columns) == ["age"]
    assert (raw.profile.run, raw.profile.bins, raw.profile.rows) == ("run-1", BASELINE.bins, 2)


def test_numbers_next_to_the_edges_of_bins_are_counted_exactly(monkeypatch):
    monkeypatch.setattr(arrow_counts, "_FEW_TEXTS", 0)
    edges = next(column.edges for column in BASELINE.columns if column.name == "p")
    numbers = [near for edge in edges for near in (math.nextafter(edge, -1), edge, math.nextafter(edge, 2))]
    data = b"p,age\n" + b"".join(b"%r,1\n" % number for number in numbers)

    assert profile_csv(io.BytesIO(data), BASELINE) == profile_slowly(data)


def test_a_row_too_short_does_not_make_up_for_one_too_long():
    raw = profile_csv(io.BytesIO(b"age,job\n1\n2,a,b\n3,a\n"), BASELINE)

    assert (raw.rows_in, raw.rows_rejected, raw.profile.rows) == (3, 2, 1)


def test_rows_that_scoring_would_reject_are_counted_as_such_and_left_out():
    raw = profile_csv(io.BytesIO(b"age,job\n1,a\nmany,a\n2\n3,a,b\n\n4,b\n"), BASELINE)

    assert (raw.rows_in, raw.rows_rejected, raw.profile.rows) == (5, 3, 2)
    assert sum(raw.profile.columns["job"]) == 2


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"age,job\n", NoRows, id="no rows"),
        pytest.param(b"age,job\n1,\xff\n", NotUtf8, id="not UTF-8"),
    ],
)
def test_a_file_that_scoring_would_refuse_is_refused(data, error):
    with pytest.raises(error):
        profile_csv(io.BytesIO(data), BASELINE)


@pytest.mark.parametrize("times", [1, 200])
def test_numbers_in_different_formats_are_counted(times, monkeypatch):
    monkeypatch.setitem(BLOCK, "bytes", 10_000)
    fields = [b"999", b"-1.8", b"", b"NA", b"1e1", b"none", b"NAN", b"9" * 30, b"-7", b"0.25"]
    data = (
        b"age,p\n"
        + b"999,0.5\n1.4,0.9\n" * 1_000
        + b"".join(b"%b,%b\n" % (text, text) for text in fields) * times
    )

    assert profile_csv(io.BytesIO(data), BASELINE) == profile_slowly(data)


def test_a_byte_that_is_not_utf8_is_reported_with_the_files_line(monkeypatch):
    monkeypatch.setitem(BLOCK, "bytes", 20)
    data = b'age,job\n\n1,a\n2,"b ""c"" \n d"\n' + b"3,e\n" * 50 + b"4,\xff\n"

    with pytest.raises(NotUtf8, match="on line 56,"):
        profile_csv(io.BytesIO(data), BASELINE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"age,job\n30,a\n,\n", id="bare"),
        pytest.param(b'age;job\r\n30;"a"\r\n"31";""\r\n', id="quotes around fields, CRLF"),
        pytest.param(b'job,age\n"a,b",3\n"a""b",4\n', id="delimiters and doubled quotes"),
        pytest.param(b"age,job\n30,a\n1\n2,b,c\n31,b", id="rows of another width, no last line end"),
        pytest.param(
            b"age,job\nnone,a\n30,a\n1e1,\xc3\xbc\n", id="faulty and odd numbers, letters of two bytes"
        ),
    ],
)
def test_common_files_need_no_csv_module(data, monkeypatch):
    expected = profile_slowly(data)
    monkeypatch.setattr(table.Table, "_read_blocks", None)

    assert profile_csv(io.BytesIO(data), BASELINE) == expected


def test_a_block_is_counted_even_if_others_need_the_csv_module(monkeypatch):
    monkeypatch.setitem(BLOCK, "bytes", 50)
    data = b"age,job\n" + b"30,a\n" * 40 + b'31,"a ""b"""\n' * 20 + b"32,b\n" * 40

    assert profile_csv(io.BytesIO(data), BASELINE) == profile_slowly(data)


def test_the_benchmarks_rows_are_counted_exactly(tmp_path):
    reference, current = tmp_path / "reference.csv", tmp_path / "current.csv"
    write_rows(reference, 2_000, seed=0, shift=0.0)
    write_rows(current, 3_000, seed=1, shift=0.3)
    baseline = baseline_of(reference)
    builder = ProfileBuilder(baseline)
    columns = zip(*(line.split(",") for line in current.read_text().splitlines()[1:]), strict=True)
    builder.add(dict(zip(COLUMNS, columns, strict=True)))

    with current.open("rb") as file:
        assert profile_csv(file, baseline) == CsvProfile(builder.build(), 3_000, 0)


@pytest.mark.parametrize(
    ("predicted", "texts"), [("numeric", ["1.5", "40"]), ("categorical", ["red", "green"])]
)
@pytest.mark.parametrize("is_scored", [True, False])
def test_the_true_column_is_not_taken_for_the_prediction(predicted, texts, is_scored):
    bins = baseline_column("y", "prediction", predicted, Counter(texts * 50))
    names = ["age", "y", *(["prediction_date"] if is_scored else [])]
    rows = [["1", text, *(["2026-11-23T07:15:00Z"] if is_scored else [])] for text in texts]
    body = "\n".join(",".join(row) for row in [names, *rows])
    counted = profile_table(read_table([body.encode()]), Baseline("r", 100, (BASELINE.columns[0], bins)))
    assert set(counted.profile.columns) == ({"age", "y"} if is_scored else {"age"})
    assert counted.rows_rejected == 0
