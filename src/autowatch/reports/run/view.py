"""The view behind the page of a training run, from the run's objects; missing objects are left out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from autowatch.records.keys import HISTORY_KEY, run_page_key
from autowatch.records.run import Run
from autowatch.records.timestamps import from_text
from autowatch.reports.run.data import DataView, data_view
from autowatch.reports.run.gate import GateView, gate_view
from autowatch.reports.run.importance import ImportanceView, importance_view
from autowatch.reports.text import counted

_MOST_CANDIDATES = 50
"""HYPERPARAMETER_TUNING may create hundreds, too many to read."""

_HEADLINES = {
    "running": ("Running", "idle"),
    "ending": ("Aborted: being cleaned up", "idle"),
    "released": ("Released", "quiet"),
    "rejected": ("Not released: rejected by the gate", "idle"),
    "failed": ("Failed", "drift"),
}
"""Headline and tone by status; see `headline.Tone`."""

_TRIGGERS = {"manual": "started by hand", "drift": "started by drift", "promote": "back to an earlier model"}

_ROOT = "../../"
"""The relative path from the page of a run to the bucket's root."""

_MOST_FILES = 20

_Section = TypeVar("_Section")


@dataclass(frozen=True)
class RunFact:
    """A figure with its label, and a line below it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class CandidateView:
    """One of Autopilot's candidates; `values` are in the order of the leaderboard's columns."""

    name: str
    values: Sequence[float | None]
    seconds: float | None


@dataclass(frozen=True)
class LeaderboardView:
    """Autopilot's candidates, best first; `hidden` is how many are not shown, `failures` are its partial failures."""

    best: str
    columns: Sequence[str]
    candidates: Sequence[CandidateView]
    hidden: int
    artefacts: Sequence[RunFact]
    failures: Sequence[str]


@dataclass(frozen=True)
class View:
    """Everything on the page. Missing sections are None; `unreadable` names those with an unknown form."""

    run: Run
    headline: str
    tone: str
    facts: Sequence[RunFact]
    gate: GateView | None
    leaderboard: LeaderboardView | None
    data: DataView | None
    importance: ImportanceView | None
    unreadable: Sequence[str]

    @property
    def history(self) -> str | None:
        """The relative link to the history page, if the model was released."""
        return f"{_ROOT}{HISTORY_KEY}" if self.run.status == "released" else None

    @property
    def summary(self) -> list[str]:
        """The outcome in words: for a judged model, its passed and failed checks; otherwise the reason."""
        reason, gate = self.run.reason, self.gate
        if gate is None or not gate.checks:
            return [reason] if reason else []
        failed = [check for check in gate.checks if not check.passed]
        passed = len(gate.checks) - len(failed)
        figures = f"{passed} of {counted(len(gate.checks), 'check')} of the gate passed; {gate.decisive} "
        said = [] if reason in (None, gate.reason) else [str(reason)]
        return [
            f"{figures}{gate.decisive_value} on {counted(gate.rows, 'hold-out row')}.",
            *(check.message for check in failed),
            *said,
        ]

    @property
    def champion(self) -> str | None:
        """The relative link to the page of the run that was in force."""
        champion = self.gate.champion if self.gate else None
        return f"{_ROOT}{run_page_key(quote(champion, safe=''))}" if champion else None

    @property
    def files(self) -> Sequence[str]:
        """The keys of the training files."""
        return self.data.files[:_MOST_FILES] if self.data else [self.run.training.key]

    @property
    def positive(self) -> str:
        """The positive label; `positive` if the data report does not name it."""
        return (self.data and self.data.positive_label) or "positive"

    @property
    def negative(self) -> str:
        """The negative label; `negative` if the data report does not name it."""
        labels = self.data.labels if self.data and self.data.positive_label else ()
        return next((label for label in labels if label != self.positive), "negative")


