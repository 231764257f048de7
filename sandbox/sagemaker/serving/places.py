"""The places of a serverless endpoint: each answers one request at a time, and starts with its first request."""

import threading
import time


class Places:
    """The places of a fleet that have started and are free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[float] = []
        """The start time of each place, past or planned."""

    def take(self, cold_start_seconds: float, limit_seconds: float) -> float | None:
        """Waits until a place has started; returns its start time, or None after `limit_seconds`.

        After that the place keeps starting.
        """
        now = time.monotonic()
        with self._lock:
            warm = [started for started in self._free if started <= now]
            if warm:
                self._free.remove(warm[0])
                return warm[0]
            started = now + cold_start_seconds
            if cold_start_seconds > limit_seconds:
                self._free.append(started)
        time.sleep(min(cold_start_seconds, limit_seconds))
        return started if cold_start_seconds <= limit_seconds else None

    def give_back(self, started: float) -> None:
        """Marks the place as free."""
        with self._lock:
            self._free.append(started)
