"""Working ahead: items are prepared and processed in threads, and results are returned in order."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

_MOST_BYTES = 40_000_000
"""The most bytes that are prepared but not yet consumed: it bounds the memory for wide rows."""

_WAITING = 5
"""How many results may wait for consumption besides those in progress."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_ahead(
    items: Generator[Item],
    work: Callable[[Item], Result],
    at_once: int,
    size: Callable[[Item], int],
    stopped: threading.Event,
) -> Generator[Result]:
    """Yields the result of `work` for each item, in order; the first error ends it.

    One thread prepares the items, and `at_once` threads work on them. Items in progress and results that wait are
    limited separately: a result that is done but not first in line must not keep others from starting.

    Args:
        items: an iterator, which is closed at the end even if it is not exhausted.
        work: is called in several threads.
        at_once: how many threads.
        size: how many bytes an item holds.
        stopped: set at the end, so that `work` can stop waiting.
    """
    window = _Window(at_once + 1, at_once + 1 + _WAITING)
    # For each item its size and the future result; after the last one a marker, or why there are no more.
    made: SimpleQueue[tuple[int, Future[Result]] | BaseException | None] = SimpleQueue()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="score")

    def make() -> None:
        try:
            for item in items:
                bytes_held = size(item)
                if not window.enter(bytes_held):
                    break
                future = pool.submit(work, item)
                future.add_done_callback(lambda _: window.worked())
                made.put((bytes_held, future))
            made.put(None)
        except BaseException as error:  # noqa: BLE001 (raised where the results are taken)
            made.put(error)
        finally:
            items.close()

    maker = threading.Thread(target=make, name="score-ahead", daemon=True)
    maker.start()
    try:
        while isinstance(taken := made.get(), tuple):
            bytes_held, future = taken
            result = future.result()
            window.leave(bytes_held)
            yield result
        if taken is not None:
            raise taken
    finally:
        stopped.set()
        window.close()
        pool.shutdown(cancel_futures=True)
        maker.join()


class _Window:
    """Admits a limited number at a time."""

    def __init__(self, most_worked_on: int, most_held: int) -> None:
        self._most_worked_on, self._most_held = most_worked_on, most_held
        self._worked_on = self._held = self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def enter(self, size: int) -> bool:
        """Waits for room; returns whether there will be any."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            self._worked_on += 1
            self._held += 1
            self._bytes += size
            return not self._closed

    def worked(self) -> None:
        with self._changed:
            self._worked_on -= 1
            self._changed.notify_all()

    def leave(self, size: int) -> None:
        with self._changed:
            self._held -= 1
            self._bytes -= size
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        if not self._held:
            return True
        return (
            self._worked_on < self._most_worked_on
            and self._held < self._most_held
            and self._bytes + size <= _MOST_BYTES
        )
