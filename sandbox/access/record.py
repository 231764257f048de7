"""What the policies were needed for: every decision of a sandbox, counted, for the table of permissions."""

import json
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.access.policies import Verdict

FOLDER_VARIABLE = "SANDBOX_PERMISSIONS_RECORD"
"""The environment variable with the folder to which a sandbox writes what its policies were needed for."""


Place = tuple[str, int, tuple[str, ...], int, int]
"""Policy, place and actions of a statement, and the places of the action and the resource that allowed."""


@dataclass
class Record:
    """Counts, for each role, action and set of grants, how often they decided."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: Counter[tuple[str, str, tuple[Place, ...]]] = field(default_factory=Counter)

    def note(self, role: str, action: str, verdict: Verdict) -> None:
        """Count a need that was met."""
        grants = tuple(
            (
                grant.statement.policy,
                grant.statement.index,
                grant.statement.actions,
                grant.action,
                grant.resource,
            )
            for grant in verdict.grants
        )
        with self._lock:
            self._counts[role, action, grants] += 1

    def write(self, folder: Path) -> None:
        """Write everything into a file of its own."""
        with self._lock:
            rows: list[dict[str, Any]] = [
                {"role": role, "action": action, "grants": grants, "count": count}
                for (role, action, grants), count in self._counts.items()
            ]
        folder.mkdir(parents=True, exist_ok=True)
        document = {"decisions": rows}
        (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(document, allow_nan=False))
