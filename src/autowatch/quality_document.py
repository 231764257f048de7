"""What `reports/date=D/quality.json` holds, and where it lies."""

from collections.abc import Mapping, Sequence
from typing import Any

from autowatch.gate_decision import GateDecision
from autowatch.labelled_rows import LabelledRun
from autowatch.quality import MEASURES, measure_quality
from autowatch.quality_verdict import QualityRules, judge_quality


def quality_key(day: str) -> str:
    """Where the quality of a day lies; `day` as `YYYY-MM-DD`."""
    return f"reports/date={day}/quality.json"


def quality_document(
    runs: Sequence[LabelledRun], gates: Mapping[str, GateDecision], rules: QualityRules
) -> dict[str, Any]:
    """The fields that follow from the labelled rows of a day.

    Args:
        runs: at least one, the newest first.
        gates: the decisions on the runs that have one.
    """
    newest, *others = (_of_run(run, gates.get(run.run), rules) for run in runs)
    return {**newest, "other_runs": others}


def _of_run(run: LabelledRun, gate: GateDecision | None, rules: QualityRules) -> dict[str, Any]:
    measured = measure_quality(run.labelled)
    judged = judge_quality(measured, gate, rules)
    return {
        "run": run.run,
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "rows_scored": run.rows_scored,
        "rows_labelled": measured.rows,
        "coverage": measured.rows / run.rows_scored if run.rows_scored else 0.0,
        "metrics": {name: each.to_json() if each else None for name, each in measured.metrics.items()},
        "gate": {name: gate.metrics.get(name) for name in MEASURES} if gate else {},
        "calibration": [each.to_json() for each in measured.calibration],
    }
