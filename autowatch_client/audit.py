"""The record of what people did, and why: an object each under `audit/`, which nobody writes over."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autowatch_client.objects import Bucket

AUDIT_PREFIX = "audit/"


@dataclass(frozen=True)
class Auditor:
    """Writes records in the name of one caller.

    Attributes:
        by: the caller's ARN, as AWS STS gives it.
        lock_days: for how many days S3 keeps each record from being deleted; 0 for none.
    """

    bucket: Bucket
    by: str
    lock_days: int

    def record(self, what: str, reason: str, **details: Any) -> str:
        """Writes that the caller does something now, and gives the key of the record.

        Args:
            what: a verb, such as `approve`.
            reason: the caller's.
            details: more of the document; no row's values belong there.
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
    """A key that no other record has; keys sort by time."""
    return f"{AUDIT_PREFIX}{now:%Y%m%dT%H%M%S.%fZ}-{what}-{secrets.token_hex(4)}.json"