def view_of(run: Run, documents: dict[str, Any]) -> View:
    """The view of a run.

    Args:
        run: the run's record.
        documents: its objects `data`, `leaderboard`, `gate` and `importance`; missing ones are left out.
    """
    unreadable: list[str] = []

    def read(name: str, reader: Callable[[Any], _Section]) -> _Section | None:
        if name not in documents:
            return None
        try:
            return reader(documents[name])
        except (KeyError, TypeError, ValueError, AttributeError):
            # An object of another version must not prevent the run from ending.
            unreadable.append(name)
            return None

    gate = read("gate", gate_view)
    leaderboard = read("leaderboard", _leaderboard)
    data = read("data", data_view)
    importance = read("importance", importance_view)
    headline, tone = _HEADLINES[run.status]
    return View(
        run=run,
        headline=headline,
        tone=tone,
        facts=_facts(run, gate, leaderboard, data),
        gate=gate,
        leaderboard=leaderboard,
        data=data,
        importance=importance,
        unreadable=unreadable,
    )


def _facts(
    run: Run, gate: GateView | None, leaderboard: LeaderboardView | None, data: DataView | None
) -> list[RunFact]:
    facts = [
        RunFact("Started", run.started.replace("T", " ").removesuffix("Z"), f"UTC, {_TRIGGERS[run.trigger]}"),
        _training_fact(run, data),
    ]
    if run.finished:
        took = from_text(run.finished) - from_text(run.started)
        facts.insert(1, RunFact("Took", duration(took.total_seconds())))
    if run.promotes:
        facts.append(RunFact("Model of run", run.promotes, "its data, candidates and gate are shown below"))
    if leaderboard:
        facts.append(
            RunFact("Candidates", f"{len(leaderboard.candidates) + leaderboard.hidden:,}", leaderboard.best)
        )
    if gate:
        note = f"{gate.rows:,} rows{f'; floor {gate.floor}' if gate.floor else ''}"
        facts.append(RunFact(f"Hold-out {gate.decisive}", gate.decisive_value, note))
        if threshold := gate.threshold:
            place = "the model's own" if threshold.value is None else f"positive from {threshold.value:.6g}"
            facts.append(RunFact("Label", place, threshold.origin))
    return facts


def _training_fact(run: Run, data: DataView | None) -> RunFact:
    if data is None:
        return RunFact("Training data", f"{run.training.size:,} bytes", run.training.key)
    files = data.files[0] if len(data.files) == 1 else f"{len(data.files):,} files, {data.files[0]} the first"
    return RunFact("Labelled rows", f"{data.rows:,}", files)


def duration(seconds: float | None) -> str:
    """A duration such as `48 s`, `12 min 5 s` or `3 h 20 min`."""
    if seconds is None:
        return "–"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minute} min"
    return f"{minutes} min {second} s" if minutes else f"{second} s"


def _leaderboard(document: dict[str, Any]) -> LeaderboardView:
    candidates = document["candidates"]
    objective = document["objective"] or "Objective"
    names = dict.fromkeys(name for item in candidates for name in item["metrics"])
    # Autopilot ranks by the objective on its validation rows, so this column would repeat the objective.
    names.pop(f"{objective} (Validation)", None)
    prefix = f"{document['job_name']}-"
    return LeaderboardView(
        best=document["best_candidate"].removeprefix(prefix),
        columns=[objective, *names],
        candidates=[
            CandidateView(
                item["name"].removeprefix(prefix),
                [item["value"], *(item["metrics"].get(name) for name in names)],
                item["seconds"],
            )
            for item in candidates[:_MOST_CANDIDATES]
        ],
        hidden=max(0, len(candidates) - _MOST_CANDIDATES),
        artefacts=[RunFact(_words(name), location) for name, location in document["artefacts"].items()],
        failures=document.get("partial_failures", ()),
    )


def _words(name: str) -> str:
    """`ModelInsights` as `Model insights`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()
