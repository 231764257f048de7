"""The corpus of awkward files (`tests/corpus/`) through the real handler."""

import json

import pytest

from tests.corpus.refused import REFUSED
from tests.corpus.scored import SCORED
from tests.support.scoring_bucket import drop, keys, read_document, read_rows
from tests.support.scoring_function import (
    bucket_with_champion,
    change_features,
    handle,
    scoring_endpoint,
    set_environment,
)
from tests.support.stub_runtime import probability_of

DATE = "2026-11-23T09:00:00Z"


@pytest.fixture(scope="module")
def endpoint():
    with scoring_endpoint() as server:
        yield server


@pytest.fixture(scope="module")
def s3():
    with bucket_with_champion() as client:
        yield client


def results_of(s3, name):
    return [key for top in ("predictions", "rejected") for key in keys(s3, f"{top}/date=2026-11-23/{name}-")]


@pytest.mark.parametrize("name", SCORED)
def test_files_that_are_scored(s3, endpoint, monkeypatch, name):
    case = SCORED[name]
    set_environment(monkeypatch, endpoint.url, MAX_REJECTED_PERCENT=str(case.max_rejected_percent))
    change_features(s3, case.features)
    endpoint.requests.clear()
    arrival = drop(s3, case.content, f"inference/{name}.csv")
    assert handle(arrival) == {"scored": 1, "refused": 0}

    predictions_key, manifest_key, profile_key, *rejected_key = results_of(s3, name)
    manifest = read_document(s3, manifest_key)
    total = len(case.rows) + len(case.rejected)
    assert manifest["rows"] == {"in": total, "scored": len(case.rows), "rejected": len(case.rejected)}
    assert read_document(s3, profile_key)["rows"] == len(case.rows)

    header, rows = read_rows(s3, predictions_key)
    ours = "autowatch_id" if "id" in case.header else "id"
    assert header == [*case.header, ours, "y", "y_probability", "prediction_date"]
    numbers = case.numbers or range(1, len(case.rows) + 1)
    assert [tuple(row) for row in rows] == [
        expected_row(case, f"{arrival.id_prefix}-{number}", cells)
        for number, cells in zip(numbers, case.rows, strict=True)
    ]
    # The header of the rejected rows keeps the input's name of the target.
    names = [name.replace("y_actual", "y") for name in case.header]
    expected = [(["line", "reason", *names], [list(row) for row in case.rejected])] if case.rejected else []
    assert [read_rows(s3, key) for key in rejected_key] == expected

    sent = [row for rows in endpoint.requests for row in rows]
    assert sorted(sent) == sorted(sent_row(case, cells) for cells in case.rows)


def sent_row(case, cells):
    return [cells[case.header.index(name)] for name, _ in case.features]


def expected_row(case, identifier, cells):
    probability = probability_of(sent_row(case, cells))
    label = "yes" if float(probability) >= 0.5 else "no"
    return (*cells, identifier, label, probability, DATE)


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(s3, endpoint, monkeypatch, name, capsys):
    case = REFUSED[name]
    set_environment(monkeypatch, endpoint.url, MAX_REJECTED_PERCENT=str(case.max_rejected_percent))
    change_features(s3, case.features)
    arrival = drop(s3, case.content, f"inference/{name}.csv")
    assert handle(arrival) == {"scored": 0, "refused": 1}
    [key] = results_of(s3, name)
    assert key.endswith(".error.json")
    document = read_document(s3, key)
    assert document["input"] == vars(arrival.file)
    assert document["error"] == case.error
    assert_says(case.reason, document["reason"])
    assert len(document["reason"]) < 500
    assert json.loads(capsys.readouterr().out)["FilesRefused"] == 1


def assert_says(parts, text):
    position = 0
    for part in parts.split(".*"):
        assert part in text[position:], f"{part!r} is not in {text!r}"
        position = text.index(part, position) + len(part)


def test_the_corpus_is_large_enough():
    assert len(SCORED) + len(REFUSED) >= 100
    assert SCORED.keys().isdisjoint(REFUSED)
    assert all(case.rows or case.rejected for case in SCORED.values())
