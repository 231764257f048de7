"""The figures at the top of the page of a day, of a range of days or of a file."""

from dataclasses import dataclass

from autowatch.drift_view import DriftView, RunDrift
from autowatch.headline import Subject
from autowatch.page_text import count, counted, listed, percent, short
from autowatch.quality_view import QualityView


@dataclass(frozen=True)
class Fact:
    """A figure with its label, and a line below it."""

    label: str
    value: str
    note: str = ""


def facts_of(drift: DriftView | None, quality: QualityView | None, subject: Subject) -> list[Fact]:
    """The figures of these two judgements, the rows first."""
    facts = []
    if drift:
        main = drift.main
        facts += [
            Fact("Rows judged", count(drift.rows), _files(drift)),
            _drifted(drift.main),
            Fact("Alarms", f"{len(main.deciding_alarms)}", _alarm_kinds(drift)),
            _left_out(drift, subject),
        ]
    if quality:
        facts += _quality_facts(quality)
    return facts


def _drifted(main: RunDrift) -> Fact:
    if main.verdict == "not enough data":
        return Fact("Columns drifted", "–", "no verdict")
    share = f", {percent(main.drift_share)} of the importance" if main.drift_share else ""
    return Fact("Columns drifted", f"{len(main.drifted_columns)}", f"of {len(main.deciding_columns)}{share}")


def _quality_facts(quality: QualityView) -> list[Fact]:
    main, auc = quality.main, quality.main.measure("AUC")
    whose = f", {quality.other_model}" if quality.other_model else ""
    labelled = f"{count(main.rows_labelled)} of {count(main.rows_scored)} rows"
    facts = [Fact(f"Rows with a label{whose}", percent(main.coverage), labelled)]
    if auc and auc.value is not None:
        note = f"at the gate {auc.gate:.3f}" if auc.gate is not None else ""
        facts.append(Fact(f"AUC{whose}", f"{auc.value:.3f}", note))
    return facts


def _alarm_kinds(drift: DriftView) -> str:
    return (
        listed(list(dict.fromkeys(short(alarm.kind, 40) for alarm in drift.main.deciding_alarms)), 3)
        or "none"
    )


def _files(drift: DriftView) -> str:
    files = [run.files for run in drift.runs if run.files is not None]
    note = counted(sum(files), "file") if files else ""
    others = sum(run.rows or 0 for run in drift.other_runs)
    return f"{note}; {others:,} rows scored by another model" if others else note


def _left_out(drift: DriftView, subject: Subject) -> Fact:
    if subject == "file":
        note = "scoring would reject them" if drift.rejected_rows else ""
        return Fact("Rows left out", count(drift.rejected_rows), note)
    return Fact("Rows rejected", count(drift.rejected_rows), _refused(drift))


def _refused(drift: DriftView) -> str:
    if not drift.refused_files:
        return "no file refused"
    files = sum(drift.refused_files.values())
    return f"{counted(files, 'file')} refused: {listed([short(name, 40) for name in drift.refused_files], 3)}"
