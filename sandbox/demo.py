"""`make demo`: the whole story on real data, on one machine, and a table of what happened."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from sandbox.bank_marketing import bank_marketing_csv
from sandbox.client import Connection, running_sandbox
from sandbox.errors import SandboxError
from sandbox.install import REPOSITORY
from sandbox.progress import Progress
from sandbox.spans import TooFewRowsError, cut_spans
from sandbox.story import PARAMETERS, Story, StoryError, play

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
    except (SandboxError, StoryError, TooFewRowsError) as error:
        progress.say(f"\n{error}\nThe functions' logs are in {_FOLDER / 'state' / 'logs'}.")
        return 1
    return 0


def _run(data: str | None, progress: Progress, started: float) -> None:
    source = bank_marketing_csv(data, os.environ, REPOSITORY / ".sandbox" / "data")
    progress.say(f"Data: {source.description}")
    shutil.rmtree(_FOLDER, ignore_errors=True)
    early, late = cut_spans(source.path, _FOLDER / "data", _BATCH_ROWS)
    with progress.step("starting the sandbox and deploying template.yaml") as outcome:
        outcome.show("a few seconds")
        sandbox_context = running_sandbox(parameters=PARAMETERS, state_dir=_FOLDER / "state")
        sandbox = sandbox_context.__enter__()
        outcome.text = sandbox.endpoint_url
    try:
        story = play(sandbox, early, late, progress)
        reports = _save_reports(sandbox, _FOLDER / "reports")
    finally:
        sandbox_context.__exit__(None, None, None)
    progress.say(_table(story, source.synthetic))
    progress.say(_paths(reports, sandbox.mailbox.folder))
    progress.say(f"\nThe whole story took {time.monotonic() - started:.0f} s.")


def _save_reports(sandbox: Connection, folder: Path) -> list[Path]:
    """Copies the reports out of the sandbox's bucket, which ends with it."""
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    saved = []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="reports/").get("Contents", []):
        path = folder / item["Key"].removeprefix("reports/")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, item["Key"], str(path))
        saved.append(path)
    return saved


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
    lines += [
        "",
        f"  AUC on the later span before retraining {story.late_batch.auc:.3f}, after {story.late_batch_again.auc:.3f}",
        f"  drifted columns: {', '.join(story.second_day.drifted_columns)}",
        f"  files registered with Domino: {len(story.registered_with_domino)}",
        f"  retraining was started by: {story.second_release.trigger}",
        "  mail:",
        *(f"    {mail.subject}" for mail in story.mails),
    ]
    return "\n".join(lines)


def _paths(reports: list[Path], mail: Path) -> str:
    pages = [path for path in reports if path.suffix == ".html"]
    return "\n".join(["", *(f"Report:  {path}" for path in pages), f"Mailbox: {mail}"])


if __name__ == "__main__":
    sys.exit(main())
