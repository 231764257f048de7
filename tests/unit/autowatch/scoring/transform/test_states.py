"""Both ways of scoring, side by side: they give the same result for any file."""

import csv
import io
import random
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from autowatch.aws.objects import Bucket
from autowatch.records.contract import Feature
from autowatch.records.threshold import DecisionThreshold
from autowatch.scoring.answer import AnswerMismatch, AnswerUnreadable
from autowatch.scoring.inbox import score_arrivals
from autowatch.scoring.transform.accept import PieceMissing
from autowatch.scoring.transform.assemble import assemble
from autowatch.scoring.transform.plan import read_plan
from autowatch.scoring.transform.work import remove_work
from autowatch.tabular.cells import NumberForm
from autowatch.tabular.csv_lines import no_formula
from autowatch.tabular.profile import baseline_column
from tests.support.scoring_bucket import (
    BASELINE,
    BUCKET,
    CONTRACT,
    drop,
    keys,
    read,
    read_document,
    settings,
)
from tests.support.stub_runtime import StubRuntime, number_of, probability_of, shares_of
from tests.support.transform_double import SETTINGS, WORK, check, plan, transform


def outcome(s3):
    """Every object of the result, without what differs even between two runs of the same path."""
    found = {}
    for key in keys(s3, "predictions/") + keys(s3, "rejected/"):
        if key.endswith(".csv"):
            found[key] = read(s3, key)
            continue
        document = read_document(s3, key)
        for name in (
            "started",
            "finished",
            "time",
            "committed_by",
            *(name for name in document if name.endswith("version_id")),
        ):
            document.pop(name, None)
        found[key] = list(document.items())
    return found


def remove_outcome(s3):
    for prefix in ("predictions/", "rejected/"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix):
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"])


def both_ways(s3, content, piece_bytes=1500, neutralise=False, stub=None):
    """The results of scoring a file, and of transforming the same file."""
    arrival = drop(s3, content)
    score_arrivals(
        Bucket(s3, BUCKET),
        stub or StubRuntime(),
        [arrival],
        settings(max_rejected_percent=SETTINGS.max_rejected_percent, neutralise_formulas=neutralise),
        lambda: 60.0,
        "i1",
    )
    scored = outcome(s3)
    remove_outcome(s3)
    assert outcome(s3) == {}
    job = {"stub": stub} if stub else {}
    transform(s3, arrival, piece_bytes, settings=replace(SETTINGS, neutralise_formulas=neutralise), **job)
    return scored, outcome(s3)


def table(rows, seed=7, delimiter=",", header="age,job,note,extra"):
    """Rows of all kinds: quotes, delimiters, missing values, some with a fault."""
    random.seed(seed)
    lines = [header.replace(",", delimiter)]
    for number in range(rows):
        age = random.choice([str(number % 90), "", "NA", "1.10", "007", "x" if number % 9 == 4 else "5"])
        job = random.choice(["admin.", '"quoted, comma"', '"say ""x"""', "", "Ελλάδα", '5" disk', " space "])
        fields = [age, job, f"n{number}", "1;2" if delimiter == "," else "1,2"]
        if number % 17 == 3:
            fields.pop()
        lines.append(delimiter.join(fields))
    return "\n".join(lines) + "\n"


PLAIN = "age,job,note\n" + "".join(f"{number % 90},job{number},n{number}\n" for number in range(300))

