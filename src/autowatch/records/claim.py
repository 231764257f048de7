"""Claims: of several invocations that find the same news, one alerts.

A document under `reports/` says in `alerting` when an invocation claimed it. The invocation that wants to alert first
replaces the document that it has read by one with a claim; S3's conditional write lets one of several succeed. After
the alert it replaces the claim by the outcome. An invocation that is killed in between leaves its claim behind, which
expires: the next invocation then alerts, perhaps for the second time, so that no alert is lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.errors import AutowatchError
from autowatch.records.timestamps import from_text, to_text

CLAIM_LASTS = timedelta(seconds=60)
"""By then every client of an invocation that lives has given up."""


class Contested(AutowatchError):
    """Another invocation works on the same document."""


def is_claimed(claimed: str | None, lasts: timedelta = CLAIM_LASTS) -> bool:
    """Whether the claim of a document, its `alerting`, holds."""
    return claimed is not None and datetime.now(UTC) - from_text(claimed) < lasts


def claim(
    bucket: Bucket, key: str, document: Mapping[str, Any], etag: str | None, claimed: str | None = None
) -> str:
    """Writes `document` with a claim over the version with this ETag (None: over nothing), and gives the new ETag.

    Args:
        claimed: the `alerting` of the version that was read.

    Raises:
        Contested: another invocation has a claim that holds, or has written the object since it was read.
    """
    if is_claimed(claimed):
        raise _contested(bucket, key)
    return settle(bucket, key, document, etag, alerting=to_text(datetime.now(UTC)))


def settle(
    bucket: Bucket, key: str, document: Mapping[str, Any], etag: str | None, alerting: str | None = None
) -> str:
    """Writes `document` without a claim over the version with this ETag (None: over nothing), and gives the new ETag.

    Raises:
        Contested: another invocation has written the object since it was read.
    """
    try:
        return bucket.replace_json(key, {**document, "alerting": alerting}, etag)
    except ObjectChanged as error:
        raise _contested(bucket, key) from error


def _contested(bucket: Bucket, key: str) -> Contested:
    return Contested(f"Another invocation works on {bucket.url(key)}; the next one sees what is left to do.")
