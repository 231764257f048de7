"""Delays and quotas that AWS always has, and the sandbox only when a test sets them."""

import dataclasses
import threading
from dataclasses import dataclass
from typing import Any

from sandbox.errors import FaultError


@dataclass(frozen=True)
class Limits:
    """All of them off, unless a test says otherwise.

    Attributes:
        cold_start_seconds: extra time of the first request at each place of a serverless endpoint. A place answers one
            request at a time; a request that finds all started places busy starts another.
        invocation_seconds: time limit of InvokeEndpoint; 60 in AWS.
        read_only_disk: whether a serverless container may write only below `/tmp`; a model server that writes logs and
            metrics elsewhere does not start.
        config_seconds: time until CreateEndpoint and UpdateEndpoint find a new endpoint configuration.
        serverless_concurrency: limit on the total MaxConcurrency of all serverless endpoints, including fleets in
            creation; 10 in a new account.
        function_concurrency: how many functions may run at once; 10 in a new account. Further ones are throttled.
    """

    cold_start_seconds: float = 0.0
    invocation_seconds: float = 60.0
    read_only_disk: bool = False
    config_seconds: float = 0.0
    serverless_concurrency: int | None = None
    function_concurrency: int | None = None

    @classmethod
    def from_json(cls, document: Any) -> "Limits":
        """The inverse of `dataclasses.asdict`; missing members are off.

        Raises:
            FaultError: a limit is unknown.
        """
        known = {each.name for each in dataclasses.fields(cls)}
        if not isinstance(document, dict) or set(document) - known:
            raise FaultError(f"The limits are an object with some of {', '.join(sorted(known))}.")
        return cls(**document)


class CurrentLimits:
    """The limits in force, shared by all services."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits = Limits()

    @property
    def now(self) -> Limits:
        """The present limits."""
        with self._lock:
            return self._limits

    def change(self, limits: Limits) -> None:
        """Replaces the limits."""
        with self._lock:
            self._limits = limits
