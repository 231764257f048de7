"""The judgement of one day: its document, and what people must be told of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.monitoring.days.alarms import count_refused, refusal_alarms, schema_alarms, volume_alarms
from autowatch.monitoring.days.due import DayFiles
from autowatch.monitoring.days.history import History, ReportedDay, read_report
from autowatch.monitoring.days.telling import Telling, decide_telling, drift_since
from autowatch.monitoring.drift.baselines import Baselines
from autowatch.monitoring.drift.document import drift_document, keep_earlier_parts
from autowatch.monitoring.drift.runs import RowsJudge
from autowatch.monitoring.drift.scored_rows import read_scored_rows
from autowatch.records.timestamps import to_text

DOMINO_CHECKS_KEY = "monitoring/domino/checks.json"


@dataclass(frozen=True)
class DayJudgement:
    """The day's `drift.json`, as it is once people have been told of its news.

    Attributes:
        etag: of the document that it takes the place of; None where there is none.
        claimed: when another run was about to tell people of the day, as that document says.
    """

    day: date
    document: dict[str, Any]
    telling: Telling
    etag: str | None
    claimed: str | None

    @property
    def reported(self) -> ReportedDay:
        """What later days go by."""
        return ReportedDay.from_json(self.document)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """What is said of each run's rows, the newest run's first."""
        return [self.document, *self.document["other_runs"]]


def judge_day(
    bucket: Bucket,
    day: date,
    files: DayFiles,
    *,
    judge: RowsJudge,
    baselines: Baselines,
    history: History,
    now: datetime,
) -> DayJudgement:
    """Judges the rows of one day, whatever is in the bucket for it already.

    Raises:
        PredictionsMissing, UnusableObject: what scoring has left of the day is not whole.
    """
    scored = read_scored_rows(bucket, list(files.manifests), baselines)
    judged = judge.judge(scored)
    earlier, etag = read_report(bucket, day)
    current = [
        run.to_json(judged.settings.rules.min_rows) | {"since": _since(run.run, run.verdict, day, history)}
        for run in judged.runs
    ]
    parts = keep_earlier_parts(current, earlier)
    refused = count_refused(bucket, files.refused)
    known = baselines.columns([judge.champion, *(run.run for run in scored.runs)])
    extra = scored.columns_beside(known)
    rows = sum(part["rows"] for part in parts)
    document = drift_document(
        {"date": day.isoformat()},
        to_text(now),
        parts,
        alarms=[
            *volume_alarms(day, rows, history, judged.settings.volume, now),
            *refusal_alarms(day, refused),
            *schema_alarms(day, extra, known, history, now),
            *judged.alarms,
        ],
        rejected_rows=scored.rejected_rows,
        refused_files=refused,
        extra_columns=extra,
        domino=_domino_checks(bucket),
        inputs=files.digest,
    )
    before = ReportedDay.from_json(earlier) if earlier else None
    telling = decide_telling(document, history, before, judged.settings.alert)
    told = [finding.to_json() for finding in telling.told]
    claimed = earlier["alerting"] if earlier else None
    return DayJudgement(day, document | {"alerted": bool(told), "told": told}, telling, etag, claimed)


def _since(run: str, verdict: str, day: date, history: History) -> str | None:
    return drift_since(run, day, history).isoformat() if verdict == "drift" else None


def _domino_checks(bucket: Bucket) -> Any:
    """What Domino last said, where there is a Domino that says anything."""
    try:
        return bucket.read_json(DOMINO_CHECKS_KEY)
    except (ObjectMissing, ValueError):
        return None
