"""What every message about a run says of it."""

from autowatch.runs import Run


def run_facts(run: Run) -> list[str]:
    """A line each: what the run was given, when it ran and why, and its execution."""
    return [
        f"Training file: {run.training.key} ({run.training.size:,} bytes)",
        *([f"Model: that of run {run.promotes}, released again"] if run.promotes else []),
        f"Started: {run.started} ({run.trigger})",
        f"Ended: {run.finished}",
        f"Execution: {run.execution}",
    ]
