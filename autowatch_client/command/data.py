"""`autowatch score | labels | judge | report`."""

import time
import webbrowser
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autowatch_client.command.terminal import Exit, JsonOption, StackOption, Terminal, number
from autowatch_client.drift import Judgement, Judgements
from autowatch_client.labels import Labelled

_MOVED_SHOWN = 12
_VERDICT_STYLES = {"drift": "yellow", "no drift": "green"}
_DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD"}


def score(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV files with the model's columns.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Beside each file by default.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for a file.")] = 3600.0,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Score files: upload them, wait, and fetch predictions and rejected rows."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    started, waiting = time.monotonic(), set(files)
    with terminal.progress() as line:

        def look(path: Path, _: float) -> None:
            of = f" ({len(files)} files)" if len(files) > 1 else ""
            line.show(
                time.monotonic() - started, f"scoring {path.name if len(waiting) == 1 else 'files'}{of}"
            )

        scored = connected.score(files, out=out, timeout_seconds=timeout, on_look=look)
    terminal.document({"scored": scored})
    for each in scored:
        seconds = f"{each.seconds:.1f} s"
        terminal.say(
            f"{each.source}: scored {each.rows_scored:,} of {each.rows_in:,} rows in {seconds}, run {each.run}",
            "green",
        )
        terminal.say(f"  {each.predictions}")
        if each.rejected:
            terminal.say(
                f"  {each.rejected}: {each.rows_rejected:,} rejected rows, each with its line and reason",
                "yellow",
            )
    terminal.next("autowatch judge", "autowatch labels FILE, once the true labels are known")
    return Exit.NOT_AS_HOPED if any(each.rows_rejected for each in scored) else Exit.DONE


def labels(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV with a key and the label.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="COLUMN",
            help="The column with your own key. Default: IdColumn if set, else the predictions' ids.",
        ),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", help="With --key: the first day of predictions to search.", **_DAY),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", help="With --key: the last day to search.", **_DAY)
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Upload true labels, and measure how good the predictions were."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    with terminal.progress() as line:
        labelled = connected.label(
            file,
            key=key,
            first=_date(first),
            last=_date(last),
            on_look=lambda seconds: line.show(seconds, "importing the labels and measuring their days"),
        )
    terminal.document(labelled)
    _tell_labels(terminal, labelled)
    return Exit.NOT_AS_HOPED if labelled.rejected or labelled.joined < labelled.rows else Exit.DONE


def judge(
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE|KEY", help="A CSV, here or in the bucket, to judge without scoring it."),
    ] = None,
    day: Annotated[datetime | None, typer.Option("--date", help="Judge one day again.", **_DAY)] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", help="With --to: judge all rows of these days together.", **_DAY),
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", help="See --from.", **_DAY)] = None,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="With a file: the run whose baseline it is judged by."),
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Judge drift now: the days that are due, or what the options name."""
    terminal = Terminal(as_json)
    connected = terminal.connect(stack)
    with terminal.progress() as line:
        line.show(0, "judging")
        judgements = connected.judge(file, day=_date(day), first=_date(first), last=_date(last), run=run)
    terminal.document(judgements)
    return _tell_judgements(terminal, judgements)


def report(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the pages.")] = Path(
        "autowatch-report"
    ),
    open_page: Annotated[bool, typer.Option("--open", help="Open the newest page in a browser.")] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Fetch the pages of all days and runs."""
    terminal = Terminal(as_json)
    pages = terminal.connect(stack).report(folder)
    terminal.document({**vars(pages), "first": pages.first})
    if pages.first is None:
        terminal.say("There are no pages yet.")
        terminal.next("autowatch train FILE")
        return Exit.NOTHING_TO_DO
    terminal.say(f"Fetched {pages.fetched} files into {pages.folder}.")
    for what, page in (
        ("all days", pages.index),
        ("newest day", pages.newest_day),
        ("newest run", pages.newest_run),
    ):
        if page:
            terminal.say(f"  {what}: {page.resolve().as_uri()}")
    if open_page and not webbrowser.open(pages.first.resolve().as_uri()):
        terminal.note("No browser was found here; open the address by hand.")
    return Exit.DONE


def _tell_labels(terminal: Terminal, labelled: Labelled) -> None:
    terminal.say(
        f"{labelled.source}: {labelled.taken:,} labels of {labelled.rows:,} rows were imported.", "green"
    )
    if labelled.joined < labelled.rows:
        terminal.say(
            f"  {labelled.rows - labelled.joined:,} rows have a key that was not scored on these days",
            "yellow",
        )
    if labelled.repeated:
        terminal.say(
            f"  {labelled.repeated:,} keys were scored more than once: the newest prediction has the label",
            "yellow",
        )
    if labelled.rejected:
        terminal.say(
            f"  {labelled.rejected:,} rows were rejected; rejected/labels/ in the bucket gives the reasons",
            "yellow",
        )
    for day in labelled.quality:
        figure = (
            f", {day.measure} {day.value:.3f} ({day.lower:.3f} to {day.upper:.3f})"
            if day.value is not None and day.lower is not None and day.upper is not None
            else ""
        )
        terminal.say(
            f"  {day.day}: {day.verdict}{figure}, {day.rows_labelled:,} of {day.rows_scored:,} rows have labels"
        )
    terminal.next("autowatch report --open")


def _tell_judgements(terminal: Terminal, judgements: Judgements) -> int:
    if not judgements.judged:
        terminal.say(judgements.reason or "There was nothing to judge.")
        terminal.next("autowatch score FILE", "autowatch judge --date YYYY-MM-DD, to judge a day again")
        return Exit.NOTHING_TO_DO
    for each in judgements.judged:
        _tell_judgement(terminal, each)
    terminal.next("autowatch report --open")
    verdicts = {each.verdict for each in judgements.judged}
    if "drift" in verdicts:
        return Exit.NOT_AS_HOPED
    return Exit.DONE if "no drift" in verdicts else Exit.NOTHING_TO_DO


def _tell_judgement(terminal: Terminal, each: Judgement) -> None:
    terminal.say(f"{each.what}: {each.verdict}, {number(each.rows)} rows", _VERDICT_STYLES.get(each.verdict))
    if each.moved:
        terminal.table(
            ("  moved, worst first", ""), [(f"  {name}", moved) for name, moved in each.moved[:_MOVED_SHOWN]]
        )
    for alarm in each.alarms:
        terminal.say(f"  {alarm}", "yellow")
    if each.notified:
        terminal.say("  People were told by e-mail.")


def _date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
