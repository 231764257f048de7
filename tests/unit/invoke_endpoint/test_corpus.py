"""The corpus of awkward files (`tests/corpus/`), and awkward keys and moments, through the real handler."""

import json

import pytest

from tests.corpus.refused import REFUSED
from tests.corpus.scored import SCORED
from tests.unit.endpoint_server import running_endpoint
from tests.unit.invoke_endpoint.scoring_function import bucket_with_champion, handle, set_environment
from tests.unit.scoring_bucket import BUCKET, drop, keys, read_document, read_rows, results
from tests.unit.stub_runtime import probability_of

DATE = "2026-11-23T09:00:00Z"
PLAIN = "age,job\n1,x\n"


@pytest.fixture(scope="module")
def endpoint():
    with running_endpoint() as server:
        yield server


@pytest.fixture
def environment(monkeypatch, endpoint):
    endpoint.requests.clear()
    set_environment(monkeypatch, endpoint.url)
    return monkeypatch


@pytest.fixture
def s3(environment):
    with bucket_with_champion() as client:
        yield client


@pytest.mark.parametrize("name", SCORED)
def test_files_that_are_scored(environment, endpoint, name):
    case = SCORED[name]
    environment.setenv("MAX_REJECTED_PERCENT", str(case.max_rejected_percent))
    with bucket_with_champion(case.features) as s3:
        arrival = drop(s3, case.content)
        assert handle(arrival) == {"scored": 1, "refused": 0}
        [manifest_key] = [key for key in keys(s3, "predictions/") if key.endswith(".manifest.json")]
        manifest = read_document(s3, manifest_key)
        header, rows = read_rows(s3, manifest["predictions_key"])
        rejected = read_rows(s3, manifest["rejected_key"]) if manifest["rejected_key"] else None
        profile = read_document(s3, manifest["profile_key"])

    assert header == [*case.header, "id", "y", "y_probability", "prediction_date"]
    numbers = case.numbers or range(1, len(case.rows) + 1)
    assert [tuple(row) for row in rows] == [
        expected_row(case, arrival.id_prefix, number, cells)
        for number, cells in zip(numbers, case.rows, strict=True)
    ]
    total = len(case.rows) + len(case.rejected)
    assert manifest["rows"] == {"in": total, "scored": len(case.rows), "rejected": len(case.rejected)}
    if case.rejected:
        # The header keeps the input's own name of the target.
        names = [name.replace("y_actual", "y") for name in case.header]
        assert rejected == (["line", "reason", *names], [list(row) for row in case.rejected])
    else:
        assert rejected is None
    assert profile["rows"] == len(case.rows)
    assert sorted(row for rows in endpoint.requests for row in rows) == sorted(
        sent_row(case, cells) for cells in case.rows
    )


def sent_row(case, cells):
    return [cells[case.header.index(name)] for name, _ in case.features]


def expected_row(case, id_prefix, number, cells):
    probability = probability_of(sent_row(case, cells))
    label = "yes" if float(probability) >= 0.5 else "no"
    return (*cells, f"{id_prefix}-{number}", label, probability, DATE)


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(s3, environment, name, capsys):
    case = REFUSED[name]
    environment.setenv("MAX_REJECTED_PERCENT", str(case.max_rejected_percent))
    arrival = drop(s3, case.content)
    assert handle(arrival) == {"scored": 0, "refused": 1}
    [key] = results(s3)
    assert key.startswith("rejected/date=2026-11-23/a-")
    assert key.endswith(".error.json")
    document = read_document(s3, key)
    assert document["input"] == arrival.file.to_json()
    assert document["error"] == case.error
    assert_matches(case.reason, document["reason"])
    assert len(document["reason"]) < 500
    assert json.loads(capsys.readouterr().out)["FilesRefused"] == 1


def assert_matches(pattern, text):
    position = 0
    for part in pattern.split(".*"):
        assert part in text[position:], f"{part!r} is not in {text!r}"
        position = text.index(part, position) + len(part)


def test_the_corpus_is_large_enough():
    assert len(SCORED) + len(REFUSED) >= 100
    assert all(case.rows or case.rejected for case in SCORED.values())


AWKWARD_NAMES = [
    "a b",
    "a+b",
    "ü",
    "a%2Bb",
    "a&b=c",
    "日本 🙂",
    "sub dir/a",
    "sub//a",
    "a'b\"c",
    "=",
    "a.csv",
    "date=2026-01-01/a",
    "",
    "a;b,c",
    "100%",
    "n" * 900,
]


@pytest.mark.parametrize("name", AWKWARD_NAMES, ids=lambda name: name[:20])
def test_awkward_keys(s3, name):
    arrival = drop(s3, PLAIN, f"inference/{name}.csv")
    assert handle(arrival, arrival) == {"scored": 2, "refused": 0}
    assert len(results(s3)) == 3
    assert all(key.startswith(f"predictions/date=2026-11-23/{name}-") for key in results(s3))


@pytest.mark.parametrize("name", ["n" * 1010, "ü" * 505, "🙂" * 252, "d/" * 505])
@pytest.mark.parametrize("versioned", [True, False])
def test_the_longest_keys(environment, name, versioned):
    """S3 takes keys of 1,024 bytes, and the keys of the results are longer than that of the input."""
    with bucket_with_champion(versioned=versioned) as s3:
        arrivals = [drop(s3, PLAIN, f"inference/{name[:-1]}{last}.csv") for last in "ab"]
        arrivals.append(drop(s3, "", f"inference/{name[:-1]}c.csv"))
        assert handle(*arrivals) == {"scored": 2, "refused": 1}
        assert len(results(s3)) == 7
        assert all(len(key.encode()) <= 1024 - len("monitoring/domino/.json") for key in results(s3))


def test_a_file_that_was_deleted_before_its_event_is_scored_from_its_version(s3):
    arrival = drop(s3, PLAIN)
    s3.delete_object(Bucket=BUCKET, Key=arrival.file.key)
    assert handle(arrival) == {"scored": 1, "refused": 0}


def test_a_file_that_was_removed_for_good(s3):
    arrival = drop(s3, PLAIN)
    s3.delete_object(Bucket=BUCKET, Key=arrival.file.key, VersionId=arrival.file.version_id)
    assert handle(arrival) == {"scored": 0, "refused": 1}
    assert read_document(s3, results(s3)[0])["error"] == "InputGone"


def test_a_file_that_was_overwritten_before_its_event_has_a_result_for_each_version(s3):
    old, new = drop(s3, PLAIN), drop(s3, "age,job\n2,y\n")
    assert handle(new, old) == {"scored": 2, "refused": 0}
    written = [read_rows(s3, key)[1] for key in keys(s3, "predictions/") if key.endswith(".csv")]
    assert sorted(rows[0][:3] for rows in written) == [
        ["1", "x", f"{old.id_prefix}-1"],
        ["2", "y", f"{new.id_prefix}-1"],
    ]


def test_a_file_that_was_overwritten_in_a_bucket_without_versions(environment):
    with bucket_with_champion(versioned=False) as s3:
        old, new = drop(s3, PLAIN), drop(s3, "age,job\n2,y\n")
        assert handle(old, new) == {"scored": 1, "refused": 1}
        [error_key] = keys(s3, "rejected/")
        assert read_document(s3, error_key)["error"] == "InputGone"


def test_a_file_that_was_overwritten_with_the_same_bytes_in_a_bucket_without_versions(environment):
    with bucket_with_champion(versioned=False) as s3:
        first, second = drop(s3, PLAIN), drop(s3, PLAIN)
        assert handle(first, second) == {"scored": 2, "refused": 0}
        assert len(results(s3)) == 3
