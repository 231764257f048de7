"""The audit records: one object under `audit/` for each action of a person, with the reason. None is overwritten."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autowatch_client.objects import Bucket

AUDIT_PREFIX = "audit/"


@dataclass(frozen=True)
class Auditor:
    """Writes audit records on behalf of one caller.

    Attributes:
        by: the caller's ARN, as AWS STS gives it.
        lock_days: for how many days S3 prevents each record's deletion; 0 sets no lock.
    """

    bucket: Bucket
    by: str
    lock_days: int

    def record(self, what: str, reason: str, **details: Any) -> str:
        """Records an action of the caller and returns the record's key.

        Args:
            what: the action, a verb such as `approve`.
            reason: the caller's.
            details: further members of the document; never values of rows.
        """
        now = datetime.now(UTC)
        key = audit_key(what, now)
        document: Mapping[str, Any] = {
            "time": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "what": what,
            "by": self.by,
            "reason": reason,
            **details,
        }
        self.bucket.write_once(
            key, document, now + timedelta(days=self.lock_days) if self.lock_days else None
        )
        return key


def audit_key(what: str, now: datetime) -> str:
    """A unique key; keys sort by time."""
    return f"{AUDIT_PREFIX}{now:%Y%m%dT%H%M%S.%fZ}-{what}-{secrets.token_hex(4)}.json"
