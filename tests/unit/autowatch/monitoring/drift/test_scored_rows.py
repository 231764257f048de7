import json
from collections import Counter

import pytest

from autowatch.aws.objects import Bucket, DocumentMalformed
from autowatch.monitoring.drift import scored_rows
from autowatch.monitoring.drift.baselines import Baselines
from autowatch.monitoring.drift.scored_rows import read_scored_rows
from autowatch.records.manifest import PredictionsMissing
from autowatch.tabular.profile import Baseline, baseline_column
from tests.support.monitored_bucket import (
    BUCKET,
    DRIFTED,
    LIKE_TRAINING,
    csv_profiler,
    delete_for_good,
    release,
    score,
)


def read(s3, *stems):
    bucket = Bucket(s3, BUCKET)
    keys = [f"{stem}.manifest.json" for stem in stems]
    return read_scored_rows(bucket, keys, Baselines(bucket), csv_profiler(bucket))


def other_bins(run):
    return Baseline(run, 4, (baseline_column("age", "feature", "categorical", Counter("aabb")),))


def test_no_files_have_no_rows_and_no_known_columns(s3):
    scored = read(s3)
    assert (scored.runs, scored.rejected_rows, scored.columns) == ((), 0, None)


def test_the_profiles_of_each_run_are_added_up_newest_first(s3):
    first, second = release(s3, "run-1"), release(s3, "run-2")
    stems = [
        score(s3, first, LIKE_TRAINING, name="a"),
        score(s3, second, LIKE_TRAINING, name="b"),
        score(s3, first, DRIFTED, name="c", rejected=2),
    ]

    scored = read(s3, *stems)

    assert [(run.run, run.files, run.rows) for run in scored.runs] == [("run-2", 1, 500), ("run-1", 2, 1_000)]
    assert sum(scored.runs[1].profile.columns["age"]) == scored.runs[1].profile.rows == 1_000
    assert scored.rejected_rows == 2


def test_a_manifest_is_sufficient(s3):
    stem = score(s3, release(s3), LIKE_TRAINING)
    delete_for_good(s3, f"{stem}.profile.json")
    (run,) = read(s3, stem).runs
    assert (run.error, run.profile.rows, sum(run.profile.columns["age"])) == (None, 500, 500)


def test_manifests_with_and_without_counts_add_up(s3):
    baseline = release(s3)
    stems = [
        score(s3, baseline, LIKE_TRAINING, name=name, counts=counts)
        for name, counts in (("a", True), ("b", False), ("c", True))
    ]
    (run,) = read(s3, *stems).runs
    assert (run.files, run.profile.rows, sum(run.profile.columns["job"])) == (3, 1_500, 1_500)


def test_many_files_add_up_to_one(s3):
    baseline = release(s3)
    stem = score(s3, baseline, LIKE_TRAINING)
    scored = read(s3, *[stem] * 150)
    assert (scored.runs[0].files, scored.runs[0].profile.rows) == (150, 75_000)


def test_many_profiles_add_up_to_one(s3, monkeypatch):
    monkeypatch.setattr(scored_rows, "_READ_AHEAD", 3)
    stem = score(s3, release(s3), LIKE_TRAINING, counts=False)
    scored = read(s3, *[stem] * 10)
    assert (scored.runs[0].files, scored.runs[0].profile.rows) == (10, 5_000)


@pytest.mark.parametrize("counts", [True, False])
def test_profiles_on_different_bins_are_an_error_of_their_run(s3, counts):
    stems = [
        score(s3, release(s3, "run-1"), LIKE_TRAINING, name="a", counts=counts),
        score(s3, other_bins("run-1"), LIKE_TRAINING, name="b"),
        score(s3, release(s3, "run-2"), LIKE_TRAINING, name="c"),
    ]

    good, bad = read(s3, *stems).runs

    assert (good.run, good.error, bad.run, bad.profile, bad.files, bad.rows) == (
        "run-2",
        None,
        "run-1",
        None,
        2,
        1_000,
    )
    assert "count on different bins" in bad.error


def test_recounting_a_missing_profile_needs_the_baseline(s3):
    stem = score(s3, release(s3), LIKE_TRAINING, counts=False)
    delete_for_good(s3, f"{stem}.profile.json")
    s3.delete_object(Bucket=BUCKET, Key="models/run-1/baseline.json")

    (run,) = read(s3, stem).runs

    assert (run.profile, run.rows) == (None, 500)
    assert "baseline.json is missing" in run.error


def test_missing_predictions_without_a_profile_are_named(s3):
    stem = score(s3, release(s3), LIKE_TRAINING, counts=False)
    delete_for_good(s3, f"{stem}.profile.json")
    with pytest.raises(PredictionsMissing, match=r"a-0123456789abcdef\.csv and its profile are gone"):
        read(s3, stem)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'{"run": "run-1"}', b'{"run": 1, "bins": 1, "rows": 1, "columns": 1}']
)
def test_a_damaged_profile_is_named_by_its_manifest(s3, body):
    stem = score(s3, release(s3), LIKE_TRAINING, counts=False)
    version = s3.put_object(Bucket=BUCKET, Key=f"{stem}.profile.json", Body=body)["VersionId"]
    manifest = Bucket(s3, BUCKET).read_json(f"{stem}.manifest.json") | {"profile_version_id": version}
    s3.put_object(Bucket=BUCKET, Key=f"{stem}.manifest.json", Body=json.dumps(manifest).encode())
    with pytest.raises(DocumentMalformed, match=r"a-0123456789abcdef\.(manifest|profile)\.json"):
        read(s3, stem)


@pytest.mark.parametrize(
    "counts",
    [
        {},
        [],
        5,
        "",
        {"run": "r", "bins": "b", "rows": 1, "columns": []},
        {"run": "r", "bins": "b", "rows": "1", "columns": {"age": [1]}},
        {"run": "r", "bins": "b", "rows": 1, "columns": {"age": ["1"]}},
        {"run": "r", "bins": "b", "rows": 1, "columns": {"age": "1"}},
        {"run": "r", "bins": "b", "rows": 1, "columns": {"age": [0.5]}},
        {"run": "r", "bins": "b", "rows": 1, "columns": {"age": [1, None]}},
        {"run": "r", "bins": "b", "rows": 1, "columns": {"age": [1, 1]}},
    ],
)
def test_damaged_counts_are_named_by_their_manifest(s3, counts):
    stem = score(s3, release(s3), LIKE_TRAINING)
    manifest = Bucket(s3, BUCKET).read_json(f"{stem}.manifest.json") | {"counts": counts}
    s3.put_object(Bucket=BUCKET, Key=f"{stem}.manifest.json", Body=json.dumps(manifest).encode())
    with pytest.raises(DocumentMalformed, match="a-0123456789abcdef.manifest.json"):
        read(s3, stem)
