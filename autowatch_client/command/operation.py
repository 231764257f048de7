"""`autowatch status | doctor | redrive | destroy`."""

from typing import Annotated

import typer

from autowatch_client.command.terminal import Exit, JsonOption, StackOption, Terminal, number
from autowatch_client.health import Status

_REDRIVEN = {"sent": "sent again", "done": "scored meanwhile", "left": "left in its queue, for no function"}
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
    """Find what is wrong, and say how to repair it."""
    terminal = Terminal(as_json)
    findings = terminal.connect(stack).examine()
    terminal.document({"findings": findings})
    for finding in findings:
        mark, style = _MARKS[finding.level]
        terminal.say(f"{mark} {finding.what}{f'  →  {finding.remedy}' if finding.remedy else ''}", style)
    return Exit.NOT_AS_HOPED if any(finding.level == "wrong" for finding in findings) else Exit.DONE


def redrive(stack: StackOption = None, as_json: JsonOption = False) -> int:
    """Send failed events again, once their cause is repaired."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    terminal.say(
        "Sends each event in the queues of failures to its function again, but for files that are scored."
    )
    found = connected.redrive(
        lambda each: terminal.say(f"  {_REDRIVEN[each.outcome]}: {each.what} ({each.queue})")
    )
    terminal.document({"redriven": found})
    if not found:
        terminal.say("No failed event waits.")
        return Exit.NOTHING_TO_DO
    terminal.next("autowatch doctor, in a minute: what failed again is back in its queue")
    return Exit.NOT_AS_HOPED if any(each.outcome == "left" for each in found) else Exit.DONE


def destroy(
    with_data: Annotated[
        bool, typer.Option("--data", help="The bucket too, with all that is in it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Delete the stack: endpoints, models, the stack itself; the data on request."""
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
    connected.destroy(with_data, tell)
    terminal.document({"done": done})
    return Exit.DONE


def _lines(found: Status) -> list[tuple[str, str]]:
    model = (
        f"{found.model} (AUC {found.model_auc:.4f} at its gate)"
        if found.model and found.model_auc
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
