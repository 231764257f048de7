import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest.mock import Mock

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import InputGone
from autowatch.records.arrival import output_keys
from autowatch.records.champion import NoChampion
from autowatch.records.manifest import Manifest, read_pointer
from autowatch.scoring import predictions
from autowatch.scoring.endpoint import EndpointUnavailable
from autowatch.scoring.outcome import RowsLost, TooManyRejected
from autowatch.scoring.predictions import score_file
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.profile import Profile, total
from autowatch.tabular.table import NotUtf8
from tests.support.scoring_bucket import (
    BUCKET,
    create_bucket,
    drop,
    keys,
    read,
    read_document,
    read_rows,
    release,
    results,
    settings,
)
from tests.support.stub_runtime import StubRuntime, client_error, probability_of, waits_at_random


def score(s3, arrival, runtime=None, invocation="i1", **changes):
    return score_file(
        Bucket(s3, BUCKET), runtime or StubRuntime(), arrival, settings(**changes), lambda: 60.0, invocation
    )


def versions(s3, prefix):
    answer = s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
    return [(item["Key"], item["VersionId"]) for item in answer.get("Versions", [])]


def test_the_three_objects(s3):
    text = 'job,note,y,age\nadmin.,"a, b",no,41\nretired,"say ""hi""\nthere",yes,NA\n'
    arrival = drop(s3, text)
    manifest = score(s3, arrival)
    version = hashlib.sha256(arrival.file.version_id.encode()).hexdigest()[:16]
    stem = f"predictions/date=2026-11-23/a-{version}"
    assert results(s3) == [f"{stem}.csv", f"{stem}.manifest.json", f"{stem}.profile.json"]

    header, rows = read_rows(s3, f"{stem}.csv")
    columns = ["job", "note", "y_actual", "age", "id", "y", "y_probability", "prediction_date"]
    assert header == columns
    probabilities = [probability_of(["41", "admin."]), probability_of(["NA", "retired"])]
    labels = ["yes" if float(probability) >= 0.5 else "no" for probability in probabilities]
    date = "2026-11-23T09:00:00Z"
    assert rows == [
        ["admin.", "a, b", "no", "41", f"{arrival.id_prefix}-1", labels[0], probabilities[0], date],
        [
            "retired",
            'say "hi"\nthere',
            "yes",
            "NA",
            f"{arrival.id_prefix}-2",
            labels[1],
            probabilities[1],
            date,
        ],
    ]

    document = read_document(s3, f"{stem}.manifest.json")
    assert msgspec.convert(document, Manifest) == manifest
    assert document["input"] == vars(arrival.file)
    assert document["rows"] == {"in": 2, "scored": 2, "rejected": 0}
    assert (document["predictions_key"], document["rejected_key"]) == (f"{stem}.csv", None)
    assert document["predictions_version_id"] == versions(s3, f"{stem}.csv")[0][1]
    assert (document["run"], document["endpoint_name"], document["model_name"]) == ("r1", "bank", "bank-r1")
    assert document["started"] <= document["finished"]
    assert document["columns"] == ["job", "note", "y", "age"]

    profile = msgspec.convert(read_document(s3, f"{stem}.profile.json"), Profile)
    assert (profile.rows, set(profile.columns)) == (2, {"age", "job", "y_probability"})
    assert [sum(counts) for counts in profile.columns.values()] == [2, 2, 2]
    assert msgspec.convert(document["counts"], Profile) == profile


def test_the_ids_point_to_their_predictions(s3):
    arrival, other = drop(s3, "age,job\n1,x\n"), drop(s3, "age,job\n1,x\n", "inference/b.csv")
    manifest = score(s3, arrival)
    assert keys(s3, "monitoring/") == [f"monitoring/ids/{arrival.id_prefix}.json"]
    assert read_pointer(Bucket(s3, BUCKET), arrival.id_prefix) == manifest.predictions.key
    assert read_pointer(Bucket(s3, BUCKET), other.id_prefix) is None
    first_id = read_rows(s3, manifest.predictions.key)[1][0][2]
    assert first_id.rpartition("-")[0] == arrival.id_prefix


