"""Records one request for each permission in use, for the table of permissions."""

import json
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.access.policies import Grant, Need, Verdict

FOLDER_VARIABLE = "SANDBOX_PERMISSIONS_RECORD"
"""The environment variable with the folder to which a sandbox writes its permission records."""

_Way = tuple[str, str, tuple[tuple[str, int, int, int], ...]]
"""Role, action, and for each grant: policy, statement, index of the action, index of the resource."""


@dataclass
class Record:
    """The first request of each role for each set of statements that allowed it."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _requests: dict[_Way, dict[str, Any]] = field(default_factory=dict)

    def note(self, role: str, need: Need, verdict: Verdict) -> None:
        """Record a met need, with the condition keys that the statements used."""
        way = (role, need.action, tuple(map(_place, verdict.grants)))
        if way in self._requests:
            return
        keys = {
            key
            for grant in verdict.grants
            for wanted in grant.statement.conditions.values()
            for key in wanted
        }
        context = {key: values for key in sorted(keys) if (values := need.context.get(key)) is not None}
        request = {"role": role, "action": need.action, "resource": need.resource, "context": context}
        with self._lock:
            self._requests.setdefault(way, request)

    def write(self, folder: Path) -> None:
        """Write all records into a file of their own."""
        with self._lock:
            requests = list(self._requests.values())
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(requests, allow_nan=False))


def _place(grant: Grant) -> tuple[str, int, int, int]:
    return grant.statement.policy, grant.statement.index, grant.action, grant.resource
