import csv
import gc
import io
import random
import threading
import time

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.records.problem import Problem
from autowatch.records.smoke import SmokeTest
from autowatch.scoring.batches import score_table
from autowatch.scoring.columns import MissingColumns, ReservedColumns
from autowatch.scoring.endpoint import Endpoint, EndpointUnavailable, ModelFailed
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.table import NotUtf8, read_table
from tests.support.stub_runtime import StubRuntime, client_error, model_error, probability_of, waits_at_random

CONTRACT = Contract(
    run="r1",
    target="y",
    labels=("no", "yes"),
    positive_label="yes",
    features=(Feature("age", "numeric"), Feature("job", "categorical")),
    dropped_columns=("duration",),
    rows=100,
    profile_version=1,
    training=ObjectVersion("training/x.csv", None, "e", 1),
)


def score(
    text, runtime=None, limits=None, contract=CONTRACT, seconds_left=lambda: 60.0, chunk=64, **endpoint
):
    data = text.encode() if isinstance(text, str) else text
    table = read_table(data[start : start + chunk] for start in range(0, len(data), chunk))
    endpoint = Endpoint(runtime or StubRuntime(), "bank", contract.problem, seconds_left, **endpoint)
    return score_table(table, contract, endpoint, limits or ScoringLimits())


def joined(batches):
    """All batches as one: row numbers, columns, rejected rows."""
    numbers, columns, rejected = [], {}, []
    for batch in batches:
        numbers.extend(batch.row_numbers.to_pylist())
        rejected.extend(batch.rejected)
        for name, fields in columns_of(batch).items():
            columns.setdefault(name, []).extend(fields)
    return numbers, columns, rejected


def columns_of(batch):
    text = "".join(f"{line},\n" for line in batch.lines.to_pylist())
    own = list(zip(*csv.reader(io.StringIO(text, newline="")), strict=True))[:-1]
    own = own or [()] * len(batch.layout.own)
    answers = [column.to_pylist() for column in batch.predictions.columns]
    return dict(zip([*batch.layout.own, *batch.layout.predicted], [*own, *answers], strict=True))


def table_of(rows):
    return "age,job\n" + "".join(f"{age},{job}\n" for age, job in rows)


def test_features_are_sent_in_the_contracts_order_and_all_columns_are_returned():
    runtime = StubRuntime()
    text = "note,job,y,duration,age\nhello,admin.,no,99,41\n,retired,yes,5,1.10\n"
    numbers, columns, rejected = joined(score(text, runtime))
    assert [rows for _, rows, _ in runtime.requests] == [[["41", "admin."], ["1.10", "retired"]]]
    assert (numbers, rejected) == ([1, 2], [])
    probabilities = [probability_of(["41", "admin."]), probability_of(["1.10", "retired"])]
    assert list(columns.items()) == [
        ("note", ["hello", ""]),
        ("job", ["admin.", "retired"]),
        ("y_actual", ["no", "yes"]),
        ("duration", ["99", "5"]),
        ("age", ["41", "1.10"]),
        ("y", ["yes" if float(probability) >= 0.5 else "no" for probability in probabilities]),
        ("y_probability", probabilities),
    ]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_order_is_kept_when_answers_come_in_another(concurrency):
    rows = [(str(number), f"job{number % 13}") for number in range(1000)]
    all_busy = threading.Event()

    def before(rows):
        if runtime.most_at_once >= concurrency:
            all_busy.set()
        assert all_busy.wait(60), "fewer requests than allowed are under way"
        waits_at_random(rows)

    runtime = StubRuntime(before)
    limits = ScoringLimits(max_batch_rows=7, concurrency=concurrency)
    numbers, columns, _ = joined(score(table_of(rows), runtime, limits))
    assert numbers == list(range(1, 1001))
    assert list(zip(columns["age"], columns["job"], strict=True)) == rows
    assert columns["y_probability"] == [probability_of(row) for row in rows]
    assert runtime.most_at_once == concurrency


def test_all_missing_columns_are_named():
    with pytest.raises(MissingColumns, match=r"the columns 'age', 'job',.*r1.*Add"):
        score("a,Job\n1,2\n")


