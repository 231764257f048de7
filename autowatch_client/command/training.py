"""`autowatch train | runs | show | approve | reject | rollback | stop`."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autowatch_client.command.terminal import (
    Exit,
    JsonOption,
    PollOption,
    RunArgument,
    StackOption,
    Terminal,
    complete_runs,
    number,
)
from autowatch_client.executions import Sight
from autowatch_client.follow import End, describe
from autowatch_client.runs import RunSummary, list_runs
from autowatch_client.stack import RunDetail, Stack, Training

_ENDINGS = {
    "released": (Exit.DONE, "was released", "green"),
    "rejected": (Exit.NOT_AS_HOPED, "was not released", "yellow"),
    "failed": (Exit.FAILED, "failed", "red"),
    "skipped": (Exit.NOTHING_TO_DO, "was not started", None),
}


WhyOption = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help="The reason, kept under audit/ with your identity."),
]


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|KEY", help="A local CSV, or training/… in the bucket. Default: the newest there."
        ),
    ] = None,
    new_labels: Annotated[
        bool,
        typer.Option("--new-labels", help="Accept labels that differ from those of the model in force."),
    ] = False,
    reason: WhyOption = "",
    stack: StackOption = None,
    as_json: JsonOption = False,
    poll_seconds: PollOption = 3.0,
) -> int:
    """Train a model: check the file, upload it, start a run and follow it to its end."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    if data is not None and Path(data).is_file():
        look = connected.check_training(data)
        if look.classes:
            classes = ", ".join(f"{label} {rows:,}" for label, rows in look.classes.items())
            terminal.say(f"{data}: {number(look.rows)} labelled rows ({classes})")
        elif look.rows:
            terminal.say(f"{data}: {number(look.rows)} rows with a number to predict")
        if look.dropped:
            terminal.say(f"Dropped: {', '.join(look.dropped)} (DropColumns)")
        if look.key:
            terminal.say(f"Key: {look.key} (IdColumn)")
    return _follow(
        terminal, connected, connected.train(data, new_labels=new_labels, reason=reason), poll_seconds
    )


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most runs to show.")] = 20,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the training runs, newest first."""
    terminal = Terminal(as_json)
    found, older = list_runs(terminal.connect(stack).bucket, limit)
    terminal.document({"runs": found, "older": older})
    if not found:
        terminal.say("There are no runs yet.")
        terminal.next("autowatch train FILE")
        return Exit.DONE
    terminal.table(_HEADER, [_row(run) for run in found], right=("rows",))
    for run in found:
        if run.start_reason:
            terminal.say(f"{run.run}: started by {run.started_by}: {run.start_reason}")
        if run.reason and run.status in ("rejected", "failed"):
            terminal.say(f"{run.run}: {run.reason}")
    if any(run.serving for run in found):
        terminal.say("* is in force")
    if older:
        terminal.say(f"{older} older not shown; autowatch runs --limit {len(found) + older} shows all.")
    return Exit.DONE


