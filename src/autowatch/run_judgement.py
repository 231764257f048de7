"""The judgement of the rows that one run scored, by that run's own baseline."""

from dataclasses import dataclass
from typing import Any

from autowatch.baselines import Baselines, BaselineUnusable
from autowatch.drift import DriftReport, DriftRules, Verdict, judge
from autowatch.profile import ProfileBuilder, ProfilesDiffer
from autowatch.scored_rows import RunRows, ScoredRows


@dataclass(frozen=True)
class RunJudgement:
    """What came out for the rows of one run: a report, or the error for which there is none."""

    run: str
    files: int
    rows: int
    report: DriftReport | None
    error: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The report's; without a report there is none."""
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
            }
        return common | {
            "reference_rows": self.report.reference_rows,
            "min_rows": self.report.min_rows,
            "drifted_columns": [column.name for column in self.report.drifted],
            "drift_share": self.report.drift_share,
            "alarms": [alarm.to_json() for alarm in self.report.alarms],
            "columns": [column.to_json() for column in self.report.columns],
        }


def judge_runs(
    scored: ScoredRows, champion: str, baselines: Baselines, rules: DriftRules
) -> list[RunJudgement]:
    """Judges each run's rows, the newest run's first; where there are none, says so of the champion."""
    if not scored.runs:
        return [_judge_nothing(champion, baselines, rules)]
    return [_judge_run(rows, baselines, rules) for rows in scored.runs]


def _judge_run(rows: RunRows, baselines: Baselines, rules: DriftRules) -> RunJudgement:
    if rows.profile is None:
        return RunJudgement(rows.run, rows.files, rows.rows, None, rows.error)
    try:
        report = judge(baselines.of(rows.run), rows.profile, rules)
    except (BaselineUnusable, ProfilesDiffer) as error:
        return RunJudgement(rows.run, rows.files, rows.rows, None, str(error))
    return RunJudgement(rows.run, rows.files, report.rows, report)


def _judge_nothing(run: str, baselines: Baselines, rules: DriftRules) -> RunJudgement:
    try:
        baseline = baselines.of(run)
    except BaselineUnusable as error:
        return RunJudgement(run, 0, 0, None, str(error))
    return RunJudgement(run, 0, 0, judge(baseline, ProfileBuilder(baseline).build(), rules))
