import time
from dataclasses import replace

import pytest

from autowatch.records.problem import Problem
from autowatch.scoring.endpoint import RowsRefused, TimedEndpoint
from tests.support.stub_runtime import StubRuntime, model_error


def endpoint(before):
    return TimedEndpoint(StubRuntime(before), "e", Problem("binary", ("no", "yes"), "yes"), lambda: 100.0)


def test_each_batch_is_timed_even_on_a_copy():
    timed = endpoint(lambda rows: time.sleep(0.02 * len(rows)))
    replace(timed, seconds_left=lambda: 50.0).predict(b"1,a\n", 1)
    timed.predict(b"1,a\n2,b\n3,c\n", 3)
    first, second = timed.seconds
    assert first >= 0.02
    assert second >= 0.06


def test_a_failed_batch_is_timed():
    def refuse(rows):
        time.sleep(0.02)
        raise model_error(400, "no")

    timed = endpoint(refuse)
    with pytest.raises(RowsRefused):
        timed.predict(b"1,a\n", 1)
    assert timed.seconds[0] >= 0.02
