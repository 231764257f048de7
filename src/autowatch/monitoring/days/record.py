"""Writing the judgement of a day so that of runs at once one tells people of it, and none undoes another's work.

A run that has news first replaces the document that it has read by a claim: the judgement, but with nothing of the news
in `told`, with the time in `alerting`, and without `inputs`, so that the day stays due. Whoever dies after that has the
next run tell.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.errors import AutowatchError
from autowatch.monitoring.days.judgement import DayJudgement
from autowatch.records.report_keys import report_key
from autowatch.records.timestamps import from_text, to_text

_TIME_TO_TELL = timedelta(seconds=60)
"""After so long whoever was about to tell is taken for dead: its clients have given up by then."""


class DayContested(AutowatchError):
    """Another run judges the day at the same time."""


def check_unclaimed(found: DayJudgement) -> None:
    """Sees that no other run is telling people of the day.

    Raises:
        DayContested: one is, or began to within the last minute and died.
    """
    if found.claimed and datetime.now(UTC) - from_text(found.claimed) < _TIME_TO_TELL:
        raise _contested(found.day)


def claim(bucket: Bucket, found: DayJudgement) -> DayJudgement:
    """Writes that this run is about to tell people of the day, and gives the judgement that may follow the claim.

    Raises:
        DayContested: another run has written the document since it was read.
    """
    return _put_claim(bucket, found, to_text(datetime.now(UTC)))


def give_back(bucket: Bucket, found: DayJudgement) -> None:
    """Writes that people could not be told, so that the next run need not wait until the claim is old.

    Raises:
        DayContested: see `claim`.
    """
    _put_claim(bucket, found, None)


def record(bucket: Bucket, found: DayJudgement) -> None:
    """Writes the document by which the day counts as judged, in place of the one that it follows from.

    Raises:
        DayContested: see `claim`.
    """
    _put(bucket, found, found.document)


def _put_claim(bucket: Bucket, found: DayJudgement, alerting: str | None) -> DayJudgement:
    known = [finding.to_json() for finding in found.telling.told if finding not in found.telling.news]
    claimed = {"told": known, "alerted": bool(known), "alerting": alerting, "inputs": None}
    return replace(found, etag=_put(bucket, found, found.document | claimed))


def _put(bucket: Bucket, found: DayJudgement, document: dict[str, Any]) -> str:
    key = report_key(found.day)
    try:
        if found.etag is None:
            return bucket.write_json_if_absent(key, document)
        return bucket.replace_json(key, document, found.etag)
    except ObjectChanged as error:
        raise _contested(found.day) from error


def _contested(day: date) -> DayContested:
    return DayContested(f"Another run judges {day} at the same time; the next one sees what is left to do.")
