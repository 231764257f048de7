"""Delays and quotas that AWS always has, and the sandbox only where a test asks for them."""

import dataclasses
import threading
from dataclasses import dataclass
from typing import Any

from sandbox.errors import FaultError


@dataclass(frozen=True)
class Limits:
    """All of them off, unless a test says otherwise.

    Attributes:
        cold_start_seconds: how much longer the first request takes at each place of a serverless endpoint. A place
            is what answers one request at a time; a request that finds all that have started at work starts another.
        invocation_seconds: after how long InvokeEndpoint gives up; 60 in AWS.
        read_only_disk: whether a serverless container may write below `/tmp` alone, so that a model server whose
            logs and metrics go elsewhere does not start.
        config_seconds: for how long CreateEndpoint and UpdateEndpoint do not know a new endpoint configuration.
        serverless_concurrency: how much MaxConcurrency all serverless endpoints, the fleets that are being made
            included, may have together; 10 in a new account.
        function_concurrency: how many functions may be at work at once; 10 in a new account. The next is throttled.
    """

    cold_start_seconds: float = 0.0
    invocation_seconds: float = 60.0
    read_only_disk: bool = False
    config_seconds: float = 0.0
    serverless_concurrency: int | None = None
    function_concurrency: int | None = None

    @classmethod
    def from_json(cls, document: Any) -> "Limits":
        """The inverse of `dataclasses.asdict`; what is left out is off.

        Raises:
            FaultError: there is no such limit.
        """
        known = {each.name for each in dataclasses.fields(cls)}
        if not isinstance(document, dict) or set(document) - known:
            raise FaultError(f"The limits are an object with some of {', '.join(sorted(known))}.")
        return cls(**document)


class CurrentLimits:
    """The limits in force, which all services look at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits = Limits()

    @property
    def now(self) -> Limits:
        """What is in force at this moment."""
        with self._lock:
            return self._limits

    def change(self, limits: Limits) -> None:
        """Puts others in force."""
        with self._lock:
            self._limits = limits
