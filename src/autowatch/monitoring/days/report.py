"""The report of one day: judged, claimed, shown on its page, and recorded.

A report is written twice. The claim holds the judgement without `inputs` and without the news in `told`, so that the
day stays due. The record is complete. If an invocation is killed in between, the next one judges the day again.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.monitoring.days.alarms import (
    count_refused,
    refusal_alarms,
    repeated_key_alarms,
    same_content_alarms,
    schema_alarms,
    settings_alarms,
    volume_alarms,
)
from autowatch.monitoring.days.due import DayFiles
from autowatch.monitoring.days.history import History, ReportedDay, read_report, same_weekdays, small_days
from autowatch.monitoring.days.news import News, drift_since, find_news
from autowatch.monitoring.drift.baselines import Baselines
from autowatch.monitoring.drift.document import drift_document, keep_earlier_parts
from autowatch.monitoring.drift.judge import DriftRules
from autowatch.monitoring.drift.recorded_settings import RecordedSettings
from autowatch.monitoring.drift.runs import RowsJudge, RunJudgement, judge_by_days, judge_together
from autowatch.monitoring.drift.scored_rows import ProfileCsv, RunRows, ScoredRows, read_scored_rows
from autowatch.records.claim import claim, settle
from autowatch.records.keys import DOMINO_CHECKS_KEY, report_key
from autowatch.records.timestamps import to_text
from autowatch.reports.publish import publish_day_page


@dataclass(frozen=True)
class DayReport:
    """One day's report before it is recorded.

    Attributes:
        document: `drift.json` in its form after the alert.
        news: the findings that need an alert.
        etag: of the document that the next write replaces; None if there is none.
        claimed: another invocation's claim in the document when it was read.
    """

    bucket: Bucket
    day: date
    document: dict[str, Any]
    news: News
    etag: str | None
    claimed: str | None

    @property
    def summary(self) -> ReportedDay:
        """The report in the form that the judgement of later days needs."""
        return ReportedDay.from_json(self.document)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The judgement of each run's rows, newest run first."""
        return [self.document, *self.document["other_runs"]]

    def claim(self) -> "DayReport":
        """Writes the claim, then the page that the alert links to; returns the report with the ETag of the claim.

        Raises:
            Contested: another invocation has claimed the day.
        """
        key = report_key(self.day)
        claimed = replace(self, etag=claim(self.bucket, key, self._without_news, self.etag, self.claimed))
        try:
            publish_day_page(self.bucket, self.day, drift=self.document)
        except BaseException:
            claimed.give_back()
            raise
        return claimed

    def give_back(self) -> None:
        """Ends the claim after the page or alert failed, so that the next run need not wait until the claim expires.

        Raises:
            Contested: another invocation has taken the day over.
        """
        settle(self.bucket, report_key(self.day), self._without_news, self.etag)

    def record(self) -> None:
        """Writes the complete document, which marks the day as judged.

        Raises:
            Contested: another invocation has taken the day over.
        """
        settle(self.bucket, report_key(self.day), self.document, self.etag)

    @property
    def _without_news(self) -> dict[str, Any]:
        known = [asdict(finding) for finding in self.news.told if finding not in self.news.news]
        return self.document | {"told": known, "alerted": bool(known), "inputs": None}


