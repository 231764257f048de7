"""`make demo`: the whole story on real data, on one machine, and a table of what happened."""

import argparse
import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from sandbox.client import running_sandbox
from sandbox.demo.bank_marketing import bank_marketing_csv
from sandbox.demo.progress import Progress
from sandbox.demo.spans import UnfitSourceError, cut_spans
from sandbox.demo.story import PARAMETERS, Story, StoryError, play
from sandbox.errors import SandboxError
from sandbox.install import REPOSITORY

_BATCH_ROWS = 4000
_FOLDER = REPOSITORY / ".sandbox" / "demo"


def main(arguments: list[str] | None = None) -> int:
    """Plays the story; 0 when it went as it should, 1 with one message otherwise."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="bank-additional-full.csv, plain or .gz (else BANK_MARKETING_CSV, a download, or generated rows)",
    )
    options = parser.parse_args(arguments)
    progress, started = Progress(), time.monotonic()
    try:
        _run(options.data, progress, started)
    except KeyboardInterrupt:
        progress.say("\nStopped. Nothing of the sandbox runs on.")
        return 130
    except StoryError as error:
        progress.say(f"\n{error}\nThe functions' logs are in {_FOLDER / 'state' / 'logs'}.")
        return 1
    except (SandboxError, UnfitSourceError) as error:
        progress.say(f"\n{error}")
        return 1
    return 0


def _run(data: str | None, progress: Progress, started: float) -> None:
    source = bank_marketing_csv(data, os.environ, REPOSITORY / ".sandbox" / "data")
    progress.say(f"Data: {source.description}")
    shutil.rmtree(_FOLDER, ignore_errors=True)
    early, late = cut_spans(source.path, _FOLDER / "data", _BATCH_ROWS)
    with ExitStack() as stack:
        with progress.step("starting the sandbox and deploying template.yaml") as outcome:
            outcome.show("a few seconds")
            context = running_sandbox(parameters=PARAMETERS, state_dir=_FOLDER / "state")
            sandbox = stack.enter_context(context)
            outcome.text = sandbox.endpoint_url
        story = play(sandbox, early, late, progress)
    reports = save_reports(story, _FOLDER / "reports")
    progress.say(_table(story, source.synthetic))
    progress.say(_paths(reports, sandbox.mailbox.folder))
    progress.say(f"\nThe whole story took {time.monotonic() - started:.0f} s.")


def save_reports(story: Story, folder: Path) -> list[Path]:
    """Keeps the reports of each daily run: the next one replaces them, and the bucket ends with the demo.

    Returns:
        The day's page of each.
    """
    pages = []
    for number, judged in enumerate((story.first_day, story.second_day, story.last_day), 1):
        kept = folder / f"{number}-{judged.verdict.replace(' ', '-')}"
        for key, data in judged.reports.items():
            path = kept / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        pages.append(kept / judged.page)
    return pages


def _table(story: Story, synthetic: bool) -> str:
    lines = ["", "What happened" + (" (on synthetic data)" if synthetic else ""), ""]
    row = "  {:<28} {:>8} {:>8} {:>9} {:>7}   {}".format
    lines.append(row("file", "rows in", "scored", "rejected", "AUC", "scored by"))
    for scored in (story.early_batch, story.late_batch, story.late_batch_again):
        counts = (f"{scored.rows_in:,}", f"{scored.scored:,}", f"{scored.rejected:,}")
        model = "first model" if scored.run == story.first_release.run else "new model"
        lines.append(row(scored.key.removeprefix("inference/"), *counts, f"{scored.auc:.3f}", model))
    lines.append("")
    row = "  {:<28} {:>8} {:>8}   {}".format
    lines.append(row("daily run", "rows", "", "verdict"))
    for number, judged in enumerate((story.first_day, story.second_day, story.last_day), 1):
        lines.append(row(f"{number}", f"{judged.rows:,}", "", judged.verdict))
    labels = story.early_labels
    lines += [
        "",
        f"  by the labels of {labels.rows_labelled:,} of {labels.rows_scored:,} early rows: AUC {labels.auc:.3f} "
        f"({labels.lower:.3f} to {labels.upper:.3f}), {labels.verdict}",
        f"  AUC on the later span before retraining {story.late_batch.auc:.3f}, after {story.late_batch_again.auc:.3f}",
        f"  drifted columns: {', '.join(story.second_day.drifted_columns)}",
        f"  files registered with Domino: {len(story.registered_with_domino)}",
        f"  retraining was started by: {story.second_release.trigger}",
        "  mail:",
        *(f"    {mail.subject}" for mail in story.mails),
    ]
    return "\n".join(lines)


def _paths(reports: list[Path], mail: Path) -> str:
    return "\n".join(["", *(f"Report:  {path}" for path in reports), f"Mailbox: {mail}"])


if __name__ == "__main__":
    sys.exit(main())