SAME = {
    "plain": PLAIN,
    "one row": "age,job\n1,x\n",
    "no final newline": PLAIN.removesuffix("\n"),
    "faults and quotes": table(150),
    "semicolons": table(150, delimiter=";"),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "BOM": "\ufeff" + PLAIN,
    "a column id of the user's": PLAIN.replace("note", "id", 1),
    "quoted header with a line break": PLAIN.replace("note", '"no\nte"', 1),
    "blank lines": PLAIN.replace("n50\n", "n50\n\n\n"),
    "many blank lines": "\n\n" + PLAIN.replace("n50\n", "n50\n" + "\n" * 900),
    "features the other way round": "job,note,age\n" + "".join(f"j{n},n{n},{n}\n" for n in range(60)),
    "the target is there": "y,age,job\n" + "".join(f"no,{n},job{n}\n" for n in range(60)),
    "features alone": "age,job\n" + "".join(f"{n},job{n}\n" for n in range(60)),
    "carriage return in a field": PLAIN.replace("job7,", '"a\rb",'),
    "one faulty row in the last piece": PLAIN + "old,x,y\n",
    "one faulty row in the first piece": PLAIN.replace("\n0,", "\nold,", 1),
    "a piece of nothing but faults": PLAIN.replace("n100\n", "n100\n" + "x\n" * 150),
    "a row longer than a piece": PLAIN.replace("n50\n", "n" * 1000 + "\n"),
    "missing columns": "age,work\n" + "1,x\n" * 60,
    "reserved columns": "age,job,id,autowatch_id\n" + "1,x,1,2\n" * 60,
    "duplicate columns": "age,job,age\n" + "1,x,1\n" * 60,
    "no header": "1,2\n" * 60,
    "no rows": "age,job\n",
    "empty": "",
    "too many rejected": PLAIN + "old,x,y\n" * 250,
    "all rejected": "age,job\n" + "old,x\n" * 60,
    "not UTF-8 in a later piece": PLAIN.encode() + b"1,\xff,x\n" + b"2,x,y\n" * 60,
    "text behind a quote": PLAIN + '1,"x"y,z\n' + "1,x,y\n" * 60,
    "a lone carriage return": PLAIN + "1,x\ry,z\n" + "1,x,y\n" * 60,
    "a quote never closed, at the end": PLAIN + '1,x,"y\n',
}


@pytest.mark.parametrize("name", SAME)
def test_both_paths_give_the_same_result(s3, name):
    scored, transformed = both_ways(s3, SAME[name])
    assert transformed == scored
    assert scored


FORMED = "age;job;note\n" + "".join(
    f"{('1.200,5', '7', 'n/k', '-3,25', '')[n % 5]};job{n % 3};n{n}\n" for n in range(150)
)


def change_form(s3, form):
    """Makes the champion read `age` in this form."""
    features = (Feature("age", "numeric", form), *CONTRACT.features[1:])
    ages = baseline_column("age", "feature", "numeric", {"1,5": 50, "2.000": 50}, form)
    baseline = replace(BASELINE, columns=(ages, *BASELINE.columns[1:]))
    bucket = Bucket(s3, BUCKET)
    bucket.write_json("models/r1/contract.json", replace(CONTRACT, features=features))
    bucket.write_json("models/r1/baseline.json", baseline)


def test_the_model_is_sent_plain_numbers(s3):
    change_form(s3, NumberForm(",", ".", missing=("n/k",)))
    runtime = StubRuntime()
    arrival = drop(s3, FORMED)
    score_arrivals(Bucket(s3, BUCKET), runtime, [arrival], settings(), lambda: 60.0, "i1")
    assert {row[0] for _, rows, _ in runtime.requests for row in rows} == {"1200.5", "7", "", "-3.25"}


@pytest.mark.parametrize("content", [FORMED, FORMED + "1.5;x;faulty\n"], ids=["whole", "one faulty row"])
def test_both_paths_read_numbers_by_the_contract_and_write_them_unchanged(s3, content):
    form = NumberForm(",", ".", missing=("n/k",))
    change_form(s3, form)
    scored, transformed = both_ways(s3, content)
    assert transformed == scored
    (rows,) = (
        list(csv.reader(io.StringIO(text), delimiter=","))
        for key, text in scored.items()
        if key.endswith(".csv") and key.startswith("predictions/")
    )
    assert [row[0] for row in rows[1:6]] == ["1.200,5", "7", "n/k", "-3,25", ""]


