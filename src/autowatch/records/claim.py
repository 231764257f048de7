"""Claims: if several invocations find the same news, only one sends the alert.

The member `alerting` of a document under `reports/` is the time of the claim. An invocation that wants to alert first
replaces the document that it has read by one with a claim; S3's conditional write lets only one succeed. After the
alert it replaces the claim by the outcome. If an invocation is killed in between, its claim expires and the next
invocation alerts, perhaps for the second time, so that no alert is lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.errors import AutowatchError
from autowatch.records.timestamps import from_text, to_text

CLAIM_LASTS = timedelta(seconds=60)
"""After this time every client of a live invocation has given up."""


class Contested(AutowatchError):
    """Another invocation is working on the same document."""


def is_claimed(claimed: str | None, lasts: timedelta = CLAIM_LASTS) -> bool:
    """Whether a document's claim, its `alerting`, is still valid."""
    return claimed is not None and datetime.now(UTC) - from_text(claimed) < lasts


def claim(
    bucket: Bucket, key: str, document: Mapping[str, Any], etag: str | None, claimed: str | None = None
) -> str:
    """Replaces the version with this ETag (None: no object yet) by `document` with a claim; returns the new ETag.

    Args:
        claimed: the `alerting` of the version that was read.

    Raises:
        Contested: another invocation has a valid claim, or has written the object since it was read.
    """
    if is_claimed(claimed):
        raise _contested(bucket, key)
    return settle(bucket, key, document, etag, alerting=to_text(datetime.now(UTC)))


def settle(
    bucket: Bucket, key: str, document: Mapping[str, Any], etag: str | None, alerting: str | None = None
) -> str:
    """Replaces the version with this ETag (None: no object yet) by `document` without a claim; returns the new ETag.

    Raises:
        Contested: another invocation has written the object since it was read.
    """
    try:
        return bucket.replace_json(key, {**document, "alerting": alerting}, etag)
    except ObjectChanged as error:
        raise _contested(bucket, key) from error


def _contested(bucket: Bucket, key: str) -> Contested:
    return Contested(f"Another invocation works on {bucket.url(key)}; the next one does what is left.")
