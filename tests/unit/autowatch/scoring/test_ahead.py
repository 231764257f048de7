import threading
from contextlib import closing
from threading import Event

import pytest

from autowatch.scoring import ahead
from autowatch.scoring.ahead import work_ahead


def run(items, work=lambda item: item, at_once=2, size=lambda item: 1, stopped=None):
    return work_ahead(items, work, at_once, size, stopped or Event())


def numbers(count, made=None):
    for number in range(count):
        if made is not None:
            made.append(number)
        yield number


def test_results_are_in_order_even_if_the_first_finishes_last():
    others = Event()

    def work(item):
        if item:
            others.set()
        else:
            assert others.wait(20)
        return -item

    assert list(run(numbers(50), work)) == [-number for number in range(50)]


@pytest.mark.parametrize(("size", "most"), [(1, 10), (20_000_000, 4)])
def test_held_items_are_bounded_by_number_and_by_bytes(size, most):
    made = []
    with closing(run(numbers(1000, made), size=lambda item: size)) as results:
        for taken, _ in enumerate(results, start=1):
            assert len(made) - taken <= most
            if taken == 30:
                break


def test_an_item_above_the_limit_is_processed_alone():
    assert len(list(run(numbers(5), size=lambda item: 10 * ahead._MOST_BYTES))) == 5


@pytest.mark.parametrize("where", ["making", "working"])
def test_the_first_error_stops_all_threads(where):
    def items():
        yield from numbers(20)
        if where == "making":
            raise LookupError("20")
        yield from numbers(20)

    def work(item):
        if where == "working" and item == 7:
            raise LookupError("7")
        return item

    stopped = Event()
    with pytest.raises(LookupError):
        list(run(items(), work, stopped=stopped))
    assert stopped.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("score")]


def test_closing_it_closes_the_items_and_stops_the_work():
    closed, stopped = Event(), Event()

    def items():
        try:
            yield from numbers(1000)
        finally:
            closed.set()

    with closing(run(items(), lambda item: item == 0 or stopped.wait(20), stopped=stopped)) as results:
        next(results)
    assert closed.is_set()
