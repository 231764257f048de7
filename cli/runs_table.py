"""The list of runs as text for a terminal."""

from collections.abc import Sequence

from cli.runs import RunSummary

_HEADER = ("run", "why", "data", "rows", "best candidate", "gate", "outcome")


def runs_table(runs: Sequence[RunSummary], older: int) -> str:
    """One line a run, under it the reason where a model was not released; the run that serves is marked with `*`."""
    if not runs:
        return "There are no runs yet. Put labelled rows under training/ and start one with `make train`."
    cells = [_HEADER, *map(_cells, runs)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADER))]
    lines = [_line("", _HEADER, widths)]
    for run, row in zip(runs, cells[1:], strict=True):
        lines.append(_line("*" if run.serving else "", row, widths))
        if run.reason and run.status in ("rejected", "failed"):
            lines.append(f"    {run.reason}")
    if any(run.serving for run in runs):
        lines += ["", "* serves now"]
    if older:
        lines += [
            "",
            f"{older} older run{'s' if older > 1 else ''} not shown; `make runs LIMIT={len(runs) + older}` shows all.",
        ]
    return "\n".join(lines)


def _cells(run: RunSummary) -> tuple[str, ...]:
    return (
        run.run,
        run.trigger or "–",
        (run.training_key or "–").removeprefix("training/"),
        f"{run.rows:,}" if run.rows is not None else "–",
        _candidate(run),
        _gate(run),
        run.status or "not recorded",
    )


def _candidate(run: RunSummary) -> str:
    if run.promotes:
        return f"that of {run.promotes}"
    if run.best_candidate is None:
        return "–"
    if run.best_value is None:
        return run.best_candidate
    return f"{run.best_candidate} ({run.best_metric or 'metric'} {run.best_value:.4f})"


def _gate(run: RunSummary) -> str:
    if run.passed is None:
        return "–"
    auc = f"AUC {run.auc:.4f}, " if run.auc is not None else ""
    return f"{auc}{'passed' if run.passed else 'not passed'}"


def _line(mark: str, row: Sequence[str], widths: Sequence[int]) -> str:
    fields = [
        text.rjust(width) if name == "rows" else text.ljust(width)
        for name, text, width in zip(_HEADER, row, widths, strict=True)
    ]
    return f"{mark:<2}{'  '.join(fields)}".rstrip()
