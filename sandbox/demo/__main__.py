"""`make demo`: the whole story on real data, on one machine, and a table of what happened."""

import argparse
import os
import shutil
import sys
import textwrap
import time
from contextlib import ExitStack

from sandbox.client import running_sandbox
from sandbox.demo.bank_marketing import bank_marketing_csv
from sandbox.demo.keep import Kept, harm, keep_story
from sandbox.demo.progress import Progress
from sandbox.demo.spans import UnfitSourceError, cut_spans
from sandbox.demo.story import PARAMETERS, Story, StoryError, play
from sandbox.errors import SandboxError
from sandbox.install import REPOSITORY

_BATCH_ROWS = 4000
_FOLDER = REPOSITORY / ".sandbox" / "demo"


def main(arguments: list[str] | None = None) -> int:
    """Plays the story. Returns 0 if it went as expected, else 1 after one message."""
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
        progress.say("\nStopped. The sandbox has ended.")
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
    kept = keep_story(story, _FOLDER, f"Data: {source.description}")
    progress.say(_table(story, source.synthetic))
    progress.say(f"\nThe whole story took {time.monotonic() - started:.0f} s.")
    progress.say(_farewell(kept))


def _table(story: Story, synthetic: bool) -> str:
    lines = ["", "What happened" + (" (on synthetic data)" if synthetic else ""), ""]
    row = "  {:<24} {:>8} {:>8} {:>9} {:>7} {:>9} {:>7}   {}".format
    lines.append(row("file", "rows in", "scored", "rejected", "AUC", "promised", "true", "scored by"))
    for scored in (story.early_batch, story.late_batch, story.late_batch_again):
        counts = (f"{scored.rows_in:,}", f"{scored.scored:,}", f"{scored.rejected:,}")
        model = "first model" if scored.run == story.first_release.run else "new model"
        fit = (f"{scored.fit.auc:.3f}", f"{scored.fit.promised:.1%}", f"{scored.fit.came_true:.1%}")
        lines.append(row(scored.key.removeprefix("inference/"), *counts, *fit, model))
    lines.append("")
    row = "  {:<24} {:>8}   {}".format
    lines.append(row("daily run", "rows", "verdict"))
    for number, judged in enumerate((story.first_day, story.second_day, story.last_day), 1):
        lines.append(row(f"{number}", f"{judged.rows:,}", judged.verdict))
    labels = story.early_labels
    lines += [
        "",
        f"  by the labels of {labels.rows_labelled:,} of {labels.rows_scored:,} early rows: AUC {labels.auc:.3f} "
        f"({labels.lower:.3f} to {labels.upper:.3f}), {labels.verdict}",
        *(f"  {line}" for line in textwrap.wrap(harm(story), 100)),
        f"  drifted columns: {', '.join(story.second_day.drifted_columns)}",
        f"  files registered with Domino: {len(story.registered_with_domino)}",
        f"  retraining was started by: {story.second_release.trigger}",
        "  mail:",
        *(f"    {mail.subject}" for mail in story.mails),
    ]
    return "\n".join(lines)


def _farewell(kept: Kept) -> str:
    return f"""
Pages and mails, to open in a browser: {kept.index.as_uri()}

Now with your data:
  .venv/bin/autowatch init my.csv      target, key, columns to drop
  .venv/bin/autowatch up               this machine; README.md: AWS
No data at hand: docs/tutorial.md"""


if __name__ == "__main__":
    sys.exit(main())
