"""Drift reports on demand, for a date range or one CSV. They send no alerts and do not influence later days."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.monitoring.days.alarms import count_refused
from autowatch.monitoring.days.due import list_days
from autowatch.monitoring.drift.baselines import BaselineMissing, Baselines
from autowatch.monitoring.drift.document import drift_document
from autowatch.monitoring.drift.judge import judge
from autowatch.monitoring.drift.recorded_settings import RecordedSettings
from autowatch.monitoring.drift.runs import RowsJudge, RunJudgement
from autowatch.monitoring.drift.scored_rows import read_scored_rows
from autowatch.monitoring.requests import DayRange, RawFile
from autowatch.monitoring.settings import DriftClients
from autowatch.records.arrival import file_stem
from autowatch.records.keys import baseline_key, file_folder, range_folder
from autowatch.records.timestamps import to_text
from autowatch.reports.publish import publish_window_page
from autowatch.tabular.profile import Baseline, Profile


class UnknownRun(AutowatchError):
    """The run that a file should be judged against does not exist."""


@dataclass(frozen=True)
class JudgedWindow:
    """The result for a range or a file, with the keys of its documents."""

    run: str
    verdict: str
    rows: int
    rejected_rows: int
    drifted_columns: tuple[str, ...]
    alarms: int
    report_key: str
    page_key: str


def judge_range(
    clients: DriftClients,
    predictions_prefix: str,
    chosen: DayRange,
    champion: str,
    min_rows: int,
    now: datetime,
) -> JudgedWindow:
    """Judges all rows of a range of days at once.

    Raises:
        PredictionsMissing, DocumentMalformed: scoring's objects of a day are incomplete or damaged.
    """
    bucket = clients.bucket
    days = list_days(bucket, predictions_prefix, chosen.first, chosen.last).values()
    baselines = Baselines(bucket)
    scored = read_scored_rows(
        bucket, [key for day in days for key in day.manifests], baselines, clients.profile_csv
    )
    refused = [key for day in days for key in day.refused]
    judged = RowsJudge(bucket, champion, baselines, min_rows).judge(scored)
    first, last = chosen.first.isoformat(), chosen.last.isoformat()
    document = drift_document(
        {"from": first, "to": last},
        to_text(now),
        [run.to_json(min_rows) | {"since": None} for run in judged.runs],
        alarms=judged.alarms,
        rejected_rows=scored.rejected_rows,
        refused_files=count_refused(bucket, refused),
        extra_columns=scored.columns_beside(baselines.columns([champion, *(run.run for run in scored.runs)])),
        settings=RecordedSettings.of(judged.settings).to_json(),
    )
    return _publish(bucket, range_folder(first, last), document)


def judge_raw_file(
    clients: DriftClients, chosen: RawFile, champion: str, min_rows: int, now: datetime
) -> JudgedWindow:
    """Judges the rows of any CSV with the run's columns, such as an input or a predictions file.

    Rows that scoring would reject are left out and counted. If the file has no predictions, only the features are
    judged.

    Raises:
        ObjectMissing: the file does not exist.
        UnreadableFile: the file is malformed.
        UnknownRun: the requested run does not exist, or it ended before it wrote a baseline.
        BaselineUnusable: the run's baseline is missing or cannot be read.
    """
    bucket, key, run = clients.bucket, chosen.key, chosen.run or champion
    file = bucket.version(key)
    baselines = Baselines(bucket)
    baseline = _baseline(baselines, bucket, chosen.run, champion)
    counted = clients.profile_csv(file, run)
    settings, alarms = RowsJudge(bucket, champion, baselines, min_rows).settings_for([run])
    use = baselines.use(run)
    rules = settings.rules.weighted_by(use)
    report = judge(*_without_absent_prediction(baseline, counted.profile), rules)
    part = RunJudgement(run, 1, report.rows, report, use=use).to_json(min_rows) | {"since": None}
    document = drift_document(
        {"key": key},
        to_text(now),
        [part],
        alarms=alarms,
        rejected_rows=counted.rows_rejected,
        settings=RecordedSettings.of(settings).to_json(),
    )
    return _publish(bucket, file_folder(file_stem(file)), document)


def _baseline(baselines: Baselines, bucket: Bucket, asked_for: str | None, champion: str) -> Baseline:
    try:
        return baselines.of(asked_for or champion)
    except BaselineMissing as error:
        if asked_for is None:
            raise
        raise UnknownRun(
            f"There is no run {asked_for!r} to judge against: {bucket.url(baseline_key(asked_for))} does not exist. "
            "`autowatch runs` lists the runs; a released one has a baseline."
        ) from error


def _without_absent_prediction(baseline: Baseline, profile: Profile) -> tuple[Baseline, Profile]:
    """Both without the prediction columns that the file lacks; an input file never has them."""
    columns = tuple(
        column for column in baseline.columns if column.kind != "prediction" or column.name in profile.columns
    )
    rest = replace(baseline, columns=columns)
    return rest, replace(profile, bins=rest.bins)


def _publish(bucket: Bucket, folder: str, document: dict[str, Any]) -> JudgedWindow:
    key = f"{folder}drift.json"
    page_key = publish_window_page(bucket, folder, document)
    bucket.write_json(key, document)
    return JudgedWindow(
        run=document["run"],
        verdict=document["verdict"],
        rows=document["rows"],
        rejected_rows=document["rejected_rows"],
        drifted_columns=tuple(document["drifted_columns"]),
        alarms=len(document["alarms"]),
        report_key=key,
        page_key=page_key,
    )
