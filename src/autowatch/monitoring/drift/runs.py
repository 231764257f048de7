"""Judges the rows of each run against that run's baseline, under the settings or, if unusable, the defaults."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any

from msgspec import structs

from autowatch.aws.objects import Bucket
from autowatch.monitoring.drift.baselines import Baselines, BaselineUnusable
from autowatch.monitoring.drift.judge import Alarm, DriftReport, DriftRules, judge
from autowatch.monitoring.drift.scored_rows import RunRows, ScoredRows
from autowatch.monitoring.drift.settings import DriftSettings, InvalidDriftSettings, read_drift_settings
from autowatch.records.verdicts import DriftVerdict
from autowatch.tabular.bins import CategoricalBins
from autowatch.tabular.profile import Baseline, Profile, ProfileBuilder, ProfilesDiffer


@dataclass(frozen=True)
class RunJudgement:
    """The judgement of the rows of one run: a report, or the error that prevented it.

    Attributes:
        days: the earlier days whose rows were judged together with these, since there were too few.
        compared_with: the days whose rows were the reference; empty if the training data were.
        use: the model's use of each column, as shares of 1; empty if unknown.
    """

    run: str
    files: int
    rows: int
    report: DriftReport | None
    error: str | None = None
    days: tuple[date, ...] = ()
    compared_with: tuple[date, ...] = ()
    use: Mapping[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> DriftVerdict:
        """The report's verdict, or `not enough data` without a report."""
        return self.report.verdict if self.report else "not enough data"

    def to_json(self, min_rows: int) -> dict[str, Any]:
        """The run's part of `drift.json`; docs/formats.md has its fields."""
        common = {"run": self.run, "verdict": self.verdict, "rows": self.rows, "files": self.files}
        if self.report is None:
            alarm = {"column": None, "kind": "baseline", "message": self.error}
            return common | {
                "reference_rows": 0,
                "min_rows": min_rows,
                "drifted_columns": [],
                "drift_share": 0.0,
                "alarms": [alarm],
                "columns": [],
                "judged_with": [],
                "judged_rows": 0,
                "compared_with": [],
            }
        return common | {
            "reference_rows": self.report.reference_rows,
            "min_rows": self.report.min_rows,
            "drifted_columns": [column.name for column in self.report.drifted],
            "drift_share": self.report.drift_share,
            "alarms": [asdict(alarm) for alarm in self.report.alarms],
            "columns": [
                {**column.to_json(), "use": self.use.get(column.name)} for column in self.report.columns
            ],
            "judged_with": [day.isoformat() for day in self.days],
            "judged_rows": self.report.rows,
            "compared_with": [day.isoformat() for day in self.compared_with],
        }


def judge_runs(
    scored: ScoredRows, champion: str, baselines: Baselines, rules: DriftRules
) -> list[RunJudgement]:
    """Judges each run's rows, newest run first; without any rows, returns an empty judgement of the champion."""
    if not scored.runs:
        return [_judge_nothing(champion, baselines, rules)]
    return [_judge_run(rows, baselines, rules) for rows in scored.runs]


def judge_together(
    judgement: RunJudgement, days: Sequence[date], together: RunRows, baseline: Baseline, rules: DriftRules
) -> RunJudgement:
    """Judges a day's few rows together with those of earlier days; the day's own alarms are kept.

    Args:
        judgement: of the day's rows alone.
        days: the earlier days.
        together: the rows of the day and of the earlier days.
    """
    if judgement.report is None or together.profile is None:
        return judgement
    report = judge(baseline, together.profile, rules.weighted_by(judgement.use))
    own = {(alarm.column, alarm.kind) for alarm in judgement.report.alarms}
    alarms = [alarm for alarm in report.alarms if (alarm.column, alarm.kind) not in own]
    return replace(
        judgement, report=replace(report, alarms=(*judgement.report.alarms, *alarms)), days=tuple(days)
    )