@pytest.mark.parametrize("name", ["id,autowatch_id", "y_probability", "y_actual", "prediction_date"])
def test_reserved_columns_are_refused(name):
    with pytest.raises(ReservedColumns, match=f"the column {name.split(',')[-1]!r}.*Rename"):
        score(f"age,job,{name}\n1,2,3,4\n")


@pytest.mark.parametrize(
    "text", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "-1.5e3", "0", " 7", ".5", "1."]
)
def test_numbers_and_missing_values_are_sent_unchanged(text):
    runtime = StubRuntime()
    _, columns, rejected = joined(score(table_of([("41", "x"), (text, "x")]), runtime))
    assert (columns["age"], rejected) == (["41", text], [])
    assert runtime.requests[0][1][1] == [text, "x"]


@pytest.mark.parametrize(
    "text",
    ["x", "1_000", "٤١", "inf", "-Infinity", "NAN", "none", "1e999", "0x10", "1 2", "½", '"1,5"', "--1"],
)
def test_other_texts_in_a_numeric_column_are_rejected(text):
    runtime = StubRuntime()
    numbers, columns, rejected = joined(score(table_of([("41", "x"), (text, "x"), ("", "x")]), runtime))
    assert (numbers, columns["age"]) == ([1, 3], ["41", ""])
    assert [(row.line, row.reason, list(row.fields)) for row in rejected] == [
        (3, "Column age does not hold a number.", [text.strip('"'), "x"])
    ]


def test_unseen_categories_are_accepted():
    assert joined(score(table_of([("1", "astronaut"), ("2", "NA"), ("3", "")])))[2] == []


def test_rows_of_the_wrong_width_are_rejected_in_place():
    text = 'age,job\n1,a\n2\n\n3,"b\nb"\n4,c,d\n5,e\n'
    numbers, columns, rejected = joined(score(text))
    assert (numbers, columns["age"]) == ([1, 3, 5], ["1", "3", "5"])
    assert [(row.line, row.reason, list(row.fields)) for row in rejected] == [
        (3, "The row has 1 fields, the header 2.", ["2"]),
        (7, "The row has 3 fields, the header 2.", ["4", "c", "d"]),
    ]


def test_a_table_of_rejected_rows_sends_no_request():
    runtime = StubRuntime()
    numbers, columns, rejected = joined(score("age,job\nx,1\n1\n", runtime))
    assert (numbers, runtime.requests) == ([], [])
    assert list(columns) == ["age", "job", "y", "y_probability"]
    assert [row.line for row in rejected] == [2, 3]


def test_a_single_missing_value_is_a_row():
    contract = Contract(**{**CONTRACT.__dict__, "features": (Feature("age", "numeric"),)})
    runtime = StubRuntime()
    _, columns, _ = joined(score('age\n""\n1\n', runtime, contract=contract))
    assert columns["age"] == ["", "1"]
    assert runtime.requests[0][1] == [[""], ["1"]]


@pytest.mark.parametrize("bad", [[0], [99], [49, 50], [], list(range(0, 100, 9)), list(range(100))])
def test_rows_that_the_model_refuses_are_found(bad):
    def refuse(rows):
        if any(row[1] == "bad" for row in rows):
            raise model_error(400, "bad row")

    rows = [(str(number), "bad" if number in bad else "good") for number in range(100)]
    numbers, columns, rejected = joined(
        score(table_of(rows), StubRuntime(refuse), ScoringLimits(max_batch_rows=40))
    )
    assert [row.line for row in rejected] == [number + 2 for number in bad]
    assert {(row.reason, row.model_reason) for row in rejected} <= {("The model refused the row.", "bad row")}
    assert numbers == [number + 1 for number in range(100) if number not in bad]
    assert columns["y_probability"] == [probability_of(row) for row in rows if row[1] == "good"]


WITNESS = SmokeTest("18,known\n", ["no"], [probability_of(["18", "known"])])


class Poisoned:
    """A model that always fails on rows of one job. `fails` are additional failures, by the number of the request."""

    def __init__(self, fails=lambda request: None):
        self.fails, self.requests = fails, 0

    def __call__(self, rows):
        self.requests += 1
        if error := self.fails(self.requests):
            raise error
        if any(row[1] == "poison" for row in rows):
            raise model_error(500, "OverflowError: 1e39 has no float32")


