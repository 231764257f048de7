"""Any table survives: written, scored and read again, it has the same cells, and each row its own id."""

import io
import json
import re

import pytest
from botocore.response import StreamingBody
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autowatch.aws.objects import Bucket
from autowatch.records.arrival import output_keys
from autowatch.scoring.predictions import score_file
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.csv_lines import no_formula
from invoke_endpoint import app
from tests.support.endpoint_server import REFUSED_TEXT
from tests.support.scoring_bucket import BUCKET, drop, read, read_document, read_rows, settings
from tests.support.scoring_function import bucket_with_champion, handle, scoring_endpoint, set_environment
from tests.support.stub_runtime import StubRuntime, model_error, probability_of

# The oracle has its own copy of pandas' list, so that an omission in the code shows.
MISSING = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
LARGEST = 3.4028234e38

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
awkward_text = st.text(st.sampled_from(',;"\r\n\t \ufeff\0aé😀=@+-＝1'), max_size=6)
cells = any_text | awkward_text | st.just("admin.")
ages = st.one_of(
    st.integers(-9, 99).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from([*MISSING, "1.10", "007", "+5", " 1 ", "1_000", "١٢", "inf", "0x10", "1e999", "-.5e-3"]),
    any_text,
)
names = (any_text | awkward_text).filter(
    lambda name: (
        name.strip() and name not in {"age", "job", "y", "id", "y_probability", "y_actual", "prediction_date"}
    )
)


@st.composite
def tables(draw):
    """Header and rows; some rows have a field too few or too many."""
    extra = draw(st.lists(names, max_size=3, unique=True))
    header = draw(st.permutations(["age", "job", *draw(st.sampled_from([[], ["y"]])), *extra]))
    row = st.tuples(*(ages if name == "age" else cells for name in header)).map(list)
    ragged = st.builds(lambda fields, cell: [*fields, cell] if len(cell) % 2 else fields[:-1], row, cells)
    return header, draw(st.lists(st.one_of(row, row, row, ragged), min_size=1, max_size=12))


@st.composite
def written(draw, header, rows):
    """The table as any program might have written it: bytes that mean these cells."""
    delimiter, line_end = draw(st.sampled_from(",;")), draw(st.sampled_from(["\n", "\r\n"]))
    choices = draw(st.randoms(use_true_random=False))

    def line(fields, special):
        if fields == [""]:
            return '""'  # An empty line would be a blank line, which is not a row.
        return delimiter.join(
            '"' + field.replace('"', '""') + '"'
            if any(character in field for character in special) or choices.random() < 0.2
            else field
            for field in fields
        )

    # In the header both delimiters are quoted, because an unquoted one decides which one counts. A BOM that belongs to
    # the first name is quoted so that it is not taken for the file's.
    lines = [line(header, ',;"\r\n\ufeff'), *(line(fields, f'{delimiter}"\r\n') for fields in rows)]
    for _ in range(choices.randrange(3)):
        lines.insert(choices.randrange(len(lines) + 1), "")
    text = line_end.join(lines) + draw(st.sampled_from(["", line_end, 2 * line_end]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def is_scored(header, fields):
    """The rules again, written independently of the code."""
    if len(fields) != len(header):
        return False
    age = fields[header.index("age")]
    return age in MISSING or bool(NUMBER.fullmatch(age) and abs(float(age)) <= LARGEST)


class InPieces:
    """An S3 client whose input files come in short pieces, as they may over a network."""

    def __init__(self, client, size):
        self._client, self._size = client, size

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_object(self, **arguments):
        answer = self._client.get_object(**arguments)
        if arguments["Key"].startswith("inference/"):
            content = answer["Body"].read()
            answer["Body"] = StreamingBody(_ShortReads(content, self._size), len(content))
        return answer


class _ShortReads(io.BytesIO):
    def __init__(self, content, size):
        super().__init__(content)
        self._size = size

    def read(self, amount=-1):
        return super().read(self._size if amount is None or amount < 0 else min(amount, self._size))


@pytest.fixture(scope="module")
def endpoint():
    with scoring_endpoint() as server:
        yield server


@pytest.fixture
def s3(monkeypatch, endpoint):
    set_environment(monkeypatch, endpoint.url, MAX_REJECTED_PERCENT="100")
    with bucket_with_champion() as client:
        yield client


@given(data=st.data(), table=tables(), size=st.integers(1, 64), neutralise=st.booleans())
@hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_table_survives(s3, data, table, size, neutralise):
    header, rows = table
    own = ["y_actual" if name == "y" else name for name in header]
    as_written = no_formula if neutralise else str
    assume(len(set(map(as_written, own))) == len(own))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUTRALISE_FORMULAS", str(neutralise).lower())
        patch.setattr(app, "data_bucket", lambda name: Bucket(InPieces(s3, size), name))
        arrival = drop(s3, data.draw(written(header, rows)))
        assert handle(arrival) == {"scored": 1, "refused": 0}
    manifest = read_document(s3, output_keys(arrival, "predictions/").manifest)

    numbers = [number for number, fields in enumerate(rows, start=1) if is_scored(header, fields)]
    counts = {"in": len(rows), "scored": len(numbers), "rejected": len(rows) - len(numbers)}
    assert manifest["rows"] == counts
    result_header, result = read_rows(s3, manifest["predictions_key"])
    assert result_header == [*map(as_written, own), "id", "y", "y_probability", "prediction_date"]
    expected = [list(map(as_written, rows[number - 1])) for number in numbers]
    assert [row[: len(header)] for row in result] == expected
    assert [row[len(header)] for row in result] == [f"{arrival.id_prefix}-{number}" for number in numbers]
    sent = [[rows[number - 1][header.index(name)] for name in ("age", "job")] for number in numbers]
    assert [row[-2] for row in result] == [probability_of(row) for row in sent]
    rejected = read_rows(s3, manifest["rejected_key"])[1] if manifest["rejected_key"] else []
    kept = [fields for fields in rows if not is_scored(header, fields)]
    for row, fields in zip(rejected, kept, strict=True):
        assert row[2:] == list(map(no_formula, fields))


@given(
    data=st.data(),
    table=tables(),
    refused=st.integers(0, 3),
    limits=st.builds(
        ScoringLimits,
        max_batch_bytes=st.integers(300, 2000),
        max_batch_rows=st.integers(1, 8),
        concurrency=st.integers(1, 5),
    ),
)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_batches_and_limits_do_not_matter(s3, data, table, refused, limits):
    header, rows = table
    refusable = ["1" if name == "age" else REFUSED_TEXT for name in header]
    content = data.draw(written(header, rows + [refusable] * refused))
    arrival = drop(s3, content)

    def results(limits):
        runtime = StubRuntime(refuse)
        changed = settings(max_rejected_percent=100.0, limits=limits, predictions_prefix=f"{len(done)}/")
        manifest = score_file(Bucket(s3, BUCKET), runtime, arrival, changed, lambda: 60.0, "i1")
        done.append(manifest)
        rejected = read(s3, manifest.rejected.key) if manifest.rejected else None
        return read(s3, manifest.predictions.key), json.loads(read(s3, manifest.profile.key)), rejected

    done = []
    assert results(limits) == results(ScoringLimits())


def refuse(rows):
    if any(REFUSED_TEXT in row for row in rows):
        raise model_error(400, "no")
