"""`autowatch status | doctor | redrive | forget | destroy`."""

import time
from typing import Annotated

import typer

from autowatch_client.command.terminal import Exit, JsonOption, StackOption, Terminal, number
from autowatch_client.forgetting.limits import not_searched
from autowatch_client.forgetting.search import Traces
from autowatch_client.health import Status

_REDRIVEN = {"sent": "sent again", "done": "scored meanwhile", "left": "left in its queue, for no function"}
_ACTIONS = {
    "take out": "take the rows out",
    "remove": "remove the object",
    "take out of smoke test": "take the rows out",
    "take out of profile": "take their texts out",
    "judge anew": "judge the day anew",
}
_MARKS = {"ok": ("✓", "green"), "note": ("·", None), "wrong": ("✗", "red")}


def status(stack: StackOption = None, as_json: JsonOption = False) -> int:
    """Show the stack's state: endpoint and model, the last run, scoring and judgement, queues and alarms."""
    terminal = Terminal(as_json)
    found = terminal.connect(stack).status()
    terminal.document(found)
    terminal.table(("", ""), _lines(found))
    if found.model is None:
        terminal.next("autowatch train FILE")
    return Exit.DONE


def doctor(stack: StackOption = None, as_json: JsonOption = False) -> int:
    """Check the stack, and name a remedy for each fault."""
    terminal = Terminal(as_json)
    findings = terminal.connect(stack).examine()
    terminal.document({"findings": findings})
    for finding in findings:
        mark, style = _MARKS[finding.level]
        terminal.say(f"{mark} {finding.what}{f'  →  {finding.remedy}' if finding.remedy else ''}", style)
    return Exit.NOT_AS_HOPED if any(finding.level == "wrong" for finding in findings) else Exit.DONE


def redrive(stack: StackOption = None, as_json: JsonOption = False) -> int:
    """Send failed events again after their cause is fixed."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    terminal.say(
        "Sends each event in the failure queues to its function again, except for files already scored."
    )
    found = connected.redrive(
        lambda each: terminal.say(f"  {_REDRIVEN[each.outcome]}: {each.what} ({each.queue})")
    )
    terminal.document({"redriven": found})
    if not found:
        terminal.say("The failure queues are empty.")
        return Exit.NOTHING_TO_DO
    terminal.next("autowatch doctor, in a minute: events that fail again return to their queue")
    return Exit.NOT_AS_HOPED if any(each.outcome == "left" for each in found) else Exit.DONE


def forget(
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VALUE", help="The person's key in the column IdColumn; repeatable."),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="The id of a prediction; repeatable.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="The column with the keys, if not IdColumn."),
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="TEXT", help="The reason, kept under audit/. Do not name the person."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Forget a person: remove their rows from all versions of all objects in the bucket."""
    terminal = Terminal(as_json)
    connected, started = terminal.connect(stack), time.monotonic()
    with terminal.progress() as line:
        traces = connected.search(
            keys or (),
            ids or (),
            column=column,
            on_object=lambda key: line.show(
                time.monotonic() - started, f"searching {key.partition('/')[0]}/"
            ),
        )
    found = [
        {"key": each.key, "action": each.action, "versions": each.versions, "rows": each.rows}
        for each in traces.objects
    ]
    if not found:
        terminal.document({"found": [], "not_searched": traces.not_searched})
        terminal.say("No rows of this person were found.")
        if keys and not traces.has_column:
            terminal.note("No file has a column of that name. Check --column.")
        for sentence in not_searched(traces):
            terminal.note(sentence)
        return Exit.NOTHING_TO_DO
    _show_traces(terminal, traces)
    if dry_run or not (yes or _is_agreed(terminal, as_json)):
        terminal.document({"found": found, "not_searched": traces.not_searched, "done": False})
        terminal.say("Nothing was changed.")
        return Exit.DONE if dry_run else Exit.NOTHING_TO_DO
    forgotten = connected.forget(traces, reason=reason)
    terminal.document({"found": found, "not_searched": traces.not_searched, "done": True, **vars(forgotten)})
    terminal.say(f"Done: {forgotten.objects:,} objects. Recorded as {forgotten.records[-1]}", "green")
    terminal.say("Not reached:")
    for sentence in forgotten.not_reached:
        terminal.say(f"  - {sentence}")
    return Exit.NOT_AS_HOPED if traces.not_searched else Exit.DONE


def _show_traces(terminal: Terminal, traces: Traces) -> None:
    terminal.table(
        ("object", "what to do", "versions", "rows"),
        [
            (each.key, _ACTIONS[each.action], number(each.versions), number(each.rows))
            for each in traces.objects
        ],
        ("versions", "rows"),
    )
    for sentence in not_searched(traces):
        terminal.note(sentence)


def _is_agreed(terminal: Terminal, as_json: bool) -> bool:
    terminal.say("Removed rows cannot be restored.")
    return not as_json and typer.confirm("Remove these rows?", default=False, err=True)


def destroy(
    with_data: Annotated[
        bool, typer.Option("--data", help="Also delete the bucket with all its objects.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Delete endpoints, models and the stack; with --with-data, the bucket too."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    plan = connected.removal_plan(with_data)
    terminal.say(f"This will, for the stack {connected.place.description}:")
    for step in plan:
        terminal.say(f"  - {step}")
    if not yes:
        name = connected.place.stack
        if (
            typer.prompt(f"Type the stack's name to go on ({name})", default="", show_default=False, err=True)
            != name
        ):
            terminal.say("Nothing was done.")
            return Exit.NOTHING_TO_DO
    done: list[str] = []

    def tell(step: str) -> None:
        done.append(step)
        terminal.say(f"  {step}")

    terminal.say("Done:")
    is_gone = connected.destroy(with_data, tell)
    terminal.document({"done": done})
    return Exit.DONE if is_gone else Exit.NOT_AS_HOPED


def _lines(found: Status) -> list[tuple[str, str]]:
    model = (
        f"{found.model} ({found.model_measure} {found.model_value:.4f} at its gate)"
        if found.model and found.model_value is not None
        else found.model
    )
    scored = f"{found.last_scored}, {number(found.last_scored_rows)} rows" if found.last_scored else None
    judged = f"{found.last_judged}: {found.last_verdict}" if found.last_judged else None
    run = f"{found.last_run}: {found.last_run_status}" if found.last_run else None
    waiting = ", ".join(f"{name} {count}" for name, count in found.queues.items())
    return [
        ("stack", found.stack),
        ("endpoint", f"{found.endpoint_name}: {found.endpoint or 'not there yet'}"),
        ("model in force", model or "none yet"),
        ("last run", run or "none yet"),
        ("last file scored", scored or "none yet"),
        ("last day judged", judged or "none yet"),
        ("failed events", waiting or "–"),
        ("alarms", ", ".join(found.alarms) or "none rings"),
    ]