@pytest.mark.parametrize("bad", [[0], [699], [344, 345], [0, 350, 699]])
def test_only_the_row_on_which_the_model_fails_is_rejected(bad, no_waits):
    rows = [(str(number), "poison" if number in bad else "good") for number in range(700)]
    model = Poisoned()
    numbers, columns, rejected = joined(score(table_of(rows), StubRuntime(model), witness=WITNESS))
    assert [(row.number, row.reason, row.model_reason) for row in rejected] == [
        (number + 1, "The model failed on the row.", "OverflowError: 1e39 has no float32") for number in bad
    ]
    assert numbers == [number + 1 for number in range(700) if number not in bad]
    assert columns["y_probability"] == [probability_of(row) for row in rows if row[1] == "good"]
    # For each batch and part: a retry, the witness, the other part; for the row itself: four retries and the witness.
    assert model.requests - 1 <= len(bad) * (4 * 10 + 8)


def test_an_outage_rejects_no_row(no_waits):
    """Neither a temporary nor a permanent one."""
    rows = [(str(number), "good") for number in range(700)]
    passing = Poisoned(lambda request: model_error(500, "MemoryError") if request <= 50 else None)
    numbers, _, rejected = joined(score(table_of(rows), StubRuntime(passing), witness=WITNESS))
    assert (len(numbers), rejected, passing.requests) == (700, [], 51)
    lasting = Poisoned(lambda request: model_error(500, "MemoryError"))
    with pytest.raises(ModelFailed, match=r"failed \(status 500\)"):
        joined(
            score(
                table_of(rows),
                StubRuntime(lasting),
                seconds_left=lambda: 60.0 - lasting.requests,
                witness=WITNESS,
            )
        )


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_model_that_fails_at_random_rejects_no_good_row(share, no_waits):
    chance = random.Random(7)
    model = Poisoned(lambda request: model_error(500, "MemoryError") if chance.random() < share else None)
    rows = [(str(number), "poison" if number == 17 else "good") for number in range(2_000)]
    limits = ScoringLimits(max_batch_rows=100, concurrency=2)
    _, _, rejected = joined(score(table_of(rows), StubRuntime(model), limits, witness=WITNESS))
    assert [row.number for row in rejected] == [18]


def test_throttling_in_between_does_not_prevent_finding_the_row(no_waits):
    throttled = client_error("ThrottlingException", 429, "Rate exceeded")
    model = Poisoned(lambda request: throttled if request % 2 else None)
    rows = [(str(number), "poison" if number == 17 else "good") for number in range(100)]
    _, _, rejected = joined(score(table_of(rows), StubRuntime(model), witness=WITNESS))
    assert [row.number for row in rejected] == [18]


def test_different_failures_are_not_blamed_on_the_batch(no_waits):
    model = Poisoned(lambda request: model_error(500, f"failure {request}") if request <= 9 else None)
    numbers, _, rejected = joined(score(table_of([("1", "a")] * 10), StubRuntime(model), witness=WITNESS))
    assert (len(numbers), rejected) == (10, [])


def test_without_a_witness_a_failure_is_retried(no_waits):
    model = Poisoned()
    with pytest.raises(ModelFailed):
        joined(
            score(table_of([("1", "poison")]), StubRuntime(model), seconds_left=lambda: 20.0 - model.requests)
        )


def test_a_model_that_fails_on_many_rows_fails_the_file(no_waits):
    model = Poisoned()
    rows = [(str(number), "poison" if number % 20 == 0 else "good") for number in range(4_000)]
    with pytest.raises(
        ModelFailed, match="failed on 300 batches and parts of batches of the file, including .* single rows"
    ):
        joined(score(table_of(rows), StubRuntime(model), witness=WITNESS))
    assert model.requests < 300 * 9


@pytest.mark.parametrize(
    "trouble",
    [
        client_error("ValidationError", 413, "Request Entity Too Large"),
        model_error(0, "Your invocation timed out while waiting for a response"),
    ],
)
def test_batches_that_are_too_much_are_halved(trouble):
    def before(rows):
        if len(rows) > 3:
            raise trouble

    rows = [(str(number), "x") for number in range(50)]
    numbers, columns, rejected = joined(score(table_of(rows), StubRuntime(before)))
    assert (numbers, rejected) == (list(range(1, 51)), [])
    assert columns["y_probability"] == [probability_of(row) for row in rows]


