"""What a page answers in the first ten seconds: is it good or bad, what, since when, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from autowatch.drift_view import DriftView, RunDrift
from autowatch.page_text import counted, listed, percent, short
from autowatch.quality_view import QualityView

Tone = Literal["drift", "quiet", "idle"]
"""Bad, good, and neither: not enough is known, or something needs a look."""

_COLUMNS_NAMED = 5


@dataclass(frozen=True)
class Headline:
    """The verdict in words; `since` is None where there is nothing that lasts."""

    tone: Tone
    title: str
    what: Sequence[str]
    since: str | None
    to_do: str


def headline(drift: DriftView | None, quality: QualityView | None, date: str | None) -> Headline:
    """The head of the page of these two judgements; `date` is the day they are about, if it is one."""
    drifts = drift is not None and drift.main.verdict == "drift"
    worse = quality is not None and quality.main.verdict == "worse"
    alarms = len(drift.main.alarms) if drift else 0
    return Headline(
        tone=_tone(drift, quality),
        title=_title(drift, quality, alarms),
        what=_what(drift, quality),
        since=_since(drift, date) if drifts else None,
        to_do=_to_do(drift, drifts, worse, alarms),
    )


def _tone(drift: DriftView | None, quality: QualityView | None) -> Tone:
    if (drift and drift.main.verdict == "drift") or (quality and quality.main.verdict == "worse"):
        return "drift"
    if drift and drift.main.verdict == "no drift" and not drift.main.alarms:
        return "quiet"
    return "idle"


def _title(drift: DriftView | None, quality: QualityView | None, alarms: int) -> str:
    worse = quality is not None and quality.main.verdict == "worse"
    if drift is None:
        return "The model predicts worse; drift was not judged" if worse else "Drift was not judged"
    if drift.main.verdict == "drift":
        return "The data have drifted, and the model predicts worse" if worse else "The data have drifted"
    if worse:
        return "The model predicts worse"
    if drift.main.verdict == "not enough data":
        return "No verdict: not enough data"
    if alarms:
        return f"No drift, but {counted(alarms, 'alarm')}"
    return (
        "No drift, and the model predicts well" if quality and quality.main.verdict == "good" else "No drift"
    )


def _what(drift: DriftView | None, quality: QualityView | None) -> list[str]:
    return [
        *([_drift_sentence(drift.main)] if drift else []),
        *([_quality_sentence(quality)] if quality else []),
    ]


def _drift_sentence(drift: RunDrift) -> str:
    rows = counted(drift.rows or 0, "scored row")
    if drift.verdict == "not enough data":
        least = f"; a verdict needs at least {drift.min_rows:,}" if drift.min_rows else ""
        return f"{rows}{least}. This says nothing about drift, neither for nor against."
    of = len(drift.columns)
    names = [short(name, 60) for name in drift.drifted_columns]
    if not names:
        return f"All {of} columns of {rows} look like the training data."
    sentence = (
        f"{len(names)} of {of} columns of {rows} {'differs' if len(names) == 1 else 'differ'} from the training data: "
        f"{listed(names, _COLUMNS_NAMED)}."
    )
    if drift.verdict == "no drift":
        return f"{sentence} By their importance that is too little to call the day drifted."
    return sentence


def _quality_sentence(quality: QualityView) -> str:
    main = quality.main
    labels = f"{main.rows_labelled or 0:,} of {counted(main.rows_scored or 0, 'row')} have labels"
    if main.verdict == "not enough labels":
        return f"Nothing can be said about quality: {labels}, which is not enough."
    if main.verdict == "worse" and main.reasons:
        return " ".join(short(reason, 400) for reason in main.reasons)
    auc = main.measure("AUC")
    figure = f" has AUC {auc.value:.3f}" if auc and auc.value is not None else ""
    gate = f" (gate: {auc.gate:.3f})" if auc and auc.gate is not None else ""
    return f"Quality{figure}{gate}; {labels} ({percent(main.coverage)})."


def _since(drift: DriftView | None, date: str | None) -> str | None:
    since = drift.since if drift else None
    if since is None:
        return None
    return f"{since}, the first day" if since == date else f"{since}, on every day with a verdict"


def _to_do(drift: DriftView | None, drifts: bool, worse: bool, alarms: int) -> str:
    if drifts or worse:
        return (
            "Look below at what moved. Mend a broken source; for a changed world upload newer labelled rows under "
            "training/ and start a run, unless retraining on drift is switched on and does."
            if drifts
            else "Check that the labels are right, then upload newer labelled rows under training/ and start a run."
        )
    if alarms:
        return "Ask where the data come from: an alarm often means a changed or broken source."
    if drift is None:
        return "Look whether the daily run happened, and invoke it for this day if it did not."
    if drift.main.verdict == "not enough data":
        return "Nothing to decide on. Judge several days as one range if every day has so few rows."
    return "Nothing."