def judge_day(
    bucket: Bucket,
    day: date,
    files: DayFiles,
    *,
    judge: RowsJudge,
    baselines: Baselines,
    profile_csv: ProfileCsv,
    history: History,
    now: datetime,
    files_of: Callable[[date], DayFiles],
    id_column: str = "",
) -> DayReport:
    """Judges the rows of one day, whether or not it has a report already.

    Args:
        files_of: returns the files of an earlier day, for days with too few rows.
        id_column: the user's key column; empty if there is none.

    Raises:
        PredictionsMissing, DocumentMalformed: scoring's objects of the day are incomplete or damaged.
    """
    scored = read_scored_rows(bucket, list(files.manifests), baselines, profile_csv)
    judged = judge.judge(scored)
    rules = judged.settings.rules
    earlier, etag = read_report(bucket, day)
    days_before = _EarlierDays(history, baselines, profile_csv, files_of)
    runs = (_with_small_days(run, scored, day, days_before, rules) for run in judged.runs)
    if judged.settings.compare == "weekday":
        runs = (_by_weekday(run, scored, day, days_before, rules) for run in runs)
    current = [
        run.to_json(rules.min_rows) | {"since": _since(run.run, run.verdict, day, history)} for run in runs
    ]
    parts = keep_earlier_parts(current, earlier)
    refused = count_refused(bucket, files.refused)
    known = baselines.columns([judge.champion, *(run.run for run in scored.runs)])
    extra = scored.columns_beside(known)
    rows = sum(part["rows"] for part in parts)
    settings = RecordedSettings.of(judged.settings)
    document = drift_document(
        {"date": day.isoformat()},
        to_text(now),
        parts,
        alarms=[
            *volume_alarms(day, rows, history, judged.settings.volume, now),
            *refusal_alarms(day, refused),
            *same_content_alarms(scored.inputs),
            *(repeated_key_alarms(bucket, list(files.manifests), id_column) if id_column else ()),
            *schema_alarms(day, extra, known, history, now),
            *judged.alarms,
            *settings_alarms(day, settings, history),
        ],
        rejected_rows=scored.rejected_rows,
        refused_files=refused,
        extra_columns=extra,
        domino=_domino_checks(bucket),
        inputs=files.digest,
        settings=settings.to_json(),
    )
    before = ReportedDay.from_json(earlier) if earlier else None
    news = find_news(document, history, before, judged.settings.alert)
    told = [asdict(finding) for finding in news.told]
    claimed = earlier["alerting"] if earlier else None
    document |= {"alerted": bool(told), "told": told}
    return DayReport(bucket, day, document, news, etag, claimed)


@dataclass(frozen=True)
class _EarlierDays:
    """The earlier days whose rows may be added to a day's rows, or be their reference.

    Attributes:
        history: their reports.
        files_of: returns their files.
    """

    history: History
    baselines: Baselines
    profile_csv: ProfileCsv
    files_of: Callable[[date], DayFiles]

    def rows_of(self, run: str, days: Iterable[date]) -> list[RunRows]:
        """The rows of a run on those of these days on which it scored any."""
        scored = (
            read_scored_rows(
                self.baselines.bucket, list(self.files_of(day).manifests), self.baselines, self.profile_csv
            )
            for day in days
        )
        return [rows for each in scored if (rows := each.of(run))]


def _with_small_days(
    judgement: RunJudgement, scored: ScoredRows, day: date, earlier: _EarlierDays, rules: DriftRules
) -> RunJudgement:
    """The judgement of a run's rows; too few rows are judged together with the last days that had too few."""
    rows = scored.of(judgement.run)
    if rows is None or rows.rows >= rules.min_rows or judgement.report is None:
        return judgement
    days = small_days(judgement.run, rows.rows, day, earlier.history, rules.min_rows)
    others = earlier.rows_of(judgement.run, days)
    if rows.rows + sum(other.rows for other in others) < rules.min_rows:
        return judgement
    baseline = earlier.baselines.of(judgement.run)
    return judge_together(judgement, days, rows.joined_with(others), baseline, rules)


def _by_weekday(
    judgement: RunJudgement, scored: ScoredRows, day: date, earlier: _EarlierDays, rules: DriftRules
) -> RunJudgement:
    """The judgement of a run's rows against the same weekday of the last weeks, if both have enough rows."""
    rows = scored.of(judgement.run)
    if rows is None or rows.rows < rules.min_rows or judgement.report is None:
        return judgement
    days = same_weekdays(judgement.run, day, earlier.history)
    found = earlier.rows_of(judgement.run, days)
    if not found:
        return judgement
    reference = found[0].joined_with(found[1:])
    return judge_by_days(judgement, rows, days, reference, earlier.baselines.of(judgement.run), rules)


def _since(run: str, verdict: str, day: date, history: History) -> str | None:
    return drift_since(run, day, history).isoformat() if verdict == "drift" else None


def _domino_checks(bucket: Bucket) -> Any:
    """Domino's last results; None if there are none."""
    try:
        return bucket.read_json(DOMINO_CHECKS_KEY)
    except (ObjectMissing, ValueError):
        return None