@pytest.mark.parametrize("size", [100, 5_000])
def test_requests_stay_within_the_limit_of_bytes(size):
    runtime = StubRuntime()
    rows = [(str(number), "ü;" * (number % 20)) for number in range(1000)]
    text = "age;job\n" + "".join(f'{age};"{job}"\n' for age, job in rows)
    numbers, columns, _ = joined(
        score(text, runtime, ScoringLimits(max_batch_bytes=size, max_batch_rows=10_000), chunk=100_000)
    )
    assert len(numbers) == 1000
    assert max(length for _, _, length in runtime.requests) <= size
    assert columns["y_probability"] == [probability_of(row) for row in rows]


def test_requests_are_filled_to_the_nearest_block():
    runtime = StubRuntime()
    text = table_of([(str(number), f"{number}" * 1000) for number in range(1000, 2500)])
    numbers, _, _ = joined(score(text, runtime, ScoringLimits(concurrency=1), chunk=600_000))
    assert len(numbers) == 1500
    first, *others, _ = [length for _, _, length in runtime.requests]
    assert first < 900_000
    # Two blocks make 1.2 MB, three 1.8.
    assert [1_700_000 < length < 1_900_000 for length in others[1:]] == [True, True]


def test_a_row_larger_than_any_request_is_rejected():
    runtime = StubRuntime()
    numbers, _, rejected = joined(
        score(
            table_of([("1", "x"), ("2", "x" * 1000), ("3", "x")]), runtime, ScoringLimits(max_batch_bytes=500)
        )
    )
    assert numbers == [1, 3]
    assert [(row.line, row.reason) for row in rejected] == [
        (3, "The row has 1003 bytes; a request may have at most 500.")
    ]


def test_large_columns_that_are_not_sent_do_not_count():
    text = "age,job,note\n" + f"1,x,{'n' * 100_000}\n" * 3
    assert joined(score(text, limits=ScoringLimits(max_batch_bytes=500)))[0] == [1, 2, 3]


def test_a_batch_that_times_out_down_to_one_row_is_the_endpoints_fault():
    def before(rows):
        raise model_error(0, "Your invocation timed out while waiting for a response")

    with pytest.raises(Exception, match="did not answer in time"):
        joined(score(table_of([("1", "x"), ("2", "x")]), StubRuntime(before)))


def test_the_failure_of_one_batch_stops_the_others():
    """One request is refused while the others are being throttled, with minutes left."""

    def before(rows):
        if rows[0][0] == "0":
            raise client_error("AccessDeniedException", 403, "not allowed")
        raise client_error("ThrottlingException", 429, "Rate exceeded")

    rows = [(str(number), "x") for number in range(100)]
    begun = time.monotonic()
    with pytest.raises(Exception, match="AccessDenied"):
        joined(score(table_of(rows), StubRuntime(before), ScoringLimits(max_batch_rows=5, concurrency=4)))
    assert time.monotonic() - begun < 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("score")]


def test_throttling_until_the_time_is_over_raises_its_named_error():
    def before(rows):
        raise client_error("ServiceUnavailable", 503)

    with pytest.raises(EndpointUnavailable):
        joined(score(table_of([("1", "x")]), StubRuntime(before), seconds_left=lambda: 3.1))


def test_a_truncated_table_is_rejected():
    data = table_of([(str(number), "x") for number in range(1000)]).encode() + b"\xff,x\n"
    with pytest.raises(NotUtf8, match="line 1002"):
        joined(score(data, limits=ScoringLimits(max_batch_rows=10)))


def test_reads_ahead_by_a_bounded_number_of_batches():
    given_out = 0

    def chunks():
        nonlocal given_out
        yield b"age,job\n"
        for number in range(10_000):
            given_out += 1
            yield b"%d,x\n" % number

    endpoint = Endpoint(StubRuntime(), "bank", Problem("binary", ("no", "yes"), "yes"), lambda: 60.0)
    batches = score_table(
        read_table(chunks()), CONTRACT, endpoint, ScoringLimits(max_batch_rows=10, concurrency=2)
    )
    next(batches)
    assert given_out <= 50
    batches.close()
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("score")]
