"""Counting a large file in pieces gives the same counts."""

import io
import json

import pytest

from autowatch.aws.functions import FunctionFailed, ask_function
from autowatch.monitoring.drift import raw_profile
from autowatch.monitoring.drift.raw_profile import CsvProfiler, RawFileRefused
from tests.support.monitored_bucket import ProfileFunction, monitored_bucket, release

HEADER = b"\xef\xbb\xbfage,job\r\n"


@pytest.fixture
def bucket():
    with monitored_bucket() as clients:
        release(clients.bucket.client)
        yield clients.bucket


class Counting(ProfileFunction):
    """A double of the function that keeps its requests."""

    def __init__(self, bucket):
        super().__init__(bucket)
        self.asked = []

    def invoke(self, FunctionName, Payload):
        self.asked.append(json.loads(Payload))
        return super().invoke(FunctionName, Payload)


def profile(bucket, data, monkeypatch, piece_bytes):
    monkeypatch.setattr(raw_profile, "_PIECE_BYTES", piece_bytes)
    function = Counting(bucket)
    file = bucket.put("training/a.csv", data, "text/csv")
    return CsvProfiler(function, "profile-csv", bucket)(file, "run-1"), function.asked


@pytest.mark.parametrize("piece_bytes", [3, 40, 500])
def test_pieces_add_up_to_the_whole(bucket, monkeypatch, piece_bytes):
    data = HEADER + b"".join(b'%d,"a"\n' % (number % 60) for number in range(200)) + b"x,a\n1\n\n" * 3
    whole, asked = profile(bucket, data, monkeypatch, 1 << 30)
    assert [sorted(event) for event in asked] == [["file", "run"]]
    pieces, asked = profile(bucket, data, monkeypatch, piece_bytes)
    assert pieces == whole
    assert (whole.rows_in, whole.rows_rejected) == (206, 6)
    assert len(asked) > 2
    assert all("start" in event for event in asked)


def test_a_file_cut_at_a_quoted_line_break_is_read_whole(bucket, monkeypatch):
    data = HEADER + b'1,"a\n2,b\n3"\n' * 50
    counted, asked = profile(bucket, data, monkeypatch, 100)
    assert (counted.rows_in, counted.rows_rejected) == (50, 0)
    assert "start" not in asked[-1]


@pytest.mark.parametrize("piece_bytes", [20, 1 << 30])
def test_a_malformed_csv_is_refused_with_its_line(bucket, monkeypatch, piece_bytes):
    data = HEADER + b"1,a\n" * 50 + b"2,\xff\n"
    with pytest.raises(RawFileRefused, match=r"byte 215, on line 52\b"):
        profile(bucket, data, monkeypatch, piece_bytes)


def test_a_failed_function_is_named():
    class Failing:
        def invoke(self, FunctionName, Payload):
            body = io.BytesIO(b'{"errorType": "MemoryError", "errorMessage": "41,Smith"}')
            return {"FunctionError": "Unhandled", "Payload": body}

    with pytest.raises(FunctionFailed, match=r"profile-csv failed \(MemoryError\)") as caught:
        ask_function(Failing(), "profile-csv", {})
    assert "Smith" not in str(caught.value)