def show(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Default: the run in force.", autocompletion=complete_runs),
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show a run's data, candidates and gate checks."""
    terminal = Terminal(as_json)
    detail = terminal.connect(stack).show(run)
    terminal.document(detail)
    _show(terminal, detail)
    return Exit.DONE


def rollback(
    run: RunArgument,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Also allow the model in force: serve it with the stack's present parameters."
        ),
    ] = False,
    reason: WhyOption = "",
    stack: StackOption = None,
    as_json: JsonOption = False,
    poll_seconds: PollOption = 3.0,
) -> int:
    """Release the model of an earlier run again, without training."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    started = connected.rollback(run, again=again, reason=reason)
    terminal.say(f"Rolling back to the model of run {run}. It passed the gate then; nothing is trained.")
    return _follow(terminal, connected, started, poll_seconds)


ReasonOption = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help="The reason, kept with the run and quoted in its mail."),
]


def approve(
    run: RunArgument, reason: ReasonOption, stack: StackOption = None, as_json: JsonOption = False
) -> int:
    """Approve the release of a run that waits for approval."""
    return _answer(run, reason, stack, as_json, approved=True)


def reject(
    run: RunArgument, reason: ReasonOption, stack: StackOption = None, as_json: JsonOption = False
) -> int:
    """Reject the release of a run that waits for approval; the model in force stays."""
    return _answer(run, reason, stack, as_json, approved=False)


def _answer(run: str, reason: str, stack: str | None, as_json: bool, *, approved: bool) -> int:
    terminal = Terminal(as_json)
    caller = terminal.connect(stack).answer(run, approved=approved, reason=reason)
    terminal.document({"run": run, "approved": approved, "by": caller, "reason": reason})
    outcome = "is released now" if approved else "was rejected; the model in force stays"
    terminal.say(f"The model of run {run} {outcome}.")
    terminal.next(f"autowatch show {run}")
    return Exit.DONE


def stop(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Default: the newest run.", autocompletion=complete_runs),
    ] = None,
    reason: WhyOption = "",
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Stop a running run."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    name = connected.stop(run, reason=reason)
    champion = connected.bucket.read_json("models/champion.json") or {}
    terminal.document({"stopped": name, "in_force": champion.get("run")})
    in_force = f"the model of run {champion['run']}" if champion else "no model"
    terminal.say(
        f"Stopped run {name}. In force is {in_force}.\n"
        "Its resources are deleted within minutes; a mail confirms it. New runs wait until then."
    )
    terminal.next("autowatch status")
    return Exit.DONE


def _follow(terminal: Terminal, stack: Stack, training: Training, poll_seconds: float) -> int:
    terminal.say(f"Started {training.execution}\nCtrl-C stops watching, not the run.")
    try:
        with terminal.progress() as line:

            def look(sight: Sight) -> None:
                line.show((datetime.now(UTC) - sight.started).total_seconds(), describe(sight))

            end = training.follow(look, poll_seconds)
    except KeyboardInterrupt:
        terminal.say(
            "No longer watching. The run continues: `autowatch runs` shows it, `autowatch stop` stops it."
        )
        return Exit.INTERRUPTED
    return _tell(terminal, stack, end)


def _tell(terminal: Terminal, stack: Stack, end: End) -> int:
    code, words, style = _ENDINGS[end.ending]
    terminal.document({**vars(end), "bucket": stack.bucket.name})
    terminal.say(f"{f'Run {end.run}' if end.run else 'The run'} {words}. {end.reason}", style)
    if end.report_key:
        terminal.say(f"Report: s3://{stack.bucket.name}/{end.report_key}")
    if end.ending == "released":
        terminal.next("autowatch score FILE", f"autowatch show {end.run}")
    elif end.run:
        terminal.next(f"autowatch show {end.run}")
    return code


_HEADER = ("", "run", "why", "data", "rows", "best candidate", "gate", "outcome")


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        "*" if run.serving else "",
        run.run,
        "rollback" if run.trigger == "promote" else run.trigger or "–",
        (run.training_key or "–").removeprefix("training/"),
        number(run.rows),
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
    figure = f"{run.measure} {run.value:.4f}, " if run.value is not None else ""
    return f"{figure}{'passed' if run.passed else 'not passed'}"


def _show(terminal: Terminal, detail: RunDetail) -> None:
    record, data, gate = detail.record, detail.data, detail.gate
    force = ", in force" if detail.in_force else ""
    terminal.say(f"Run {detail.run}: {record.get('status')}{force}", "bold")
    times = f"{record.get('started', '–')} to {record.get('finished') or '…'}"
    by = f" ({record['started_by']})" if record.get("started_by") else ""
    terminal.say(f"{times}, started by {record.get('trigger', '–')}{by}")
    if record.get("start_reason"):
        terminal.say(f"Why: {record['start_reason']}")
    if record.get("promotes"):
        terminal.say(f"Rolled back to the model of run {record['promotes']}.")
    if record.get("reason"):
        terminal.say(str(record["reason"]))
    if data:
        classes = ", ".join(f"{label} {rows:,}" for label, rows in data["classes"].items())
        held = classes or "with a number to predict"
        terminal.say(f"\nData: {(record.get('training') or {}).get('key')}, {data['rows']:,} rows ({held})")
        if data.get("dropped_columns"):
            terminal.say(f"Dropped: {', '.join(data['dropped_columns'])} (DropColumns)")
        for key in (column["name"] for column in data["columns"] if column["role"] == "key"):
            terminal.say(f"Key: {key} (IdColumn)")
        for warning in data.get("warnings", ()):
            terminal.note(str(warning))
        terminal.table(
            ("column", "type", "missing", "distinct", "AUC alone"), _columns(data), ("missing", "distinct")
        )
    if candidates := detail.leaderboard.get("candidates"):
        terminal.say(f"\nCandidates, by {detail.leaderboard.get('objective')}")
        terminal.table(
            ("candidate", "value", "seconds"),
            [(each["name"], _figure(each["value"], 4), _figure(each["seconds"], 1)) for each in candidates],
            ("value", "seconds"),
        )
    if gate:
        terminal.say(
            f"\nGate: {'passed' if gate['passed'] else 'not passed'}, on {gate['rows']:,} hold-out rows"
        )
        for check in gate["checks"]:
            terminal.say(f"  {'✓' if check['passed'] else '✗'} {check['message']}")
        terminal.table(
            tuple(gate["metrics"]), [tuple(_figure(value, 4) for value in gate["metrics"].values())]
        )
        terminal.say(_decides(detail.contract))


_CHOSEN_BY = {
    "parameter": "set by DecisionThreshold",
    "f1": "the largest F1 on the hold-out",
    "cost": "the lowest cost on the hold-out",
}


def _decides(contract: Mapping[str, Any]) -> str:
    """The lowest probability at which a row gets the positive label."""
    problem_type = contract.get("problem_type")
    if problem_type == "regression":
        return f"{contract['target']} is a number."
    if problem_type == "multiclass":
        return f"{contract['target']} is the most probable of {len(contract['labels'])} labels."
    threshold = contract.get("decision_threshold")
    if not threshold:
        return f"{contract['target']} is the model's own label (DecisionThreshold=model)."
    costs = threshold["costs"]
    at = f", at {costs['miss']:g} per miss and {costs['alarm']:g} per false alarm" if costs else ""
    return (
        f"{contract['target']} is {contract['positive_label']!r} from a probability of {threshold['value']:.6g} on "
        f"({_CHOSEN_BY[threshold['chosen_by']]}{at})."
    )


def _columns(data: Any) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for column in data["columns"]:
        if column["role"] == "feature":
            auc = column.get("auc")
            cells = (column["name"], column["type"], number(column["missing"]), number(column["distinct"]))
            rows.append((*cells, _figure(auc, 3)))
    with suppress(ValueError):
        rows.sort(key=lambda row: float(row[-1]), reverse=True)
    return rows


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