def judge_by_days(
    judgement: RunJudgement,
    rows: RunRows,
    days: Sequence[date],
    reference: RunRows,
    baseline: Baseline,
    rules: DriftRules,
) -> RunJudgement:
    """Judges a day's rows against those of earlier days, if these are enough for a verdict.

    Args:
        judgement: against the training data; returned unchanged if the earlier days have too few rows.
        days: the earlier days.
        reference: the rows of all earlier days.
    """
    if rows.profile is None or reference.profile is None or reference.profile.rows < rules.min_rows:
        return judgement
    report = judge(measured_by(baseline, reference.profile), rows.profile, rules.weighted_by(judgement.use))
    return replace(judgement, report=report, compared_with=tuple(days))


def measured_by(baseline: Baseline, profile: Profile) -> Baseline:
    """The baseline with other rows as the reference; open columns keep the training data."""
    columns = (
        column
        if isinstance(column, CategoricalBins) and column.open
        else structs.replace(column, counts=tuple(profile.columns.get(column.name, column.counts)))
        for column in baseline.columns
    )
    return replace(baseline, rows=profile.rows, columns=tuple(columns))


def _judge_run(rows: RunRows, baselines: Baselines, rules: DriftRules) -> RunJudgement:
    if rows.profile is None:
        return RunJudgement(rows.run, rows.files, rows.rows, None, rows.error)
    use = baselines.use(rows.run)
    try:
        report = judge(baselines.of(rows.run), rows.profile, rules.weighted_by(use))
    except (BaselineUnusable, ProfilesDiffer) as error:
        return RunJudgement(rows.run, rows.files, rows.rows, None, str(error))
    return RunJudgement(rows.run, rows.files, report.rows, report, use=use)


def _judge_nothing(run: str, baselines: Baselines, rules: DriftRules) -> RunJudgement:
    try:
        baseline = baselines.of(run)
    except BaselineUnusable as error:
        return RunJudgement(run, 0, 0, None, str(error))
    use = baselines.use(run)
    report = judge(baseline, ProfileBuilder(baseline).build(), rules.weighted_by(use))
    return RunJudgement(run, 0, 0, report, use=use)


@dataclass(frozen=True)
class Judged:
    """The judgements of each run's rows, newest run first, their settings, and alarms about the settings."""

    runs: list[RunJudgement]
    settings: DriftSettings
    alarms: list[Alarm]


class RowsJudge:
    """Judges rows under the settings, which it reads when it is created.

    If the settings are unusable, the rows are judged under the defaults and an alarm says so: rows that were not judged
    would look like rows without drift.
    """

    def __init__(self, bucket: Bucket, champion: str, baselines: Baselines, min_rows: int) -> None:
        self.champion, self._baselines = champion, baselines
        self._defaults = DriftSettings(DriftRules(min_rows=min_rows))
        self._settings, self._error = self._defaults, ""
        try:
            self._settings = read_drift_settings(bucket, min_rows)
        except InvalidDriftSettings as error:
            self._error = str(error)

    def judge(self, scored: ScoredRows) -> Judged:
        """Judges each run's rows, newest run first; without any rows, returns an empty judgement of the champion."""
        settings, alarms = self.settings_for([rows.run for rows in scored.runs])
        return Judged(judge_runs(scored, self.champion, self._baselines, settings.rules), settings, alarms)

    def settings_for(self, runs: Iterable[str]) -> tuple[DriftSettings, list[Alarm]]:
        """The settings for rows of these runs, and an alarm if the defaults replace the file.

        The file may name any column of the champion or of one of these runs.
        """
        # A run that cannot be judged says so in its own judgement.
        known = self._baselines.columns([self.champion, *runs])
        settings, error = self._settings, self._error
        if known:
            try:
                settings.check_columns(known)
            except InvalidDriftSettings as unknown:
                settings, error = self._defaults, str(unknown)
        return settings, [Alarm(None, "settings", error)] if error else []