@pytest.mark.parametrize("positive", ["yes", "no"])
@pytest.mark.parametrize("content", [SAME["faults and quotes"], PLAIN], ids=["faults and quotes", "plain"])
def test_both_paths_choose_labels_by_the_contracts_threshold(s3, content, positive):
    """A row exactly at the threshold gets the positive label; the model's own labels are those at 0.5."""
    at = float(probability_of(["7", "job7"]))
    exactly = at if positive == "yes" else round(1 - at, 6)
    contract = replace(
        CONTRACT, positive_label=positive, decision_threshold=DecisionThreshold(exactly, "parameter")
    )
    Bucket(s3, BUCKET).write_json("models/r1/contract.json", contract)
    scored, transformed = both_ways(s3, content)
    assert transformed == scored
    (text,) = (text for key, text in scored.items() if key.startswith("predictions/") and key.endswith("csv"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    negative = {"yes": "no", "no": "yes"}[positive]
    assert [row["y"] for row in rows] == [
        positive if float(row["y_probability"]) >= exactly else negative for row in rows
    ]
    assert {row["y"] for row in rows} == {"yes", "no"}
    if content == PLAIN:
        row = next(row for row in rows if row["job"] == "job7")
        assert (float(row["y_probability"]), row["y"]) == (exactly, positive)


COLOURS = ("blue, light", "=green", "red")


def predict(s3, problem_type, each=False):
    """Makes the champion predict one of three labels, or numbers; returns what answers so, and the added columns."""
    labels = COLOURS if problem_type == "multiclass" else ()
    contract = replace(
        CONTRACT, problem_type=problem_type, labels=labels, positive_label="", probability_of_each_class=each
    )
    predicted = (
        [
            baseline_column("y", "prediction", "categorical", dict.fromkeys(COLOURS[:2], 50)),
            baseline_column(
                "y_probability", "prediction", "numeric", {"0.4": 50, "0.7": 50}, bounds=(0.0, 1.0)
            ),
        ]
        if labels
        else [baseline_column("y", "prediction", "numeric", {str(number): 1 for number in range(100)})]
    )
    bucket = Bucket(s3, BUCKET)
    bucket.write_json("models/r1/contract.json", contract)
    bucket.write_json(
        "models/r1/baseline.json", replace(BASELINE, columns=(*BASELINE.columns[:2], *predicted))
    )
    # The container has its own order.
    return StubRuntime(labels=labels[::-1]), contract.prediction_columns


@pytest.mark.parametrize("content", [SAME["faults and quotes"], PLAIN], ids=["faults and quotes", "plain"])
@pytest.mark.parametrize(
    ("problem_type", "each"), [("multiclass", False), ("multiclass", True), ("regression", False)]
)
def test_both_paths_give_the_same_result_for_every_problem_type(s3, content, problem_type, each):
    stub, columns = predict(s3, problem_type, each)
    scored, transformed = both_ways(s3, content, stub=stub)
    assert transformed == scored
    (text,) = (text for key, text in scored.items() if key.startswith("predictions/") and key.endswith("csv"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [name for name in rows[0] if name.startswith("y")] == list(columns)
    for row in rows:
        sent = [row["age"], row["job"]]
        if problem_type == "regression":
            assert row["y"] == number_of(sent)
            continue
        shares = dict(zip(stub.labels, shares_of(sent, stub.labels), strict=True))
        assert (row["y_probability"], row["y"]) == (max(shares.values()), max(shares, key=shares.get))
        assert not each or {label: row[f"y_probability_{label}"] for label in COLOURS} == shares
    (profile,) = (dict(each) for key, each in scored.items() if key.endswith("profile.json"))
    counted = {name: sum(counts) for name, counts in profile["columns"].items() if name.startswith("y")}
    assert counted == dict.fromkeys(columns[:2], len(rows))


@pytest.mark.parametrize("piece_bytes", [1, 300, 10**9])
def test_the_size_of_the_pieces_makes_no_difference(s3, piece_bytes):
    scored, transformed = both_ways(s3, table(25, seed=piece_bytes), piece_bytes)
    assert transformed == scored


FORMULAS = "age,=note,job,@y_actual\n" + "".join(
    f"{number % 90},{note},=job{number % 3},+A{number}\n"
    for number in range(20)
    for note in ("=1+1", "-5", "@x", "plain", "'=1", '"=a,b"')
)


@pytest.mark.parametrize("neutralise", [False, True])
def test_both_paths_neutralise_formulas_where_that_is_asked_for(s3, neutralise):
    """The model and the profile see the original cells; the predictions differ only in the `'`."""
    bucket = Bucket(s3, BUCKET)
    contract = replace(CONTRACT, labels=("=no", "=yes"), positive_label="=yes")
    jobs = baseline_column("job", "feature", "categorical", {"=job1": 60, "=job2": 40})
    bucket.write_json("models/r1/contract.json", contract)
    bucket.write_json("models/r1/baseline.json", replace(BASELINE, columns=(BASELINE.columns[0], jobs)))
    content = FORMULAS + "x,=1,=2,=3\n"
    stub = StubRuntime(labels=("=no", "=yes"))
    scored, transformed = both_ways(s3, content, neutralise=neutralise, stub=stub)
    assert transformed == scored
    (text,) = (text for key, text in scored.items() if key.startswith("predictions/") and key.endswith("csv"))
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    as_written = no_formula if neutralise else str
    given_header, *given_rows = csv.reader(io.StringIO(FORMULAS, newline=""))
    assert header[:4] == list(map(as_written, given_header))
    assert [row[:4] for row in rows] == [list(map(as_written, row)) for row in given_rows]
    assert {row[5] for row in rows} == {as_written("=no"), as_written("=yes")}
    (manifest,) = (dict(items) for key, items in scored.items() if key.endswith("manifest.json"))
    assert manifest["formulas_neutralised"] == neutralise
    assert manifest["counts"]["columns"]["job"][:2] == [42, 36]
    sent = {row[1] for _, requested, _ in stub.requests for row in requested}
    assert sent == {"=job0", "=job1", "=job2"}


def test_names_that_neutralising_makes_alike_are_refused_by_both_paths(s3):
    scored, transformed = both_ways(s3, "age,job,=a,'=a\n1,x,2,3\n", neutralise=True)
    assert transformed == scored
    ((_, items),) = scored.items()
    assert dict(items)["error"] == "ReservedColumns"
    assert dict(items)["reason"].startswith("Columns 3 and 4 would have the same name in the predictions")


def test_rows_that_are_all_rejected_need_no_job(s3):
    arrival = drop(s3, "age,job\n" + "old,x\n" * 60)
    everything = replace(SETTINGS, max_rejected_percent=100.0)
    decision, _ = check(s3, arrival, settings=everything)
    assert decision == "finish"
    manifest = transform(s3, arrival, settings=everything)
    assert (manifest.rows.scored, manifest.rows.rejected) == (0, 60)
    assert read(s3, manifest.predictions.key) == "age,job,id,y,y_probability,prediction_date\n"


@pytest.mark.parametrize("piece_bytes", [1500, 10**9])
def test_a_line_break_in_a_field_is_rejected_with_a_remedy(s3, piece_bytes):
    content = PLAIN.replace("job200,", '"a\nb",')
    transform(s3, drop(s3, content), piece_bytes)
    (key,) = keys(s3, "rejected/")
    document = read_document(s3, key)
    assert document["error"] == "LineBreakInField"
    assert "begins on line 202 has a line break" in document["reason"]
    assert "files smaller than TransformThresholdBytes" in document["reason"]
    assert keys(s3, "predictions/") == []


def test_a_line_break_at_the_end_of_a_piece_is_detected(s3):
    begin = "age,job\n" + "1,x\n" * 60
    for padding in range(12):
        content = begin + "1," + "z" * padding + '"' * 0 + '\n2,"a\nb"\n' + "3,x\n" * 60
        transform(s3, drop(s3, content), len(begin) - len("age,job\n") + 8)
        (key,) = keys(s3, "rejected/")
        assert read_document(s3, key)["error"] == "LineBreakInField", padding
        s3.delete_object(Bucket=BUCKET, Key=key)


def test_a_row_too_large_for_a_request_is_rejected_in_the_same_words(s3):
    small = replace(SETTINGS, max_batch_bytes=1000)
    content = PLAIN + '1,"' + 'é,""' * 300 + '",x\n'
    arrival = drop(s3, content)
    limits = replace(settings().limits, max_batch_bytes=1000)
    score_arrivals(Bucket(s3, BUCKET), StubRuntime(), [arrival], settings(limits=limits), lambda: 60.0, "i1")
    scored = outcome(s3)
    remove_outcome(s3)
    transform(s3, arrival, settings=small)
    assert outcome(s3) == scored
    assert any("a request may have at most 1000" in str(content) for content in scored.values())


def test_plain_pieces_are_copied_inside_the_bucket(s3, monkeypatch):
    arrival = drop(s3, PLAIN)
    sent = []
    record = lambda params, **_: sent.append(len(params["body"] or b""))  # noqa: E731
    s3.meta.events.register("before-call.s3.UploadPart", record)
    check(s3, arrival)
    s3.meta.events.unregister("before-call.s3.UploadPart", record)
    assert sent == []
    parts = [read(s3, key) for key in keys(s3, WORK.input)]
    assert len(parts) > 2
    assert "".join(parts) == PLAIN.split("\n", 1)[1]


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        ('1,5" disk', '1,"5"" disk"\n'),
        ('"1","x"', "1,x\n"),
        ("1,x\r", "1,x\n"),
        ("1,x\n", "1,x\n"),
        ("1,x\nold,x", "1,x\n"),
    ],
)
def test_ambiguous_pieces_are_rewritten(s3, row, sent):
    check(s3, drop(s3, f"age,job\n{row}\n"), settings=replace(SETTINGS, max_rejected_percent=100.0))
    (key,) = keys(s3, WORK.input)
    assert read(s3, key) == sent


def test_a_file_that_is_already_scored_is_skipped(s3):
    arrival = drop(s3, PLAIN)
    first = transform(s3, arrival)
    before = outcome(s3)
    assert plan(s3, arrival) == "done"
    assert outcome(s3) == before
    assert first.rows.incoming == 300


def test_a_commit_whose_process_dies_behind_it_is_counted_once_by_the_retry(s3, capsys, monkeypatch):
    def counted():
        return capsys.readouterr().out.count('"FilesScored": 1')

    arrival = drop(s3, PLAIN)
    with monkeypatch.context() as patch:
        patch.setattr(
            "autowatch.scoring.transform.assemble.withdraw_others", Mock(side_effect=KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            transform(s3, arrival)
    assert counted() == 0
    assemble(
        Bucket(s3, BUCKET),
        read_plan(Bucket(s3, BUCKET), WORK.name),
        SETTINGS,
        datetime(2026, 11, 23, tzinfo=UTC),
    )
    assert counted() == 1


def test_every_state_may_run_twice(s3):
    from datetime import UTC, datetime

    from autowatch.scoring.transform.accept import AcceptedPiece
    from autowatch.scoring.transform.assemble import assemble
    from autowatch.scoring.transform.finish import finish_piece
    from tests.support.transform_double import run_job

    arrival = drop(s3, table(100))
    transform(s3, arrival)
    expected = outcome(s3)
    remove_outcome(s3)
    remove_work(Bucket(s3, BUCKET), WORK)
    check(s3, arrival)
    decision, made = check(s3, arrival)
    run_job(s3, made)
    run_job(s3, made)
    for _ in range(2):
        for item in read_document(s3, WORK.accepted):
            finish_piece(Bucket(s3, BUCKET), made, AcceptedPiece(**item))
    s3.create_multipart_upload(Bucket=BUCKET, Key=next(key for key in expected if key.endswith(".csv")))
    first, second = (assemble(Bucket(s3, BUCKET), made, SETTINGS, datetime.now(UTC)) for _ in range(2))
    assert (decision, first) == ("score", second)
    assert outcome(s3) == expected
    s3.create_multipart_upload(Bucket=BUCKET, Key=WORK.part(1))
    remove_work(Bucket(s3, BUCKET), WORK)
    assert s3.list_object_versions(Bucket=BUCKET, Prefix="transform/").get("Versions", []) == []
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda text: text.split("\n", 1)[1], AnswerMismatch),
        (lambda text: text + text.split("\n", 1)[0] + "\n", AnswerMismatch),
        (lambda text: "", AnswerMismatch),
        (lambda text: text.replace("yes", "perhaps"), AnswerUnreadable),
        (lambda text: text.replace(",no,", ","), AnswerUnreadable),
        (lambda text: text + '"', AnswerUnreadable),
    ],
)
def test_a_corrupt_answer_is_never_committed(s3, spoil, error):
    with pytest.raises(error):
        transform(s3, drop(s3, PLAIN), spoil=spoil)
    assert outcome(s3) == {}


def test_a_piece_that_was_not_checked_stops_the_transform(s3):
    arrival = drop(s3, PLAIN)
    _, made = check(s3, arrival)
    s3.delete_object(Bucket=BUCKET, Key=WORK.checked(3))
    from autowatch.scoring.transform.accept import accept_file

    with pytest.raises(PieceMissing, match=r"checked/00003\.json.*Upload the file again"):
        accept_file(Bucket(s3, BUCKET), SETTINGS, made)
