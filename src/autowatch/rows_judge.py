"""Judging scored rows by what people have set, or, where that cannot be used, by the defaults."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autowatch.baselines import Baselines
from autowatch.drift import Alarm, DriftRules
from autowatch.drift_settings import DriftSettings, InvalidDriftSettings, read_drift_settings
from autowatch.run_judgement import RunJudgement, judge_runs
from autowatch.scored_rows import ScoredRows


@dataclass(frozen=True)
class Judged:
    """The judgements of each run's rows, newest run first; the settings behind them, and alarms about those."""

    runs: list[RunJudgement]
    settings: DriftSettings
    alarms: list[Alarm]


class RowsJudge:
    """Judges rows by the settings as they are when it is made.

    Settings that cannot be used are no reason not to judge: rows that nobody judged could not be told from rows without
    drift. The defaults stand in for them, and an alarm says so.
    """

    def __init__(self, s3: Any, bucket: str, champion: str, baselines: Baselines, min_rows: int) -> None:
        self.champion, self._baselines = champion, baselines
        self._defaults = DriftSettings(DriftRules(min_rows=min_rows))
        self._settings, self._error = self._defaults, ""
        try:
            self._settings = read_drift_settings(s3, bucket, min_rows)
        except InvalidDriftSettings as error:
            self._error = str(error)

    def judge(self, scored: ScoredRows) -> Judged:
        """Judges the rows of each run by that run's own baseline; where there are none, says so of the champion."""
        settings, alarms = self.settings_for([rows.run for rows in scored.runs])
        return Judged(judge_runs(scored, self.champion, self._baselines, settings.rules), settings, alarms)

    def settings_for(self, runs: Iterable[str]) -> tuple[DriftSettings, list[Alarm]]:
        """What rows of these runs are judged by, and an alarm where that is not what people have set.

        A column may be set once the champion, or a run whose rows were judged, has it.
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