def test_the_pointer_precedes_the_manifest_and_is_required_for_a_commit(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    manifest_key = output_keys(arrival, "predictions/").manifest
    written = []

    class Refuses:
        """An S3 client that refuses writes under `prefix`."""

        def __init__(self, prefix):
            self.prefix = prefix

        def __getattr__(self, name):
            return getattr(s3, name)

        def put_object(self, **arguments):
            written.append(arguments["Key"])
            if arguments["Key"].startswith(self.prefix):
                raise client_error("InternalError", 500)
            return s3.put_object(**arguments)

    with pytest.raises(ClientError):
        score(Refuses("monitoring/"), arrival)
    assert manifest_key not in results(s3)
    with pytest.raises(ClientError):
        score(Refuses(manifest_key), arrival)
    assert written[-2:] == [f"monitoring/ids/{arrival.id_prefix}.json", manifest_key]
    assert score(s3, arrival).predictions.key == read_pointer(Bucket(s3, BUCKET), arrival.id_prefix)


def test_rejected_rows_go_to_their_own_file(s3):
    rows = "".join(f"{age},x\n" for age in range(30))
    manifest = score(s3, drop(s3, f'age,job\nold,"a\nb"\n{rows}7\n'))
    header, rejected = read_rows(s3, manifest.rejected.key)
    assert manifest.rejected.key.startswith("rejected/date=2026-11-23/a-")
    assert header == ["line", "reason", "age", "job"]
    assert rejected == [
        ["2", "Column age does not hold a number.", "old", "a\nb"],
        ["34", "The row has 1 fields, the header 2.", "7"],
    ]
    assert (manifest.rows.incoming, manifest.rows.scored, manifest.rows.rejected) == (32, 30, 2)
    ids = [row[2] for row in read_rows(s3, manifest.predictions.key)[1]]
    assert [identifier.rpartition("-")[2] for identifier in ids] == [str(number) for number in range(2, 32)]


def test_a_file_with_too_many_rejected_rows_is_refused(s3):
    text = "age,job\n" + "1,x\n" * 8 + "old,x\n" * 2
    assert score(s3, drop(s3, text), max_rejected_percent=20.0).rows.rejected == 2
    before = results(s3)
    with pytest.raises(TooManyRejected, match=r"2 of 10 rows.*19.9 %.*line 10: Column age"):
        score(s3, drop(s3, text), max_rejected_percent=19.9)
    assert results(s3) == before


def test_the_models_own_words_stay_out_of_the_refusal(s3):
    def refuse(rows):
        raise client_error("ModelError", 424, OriginalStatusCode=400, OriginalMessage="cannot read 'Smith'")

    with pytest.raises(TooManyRejected) as caught:
        score(s3, drop(s3, "age,job\n1,Smith\n"), StubRuntime(refuse))
    assert "Smith" not in str(caught.value)


def test_a_file_with_only_rejected_rows_can_be_allowed(s3):
    manifest = score(s3, drop(s3, "age,job\nold,x\n"), max_rejected_percent=100.0)
    assert read_rows(s3, manifest.predictions.key) == (
        ["age", "job", "id", "y", "y_probability", "prediction_date"],
        [],
    )


def test_a_repeated_event_does_nothing(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    first = score(s3, arrival)
    before = versions(s3, "predictions/")
    runtime = StubRuntime()
    assert score(s3, arrival, runtime) == first
    assert runtime.requests == []
    assert versions(s3, "predictions/") == before


def test_a_retry_writes_the_same_bytes(s3):
    arrival = drop(s3, "age,job\n" + "".join(f"{age},x\n" for age in range(100)))
    first = score(s3, arrival, StubRuntime(waits_at_random))
    content, profile = read(s3, first.predictions.key), read(s3, first.profile.key)
    s3.delete_object(Bucket=BUCKET, Key=output_keys(arrival, "predictions/").manifest)
    second = score(s3, arrival, StubRuntime(waits_at_random))
    assert second.predictions.version_id != first.predictions.version_id
    assert (read(s3, second.predictions.key), read(s3, second.profile.key)) == (content, profile)


def test_two_concurrent_runs_leave_one_result(s3):
    """The second run scores the file while the first does; neither knows of the other until they commit."""
    arrival = drop(s3, "age,job\n1,x\n")
    inner = []

    def overtaken(rows):
        if not inner:
            inner.append(None)
            inner[0] = score(s3, arrival)

    outer = score(s3, arrival, StubRuntime(overtaken))
    assert outer == inner[0]
    assert versions(s3, outer.predictions.key) == [(outer.predictions.key, outer.predictions.version_id)]
    assert versions(s3, outer.profile.key) == [(outer.profile.key, outer.profile.version_id)]


class OneCallAtATime:
    """S3 handles concurrent calls, but moto in this process does not; the runs still interleave between calls."""

    def __init__(self, client):
        self.client = client
        self.lock = threading.Lock()

    def __getattr__(self, name):
        def call(**arguments):
            with self.lock:
                return getattr(self.client, name)(**arguments)

        return call


def test_ten_at_once_leave_one_result(s3):
    shared = OneCallAtATime(s3)
    arrival = drop(s3, "age,job\n" + "1,x\n" * 50 + "old,x\n")
    start = threading.Barrier(10)
    outcomes = []

    def run():
        start.wait(10)
        outcomes.append(score(shared, arrival, StubRuntime(waits_at_random)))

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    manifest = outcomes[0]
    assert outcomes == [manifest] * 10
    for written in (manifest.predictions, manifest.profile, manifest.rejected):
        assert versions(s3, written.key) == [(written.key, written.version_id)]


def test_a_commit_whose_answer_was_lost_is_a_commit(s3):
    """The manifest was written, but the client saw an error and retried, which finds its own manifest."""

    class LosesAnAnswer:
        def __getattr__(self, name):
            return getattr(s3, name)

        def put_object(self, **arguments):
            answer = s3.put_object(**arguments)
            return s3.put_object(**arguments) if "IfNoneMatch" in arguments else answer

    manifest = score(LosesAnAnswer(), drop(s3, "age,job\n1,x\n"))
    assert read_rows(s3, manifest.predictions.key)[1][0][0] == "1"
    assert len(results(s3)) == 3


def test_what_a_dead_run_left_above_the_commit_is_taken_back(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    manifest = score(s3, arrival)
    content = read(s3, manifest.predictions.key)
    s3.put_object(Bucket=BUCKET, Key=manifest.predictions.key, Body=b"of a run that died")
    s3.put_object(
        Bucket=BUCKET, Key=output_keys(arrival, "predictions/").rejected, Body=b"of a run that died"
    )
    score(s3, arrival)
    assert read(s3, manifest.predictions.key) == content
    assert len(results(s3)) == 3


def files_counted(capsys):
    """How many files have been reported as scored by the metrics since."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return sum(line.get("FilesScored", 0) for line in lines)


def test_a_run_that_dies_behind_its_commit_is_counted_once_by_its_retry(s3, capsys, monkeypatch):
    arrival = drop(s3, "age,job\n1,x\n")
    with monkeypatch.context() as patch:
        patch.setattr("autowatch.scoring.predictions.withdraw_others", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score(s3, arrival)
    assert len(results(s3)) == 3
    assert files_counted(capsys) == 0
    score(s3, arrival, invocation="of the same event, announced twice")
    assert files_counted(capsys) == 0
    score(s3, arrival)
    assert files_counted(capsys) == 1


def test_of_many_at_once_the_one_that_committed_is_counted(s3, capsys):
    arrival = drop(s3, "age,job\n1,x\n")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: score(s3, arrival, invocation=f"i{number}"), range(8)))
    assert files_counted(capsys) == 1


def test_uploads_that_others_had_begun_are_taken_back_with_the_commit(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    for key in (
        output_keys(arrival, "predictions/").predictions,
        output_keys(arrival, "predictions/").rejected,
    ):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    score(s3, arrival)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_run_whose_upload_was_taken_back_gives_what_the_other_has_committed(s3):
    arrival = drop(s3, "age,job\n" + f"1,{'x' * 90_000}\n" * 200)

    class Overtaken:
        """An S3 client of a run that another run overtakes during the upload of its predictions."""

        manifest = None

        def __getattr__(self, name):
            return getattr(s3, name)

        def upload_part(self, **arguments):
            self.manifest = score(s3, arrival)
            raise client_error("NoSuchUpload", 404)

    overtaken = Overtaken()
    assert score(overtaken, arrival) == overtaken.manifest
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    assert len(results(s3)) == 3


def test_a_bucket_without_versions(client):
    with mock_aws():
        create_bucket(client, versioned=False)
        release(client)
        first, second = drop(client, "age,job\n1,x\n"), drop(client, "age,job\n1,x\n", "inference/b.csv")
        assert score(client, first) == score(client, first)
        score(client, second)
        assert first.id_prefix != second.id_prefix
        assert len(results(client)) == 6


def test_reads_the_version_that_was_announced(s3):
    old = drop(s3, "age,job\n1,x\n")
    new = drop(s3, "age,job\n2,x\n")
    first, second = score(s3, new), score(s3, old)
    assert first.predictions.key != second.predictions.key
    assert [read_rows(s3, manifest.predictions.key)[1][0][0] for manifest in (second, first)] == ["1", "2"]


@pytest.mark.parametrize("versioned", [True, False])
def test_a_deleted_file(s3, versioned):
    arrival = drop(s3, "age,job\n1,x\n")
    if versioned:
        s3.delete_object(Bucket=BUCKET, Key=arrival.file.key, VersionId=arrival.file.version_id)
    else:
        arrival = replace(arrival, file=replace(arrival.file, version_id=None))
        drop(s3, "age,job\n2,x\n")
    with pytest.raises(InputGone, match="deleted or replaced"):
        score(s3, arrival)
    assert results(s3) == []


def test_no_champion_yet(s3):
    s3.delete_object(Bucket=BUCKET, Key="models/champion.json")
    with pytest.raises(NoChampion):
        score(s3, drop(s3, "age,job\n1,x\n"))
    assert results(s3) == []


def test_the_champions_endpoint_is_used_and_a_difference_logged(s3, caplog):
    runtime = StubRuntime()
    score(s3, drop(s3, "age,job\n1,x\n"), runtime, endpoint_name="other")
    assert [name for name, _, _ in runtime.requests] == ["bank"]
    assert "another endpoint" in caplog.text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"age,job\n" + b"1,x\n" * 100_000 + b"\xff,x\n", NotUtf8),
        (b"age,job\n1,x\n", EndpointUnavailable),
    ],
)
def test_a_failure_leaves_nothing(s3, content, error, monkeypatch):
    monkeypatch.setattr("autowatch.aws.uploads.PART_BYTES", 5 * 1024 * 1024)

    def before(rows):
        if error is EndpointUnavailable:
            raise client_error("ServiceUnavailable", 503)

    with pytest.raises(error):
        score_file(
            Bucket(s3, BUCKET),
            StubRuntime(before),
            drop(s3, content),
            settings(limits=ScoringLimits()),
            seconds_left=lambda: 3.1,
            invocation="i1",
        )
    assert results(s3) == []
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_failed_write_ends_all_threads(s3, monkeypatch):
    def fail(*_):
        raise LookupError

    monkeypatch.setattr(predictions._Rows, "write", fail)
    # Its traceback holds the frames, which would keep what they iterate over.
    with pytest.raises(LookupError) as failure:
        score(s3, drop(s3, "age,job\n" + "1,x\n" * 5000), limits=ScoringLimits(max_batch_rows=10))
    assert failure.traceback
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("score")]


def test_large_predictions_go_in_parts(s3, monkeypatch):
    monkeypatch.setattr("autowatch.aws.uploads.PART_BYTES", 5 * 1024 * 1024)
    rows = [(str(number % 100), "x" * 1000) for number in range(13_000)]
    arrival = drop(s3, "age,job\n" + "".join(f"{age},{job}\n" for age, job in rows))
    manifest = score(s3, arrival, limits=ScoringLimits())
    assert s3.head_object(Bucket=BUCKET, Key=manifest.predictions.key)["ETag"].endswith('-3"')
    assert [tuple(row[:2]) for row in read_rows(s3, manifest.predictions.key)[1]] == rows
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


@pytest.mark.parametrize("width", [10, 100])
def test_rows_of_any_length_fill_the_requests(s3, monkeypatch, width):
    monkeypatch.setattr(predictions, "_LARGEST_CHUNK", 128 * 1024)
    runtime = StubRuntime()
    job = "x" * width
    arrival = drop(s3, "age,job\n" + "".join(f"{number},{job}\n" for number in range(1000, 9000)))
    limits = ScoringLimits(max_batch_rows=2000, concurrency=1)
    manifest = score(s3, arrival, runtime, limits=limits)
    assert manifest.rows.scored == 8000
    sent = [len(rows) for _, rows, _ in runtime.requests]
    assert max(sent) <= 2000
    assert len(sent) <= 6


def test_rows_that_vanish_stop_the_commit(s3, monkeypatch):
    """A defect of our own: the result of one batch is lost."""
    import autowatch.scoring.predictions as module

    whole = module.score_table

    def loses_one(*arguments):
        batches = whole(*arguments)
        next(batches)
        return batches

    monkeypatch.setattr(module, "score_table", loses_one)
    with pytest.raises(RowsLost, match="50 rows went in, 40 were scored and 0 rejected"):
        score(s3, drop(s3, "age,job\n" + "1,x\n" * 50))
    assert results(s3) == []


def test_an_error_of_the_bucket_is_raised_unchanged(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        score_file(Bucket(s3, "another-bucket"), StubRuntime(), arrival, settings(), lambda: 60.0, "i1")


def test_profiles_of_the_pieces_add_up_to_the_whole(s3):
    rows = [f"{age},{job}\n" for age in range(90) for job in ("admin.", "retired", "new", "")]

    def profile_of(part):
        manifest = score(s3, drop(s3, "age,job\n" + "".join(part)))
        return msgspec.convert(read_document(s3, manifest.profile.key), Profile)

    assert total([profile_of(rows[:7]), profile_of(rows[7:100]), profile_of(rows[100:])]) == profile_of(rows)


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(
    rows=st.lists(st.tuples(st.integers(-9, 99).map(str), cells, cells), min_size=1, max_size=25),
    batch=st.integers(1, 9),
)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_table_comes_back_with_the_same_cells_and_the_right_ids(s3, rows, batch):
    lines = csv_lines(list(zip(("age", "job", "note"), *rows, strict=True)))
    arrival = drop(s3, "\r\n".join(lines))
    manifest = score(s3, arrival, limits=ScoringLimits(max_batch_rows=batch, concurrency=2))
    header, written = read_rows(s3, manifest.predictions.key)
    assert header[:4] == ["age", "job", "note", "id"]
    assert [tuple(row[:3]) for row in written] == rows
    assert [row[3] for row in written] == [f"{arrival.id_prefix}-{n}" for n in range(1, len(rows) + 1)]
    assert [row[5] for row in written] == [probability_of(row[:2]) for row in rows]


def test_a_column_id_is_kept_and_our_ids_get_another_name(s3):
    arrival = drop(s3, "id,age,job\nC-7,41,admin.\nC-8,20,retired\n")
    manifest = score(s3, arrival)
    header, rows = read_rows(s3, manifest.predictions.key)
    assert header == ["id", "age", "job", "autowatch_id", "y", "y_probability", "prediction_date"]
    assert [row[0] for row in rows] == ["C-7", "C-8"]
    assert [row[3] for row in rows] == [f"{arrival.id_prefix}-1", f"{arrival.id_prefix}-2"]
    assert manifest.row_id == "autowatch_id"
    assert read_document(s3, find_manifest(s3))["row_id"] == "autowatch_id"


def find_manifest(s3):
    return next(key for key in results(s3) if key.endswith(".manifest.json"))
