"""The audit record of who started which run, and why: one object each under `audit/`, never overwritten.

The command `autowatch` records people's other actions.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.records.keys import audit_key
from autowatch.records.run import Run
from autowatch.records.timestamps import from_text

_LONGEST = 1_000


@dataclass(frozen=True)
class Asked:
    """Who started a run (an ARN or an event) and why, as the execution's input claims; CloudTrail has the proof."""

    by: str = ""
    reason: str = ""


NOBODY = Asked()

ASKED_FIELDS = frozenset({"by", "reason"})
"""The members of an execution's input with who started it and why."""


def is_asked(document: dict[str, Any]) -> bool:
    """Whether these members of an execution's input, if present, are texts of acceptable length."""
    told = [document[name] for name in ASKED_FIELDS & document.keys()]
    return all(isinstance(each, str) and len(each) <= _LONGEST for each in told)


def read_asked(document: dict[str, Any]) -> Asked:
    """Reads these members from an execution's input that has passed `is_asked`."""
    return Asked(document.get("by", ""), document.get("reason", ""))


def record_start(bucket: Bucket, run: Run, lock_days: int) -> None:
    """Records the start of a run. Idempotent: a retried state keeps the record that exists.

    Args:
        lock_days: for how many days S3 protects the record from deletion; 0 for no protection.
    """
    what = "rollback" if run.trigger == "promote" else "train"
    document = {
        "time": run.started,
        "what": what,
        "by": run.started_by or "",
        "reason": run.start_reason or "",
        "run": run.run,
        "execution": run.execution,
        "trigger": run.trigger,
        "training": run.training.key,
        "promotes": run.promotes,
    }
    key = audit_key(what, from_text(run.started), run.run[-4:])
    keep_until = datetime.now(UTC) + timedelta(days=lock_days) if lock_days else None
    with suppress(ObjectChanged):
        bucket.write_json_if_absent(key, document, keep_until)
