"""The scoring function logs counts, keys and timings, but never a value of a row."""

import logging
import re
import traceback

import pytest

from autowatch.aws import clients
from autowatch.scoring.answer import AnswerMismatch, AnswerUnreadable
from autowatch.scoring.endpoint import EndpointUnavailable
from tests.corpus.refused import REFUSED
from tests.corpus.scored import SCORED
from tests.support.scoring_bucket import drop
from tests.support.scoring_function import (
    Context,
    bucket_with_champion,
    change_features,
    handle,
    scoring_endpoint,
    set_environment,
)
from tests.support.stub_runtime import StubRuntime, model_error

SECRET = "Smith4711"
VERSION = re.compile(r"[0-9a-f]{16,}")
ONE_LETTER = re.compile(rb"(?<![A-Za-z])[w-z](?![A-Za-z])")
# Short texts occur in keys, versions and times by chance; a reason may name the required columns; and one of the
# corpus's columns has the name of a log field.
TELLS_NOTHING = re.compile(
    r"[\d.]*|.{0,4}|reason|y_probability|y_actual|prediction_date|autowatch_id", re.DOTALL
)
FIELDS_OF_EVERY_RECORD = vars(logging.makeLogRecord({})).keys() - {"exc_info", "stack_info"}


@pytest.fixture
def log(caplog, capsys):
    """Returns all that has been logged or printed so far: messages, fields and tracebacks."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="autowatch")

    def text():
        return "\n".join([*map(all_of, caplog.records), *capsys.readouterr()])

    return text


def all_of(record):
    fields = {name: value for name, value in vars(record).items() if name not in FIELDS_OF_EVERY_RECORD}
    return f"{record.getMessage()} {fields}"


def test_no_value_of_the_corpus_is_logged(monkeypatch, log):
    cases = SCORED | REFUSED
    assert len(cases) == len(SCORED) + len(REFUSED)
    with scoring_endpoint() as endpoint, bucket_with_champion() as s3:
        for number, case in enumerate(cases.values()):
            set_environment(monkeypatch, endpoint.url, MAX_REJECTED_PERCENT=str(case.max_rejected_percent))
            change_features(s3, case.features)
            # A single letter proves nothing when it is found, so cells of one letter get a distinctive text.
            content = ONE_LETTER.sub(SECRET.encode(), case.content, count=1000)
            assert sum(handle(drop(s3, content, f"inference/{number}.csv")).values()) == 1
    logged = log()
    assert all(f"inference/{number}.csv" in logged for number in range(len(cases)))
    assert logged.count("rows_scored") >= len(SCORED) - 5
    values = {value for case in cases.values() for value in texts_of(case.content)} | {SECRET}
    assert len(values) > 100
    # A version is random, so `1e400` may occur in one by chance.
    told = VERSION.sub("", logged)
    assert sorted(value for value in values if value in told) == []


def texts_of(content):
    """Everything between delimiters, quotes and line ends, whether or not the bytes are a table."""
    pieces = re.split(r"""[,;"'\t\r\n]""", content.decode("utf-8", "replace"))
    return {piece.strip() for piece in pieces if not TELLS_NOTHING.fullmatch(piece.strip())}


class Quotes(StubRuntime):
    """Fails or answers with the rows' own text."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    def answer(self, rows):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (model_error(500, f"cannot read {SECRET}"), EndpointUnavailable),
        ("", AnswerMismatch),
        (f"{SECRET}\n", AnswerUnreadable),
        (f"{SECRET},1,[1],['{SECRET}']\n", AnswerUnreadable),
        (f"no,1,\"[1, {SECRET}]\",\"['no', 'yes']\"\n", AnswerUnreadable),
        (f'no,1,"{SECRET}\n', AnswerUnreadable),
    ],
    ids=["model failed", "no answer", "one field", "other labels", "no probability", "open quote"],
)
def test_no_failure_quotes_a_value(monkeypatch, log, answer, error):
    set_environment(monkeypatch, "http://127.0.0.1:1")
    quotes = Quotes(answer)
    made = clients.made_client
    monkeypatch.setattr(
        clients, "made_client", lambda service: quotes if service == "sagemaker-runtime" else made(service)
    )
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda self: 3_100)
    with bucket_with_champion() as s3, pytest.raises(error) as caught:
        handle(drop(s3, f"age,job\n1,{SECRET}\n"))
    logged = log()
    assert "file not scored" in logged
    assert SECRET not in logged + "".join(traceback.format_exception(caught.value))
