"""The headline of a page: the verdict, what happened, since when, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from autowatch.reports.documents.drift import DriftView, RunDrift
from autowatch.reports.documents.quality import QualityView
from autowatch.reports.text import ALARM_REMEDIES, count, counted, listed, model_use, percent, short

Tone = Literal["drift", "quiet", "idle"]
"""Bad, good, and neither (too little is known, or something needs attention)."""

Subject = Literal["day", "range", "file"]
"""What was judged; the rows of a file may never have been scored."""

_TO_DO_WITHOUT_VERDICT: Mapping[Subject, str] = {
    "day": "Nothing to decide on. Judge several days as one range if every day has so few rows.",
    "range": "Nothing to decide on. Judge a longer range.",
    "file": "Nothing to decide on. Judge a file with more rows.",
}
_WITHOUT_ROWS: Mapping[Subject, str] = {
    "day": "Nothing was scored",
    "range": "Nothing was scored",
    "file": "No row can be judged",
}
_EXPECTED_ROWS = "Nothing, unless rows were expected: then check inference/ and rejected/ for the files."
_TO_DO_WITHOUT_ROWS: Mapping[Subject, str] = {
    "day": _EXPECTED_ROWS,
    "range": _EXPECTED_ROWS,
    "file": "Judge a file with rows that scoring would accept.",
}
_TO_DO_WITHOUT_WEIGHT = (
    "Give the columns that matter an importance above 0 and a distance below 1 in monitoring/settings.yaml."
)
_TO_DO_OF_OTHER_ALARMS = "Check the source of the data: an alarm often means that it changed or broke."
_COLUMNS_NAMED = 5
_OTHERS_NAMED = 3


@dataclass(frozen=True)
class Headline:
    """The verdict in words; `since` is None if nothing lasts."""

    tone: Tone
    title: str
    what: Sequence[str]
    since: str | None
    to_do: str


def headline(
    drift: DriftView | None, quality: QualityView | None, subject: Subject, date: str | None
) -> Headline:
    """The headline for these two judgements; `date` is their day, or None if they are not about a day."""
    what = [
        *([_drift_sentence(drift.main, subject)] if drift else []),
        *([_quality_sentence(quality)] if quality else []),
    ]
    others = _other_runs(drift, quality)
    worse = quality is not None and quality.main.verdict == "worse" and not quality.other_model
    what += others[:_OTHERS_NAMED]
    if drift and drift.main.verdict == "drift":
        title = "The data have drifted, and the model predicts worse" if worse else "The data have drifted"
        to_do = (
            "See below what moved. If a data source is broken, repair it. If reality has changed, upload newer "
            "labelled rows under training/ and start a run"
            f"{'; with RetrainOnDrift, one starts automatically' if date else ''}."
        )
        return Headline("drift", title, what, _since(drift, date), to_do)
    if worse:
        title = "The model predicts worse" if drift else "The model predicts worse; drift was not judged"
        to_do = "Check that the labels are right, then upload newer labelled rows under training/ and start a run."
        return Headline("drift", title, what, None, to_do)
    if drift is None:
        to_do = (
            "Check that the daily run took place; if not, judge the day: autowatch judge --date YYYY-MM-DD."
        )
        return Headline("idle", "Drift was not judged", what, None, to_do)
    return _without_drift(drift.main, quality, what, others, subject)


def _without_drift(
    main: RunDrift, quality: QualityView | None, what: Sequence[str], others: Sequence[str], subject: Subject
) -> Headline:
    no_verdict = _without_verdict(main, subject) if main.verdict == "not enough data" else None
    if main.deciding_alarms:
        alarms = counted(len(main.deciding_alarms), "alarm")
        title = f"{no_verdict.title}, and {alarms}" if no_verdict else f"No drift, but {alarms}"
        return Headline("idle", title, what, None, _to_do_of_alarms(main))
    if no_verdict:
        return replace(no_verdict, what=what)
    if others:
        title = "No drift, but another model's rows need attention"
        return Headline(
            "idle",
            title,
            what,
            None,
            "See the other model's rows below, unless that model has been replaced since.",
        )
    title = "No drift"
    if quality is not None and quality.main.verdict == "good" and not quality.other_model:
        title = "No drift, and the model predicts well"
        if quality.main.leaves_files_out:
            title = f"{title} where there are labels"
    return Headline("quiet", title, what, None, "Nothing.")


def _without_verdict(main: RunDrift, subject: Subject) -> Headline:
    if main.rows == 0:
        return Headline("idle", _WITHOUT_ROWS[subject], [], None, _TO_DO_WITHOUT_ROWS[subject])
    if main.counts_nothing:
        return Headline("idle", "No drift verdict: no column counts", [], None, _TO_DO_WITHOUT_WEIGHT)
    return Headline("idle", "No verdict: not enough data", [], None, _TO_DO_WITHOUT_VERDICT[subject])


def _to_do_of_alarms(main: RunDrift) -> str:
    known = (ALARM_REMEDIES.get(alarm.kind) for alarm in main.deciding_alarms)
    return next((to_do for to_do in known if to_do), _TO_DO_OF_OTHER_ALARMS)


def _drift_sentence(main: RunDrift, subject: Subject) -> str:
    rows = counted(main.rows or 0, "row" if subject == "file" else "scored row")
    if main.judged_with:
        rows = (
            f"{counted(main.judged_rows or 0, 'scored row')} of this day and "
            f"{counted(len(main.judged_with), 'earlier day')}, none of which has enough rows alone,"
        )
    if main.verdict == "not enough data" and main.rows == 0:
        return "There are no rows to judge. This is no evidence for or against drift."
    if main.counts_nothing:
        return (
            f"{rows}, but no column counts: each has importance 0 or a distance of 1 in monitoring/settings.yaml, or "
            "cannot be judged. This is no evidence for or against drift."
        )
    if main.verdict == "not enough data":
        return f"{rows}{_why_not_enough(main)}. This is no evidence for or against drift."
    names = [short(name, 60) for name in main.drifted_columns]
    of = len(main.deciding_columns)
    aside = _say_aside(len(main.columns) - of)
    if not of:
        return f"{rows}, but no column counts.{aside}"
    if not names:
        return f"{_say_alike(main, rows)}{aside}"
    sentence = (
        f"{len(names)} of {counted(of, 'column')} of {rows} {'differs' if len(names) == 1 else 'differ'} from "
        f"{_reference(main)}: {listed(names, _COLUMNS_NAMED)}.{aside}{_say_use(main)}"
    )
    if main.verdict == "no drift":
        return f"{sentence} Their importance is too low to call the {subject} drifted."
    return sentence


def _say_use(main: RunDrift) -> str:
    moved = model_use({column.name: column.use for column in main.drifted})
    return f" What moved is {moved}." if moved else ""


def _say_alike(main: RunDrift, rows: str) -> str:
    of = len(main.deciding_columns)
    few = sum(column.verdict == "not enough data" for column in main.deciding_columns)
    blind = sum(column.verdict == "not judged" for column in main.deciding_columns)
    judged = of - few - blind
    looks = "looks" if judged == 1 else "look"
    asides = [
        f"{counted(few, 'column')} {'has' if few == 1 else 'have'} too few rows for a verdict",
        f"{counted(blind, 'column')} cannot be judged",
    ]
    told = " and ".join(aside for aside, number in zip(asides, (few, blind), strict=True) if number)
    if told:
        return f"{judged} of {counted(of, 'column')} of {rows} {looks} like {_reference(main)}; {told}."
    every = "The only column" if of == 1 else f"All {of} columns"
    return f"{every} of {rows} {looks} like {_reference(main)}."


def _reference(main: RunDrift) -> str:
    if not main.compared_with:
        return "the training data"
    return f"the rows of the same weekday before ({listed(main.compared_with, len(main.compared_with))})"


def _say_aside(weightless: int) -> str:
    if not weightless:
        return ""
    return (
        f" {counted(weightless, 'column')} of importance 0 {'is' if weightless == 1 else 'are'} not counted."
    )


def _why_not_enough(main: RunDrift) -> str:
    if not main.min_rows:
        return ""
    if (main.rows or 0) < main.min_rows:
        return f"; a verdict needs at least {main.min_rows:,}"
    return f" and {count(main.reference_rows)} reference rows; a verdict needs at least {main.min_rows:,} of both"


def _quality_sentence(quality: QualityView) -> str:
    if quality.other_model is None:
        return _figures(quality)
    return (
        f"The {quality.unlabelled_model}, run {short(quality.unlabelled_run, 60)}, has no labels yet. Quality of the "
        f"{quality.other_model}, run {short(quality.main.run, 60)}: {_figures(quality)}"
    )


def _figures(quality: QualityView) -> str:
    main = quality.main
    labels = f"{main.rows_labelled or 0:,} of {counted(main.rows_scored or 0, 'row')} have labels"
    share = f"{percent(main.coverage)}{', in ' if main.files else ''}{main.files}"
    if main.verdict == "not enough labels":
        return f"{labels}, which is too few for a verdict on quality."
    if main.verdict == "worse" and main.reasons:
        reasons = " ".join(short(reason, 400) for reason in main.reasons[:_OTHERS_NAMED])
        return f"{reasons} {labels} ({share})."
    decisive = main.decisive
    figure = f"{decisive.name} {decisive.say(decisive.value)}" if decisive else "Quality is known"
    gate = f" ({decisive.say(decisive.gate)} at the gate)" if decisive and decisive.gate is not None else ""
    left_out = " The quality of files without labels is unknown." if main.leaves_files_out else ""
    return f"{figure}{gate}; {labels} ({share}).{left_out}"


def _other_runs(drift: DriftView | None, quality: QualityView | None) -> list[str]:
    """One sentence for each other model whose rows drifted, raised alarms or were predicted worse."""
    moved = (
        [run for run in drift.other_runs if run.verdict == "drift" or run.deciding_alarms] if drift else []
    )
    measured = [*([quality.main] if quality.other_model else []), *quality.other_runs] if quality else []
    worse = [run for run in measured if run.verdict == "worse"]
    return [
        *(
            f"In the {counted(run.rows or 0, 'row')} that run {short(run.run or '?', 60)} scored, "
            f"{counted(len(run.drifted_columns), 'column')} drifted, with {counted(len(run.deciding_alarms), 'alarm')}."
            for run in moved
        ),
        *(f"Run {short(run.run or '?', 60)} predicted worse than its gate allows." for run in worse),
    ]


def _since(drift: DriftView, date: str | None) -> str | None:
    if drift.since is None:
        return None
    if drift.since == date:
        return f"{drift.since}, the first day"
    return f"{drift.since}, on every day with a verdict"
