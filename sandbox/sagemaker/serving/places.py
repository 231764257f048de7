"""The places of a serverless endpoint: each answers one request at a time, and starts with its first."""

import threading
import time


class Places:
    """Which places of a fleet have started, and are free."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[float] = []
        """When each of them has started, or will have."""

    def take(self, cold_start_seconds: float, limit_seconds: float) -> float | None:
        """Waits until a place has started; gives when it had, or None where that takes longer than `limit_seconds`.

        The place goes on starting all the same.
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
        """The place is free again."""
        with self._lock:
            self._free.append(started)
