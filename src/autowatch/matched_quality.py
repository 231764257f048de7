"""A day's quality beside its judgement of drift: whose it is, and of how many rows."""

from collections.abc import Mapping
from dataclasses import replace

from autowatch.quality_view import QualityView, RunQuality


def match_quality(quality: QualityView, judged_run: str | None, rows: Mapping[str, int]) -> QualityView:
    """The quality with the judged run's figures on top where there are any, and coverage of the rows that there are.

    `quality.json` counts the rows as they were when labels came last; files scored after that are in `drift.json`
    alone. So of both counts the larger one holds.

    Args:
        judged_run: the run that the day's verdict on drift is about; None where that is not known.
        rows: the rows of the day by the run that scored them, as the judgement of drift counted them.
    """
    runs = [_of_all_rows(run, rows) for run in (quality.main, *quality.other_runs)]
    runs.sort(key=lambda run: run.run != judged_run)
    main, *others = runs
    is_of_another = None not in (judged_run, main.run) and main.run != judged_run
    return replace(
        quality, main=main, other_runs=others, unlabelled_run=judged_run if is_of_another else None
    )


def _of_all_rows(run: RunQuality, rows: Mapping[str, int]) -> RunQuality:
    judged = rows.get(run.run or "", 0)
    if not judged or judged <= (run.rows_scored or 0):
        return run
    labelled = run.rows_labelled
    return replace(run, rows_scored=judged, coverage=run.coverage if labelled is None else labelled / judged)
