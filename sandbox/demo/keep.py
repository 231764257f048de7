"""Keeps the demo's output after its sandbox has ended: day and run pages, mails as text, and one start page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.demo.story import Judged, Scored, Story
from sandbox.events.mailbox import Mail

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
a { color: LinkText; } .muted { opacity: .7; } h1 { line-height: 1.2; } .harm { font-size: 1.15rem; }
code { font-size: .95em; }
"""


@dataclass(frozen=True)
class Kept:
    """The paths of everything that was kept."""

    index: Path
    days: tuple[Path, ...]
    runs: tuple[Path, ...]
    mails: tuple[Path, ...]


def keep_story(story: Story, folder: Path, data: str) -> Kept:
    """Writes the pages of the three daily runs and of both training runs, the mails, and `index.html` over all.

    The next daily run replaces the reports of the one before it, so each has a folder of its own, in which pages lie as
    in the bucket: those of days link to those of runs.

    Args:
        data: the story's data, in words.
    """
    days = tuple(
        _keep_day(number, judged, folder / "reports")
        for number, judged in enumerate((story.first_day, story.second_day, story.last_day), 1)
    )
    runs = tuple(
        days[-1].parents[2] / "models" / released.run / "report.html"
        for released in (story.first_release, story.second_release)
    )
    mails = tuple(_keep_mail(number, mail, folder / "mail") for number, mail in enumerate(story.mails, 1))
    index = folder / "index.html"
    index.write_text(_page(story, folder, data, days, runs, mails), encoding="utf-8")
    return Kept(index, days, runs, mails)


def harm(story: Story) -> str:
    """How the drift affected the use of the model, in sentences."""
    before, after = story.late_batch.fit, story.late_batch_again.fit
    return (
        f"On the later span the first model promised {before.promised:.1%} yes, and {before.came_true:.1%} came true. "
        f"Of the {before.best_tenth_rows:,} customers that it ranked best {before.best_tenth_won:,} said yes, "
        f"{before.lift:.1f} times as many as by chance. The model that drift had trained promised "
        f"{after.promised:.1%}, and {after.best_tenth_won:,} of its {after.best_tenth_rows:,} best said yes: "
        f"{after.lift:.1f} times."
    )


def _keep_day(number: int, judged: Judged, folder: Path) -> Path:
    kept = folder / f"{number}-{judged.verdict.replace(' ', '-')}"
    for key, data in judged.reports.items():
        _write(kept / key, data)
    return kept / judged.page


def _keep_mail(number: int, mail: Mail, folder: Path) -> Path:
    text = f"From: {mail.sender}\nTo: {mail.recipient}\nDate: {mail.date}\nSubject: {mail.subject}\n\n{mail.body}"
    words = "".join(character if character.isalnum() else "-" for character in mail.subject.lower())
    return _write(folder / f"{number}-{words[:60].strip('-')}.txt", text.encode())


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _page(
    story: Story, folder: Path, data: str, days: Sequence[Path], runs: Sequence[Path], mails: Sequence[Path]
) -> str:
    def link(path: Path, text: str) -> str:
        address = path.relative_to(folder).as_posix().replace("=", "%3D")
        return f'<a href="{html.escape(address)}">{html.escape(text)}</a>'

    judged = (story.first_day, story.second_day, story.last_day)
    day_rows = [
        f"<tr><td>{number}</td><td>{link(page, day.verdict)}</td><td class=number>{day.rows:,}</td>"
        f"<td>{html.escape(', '.join(day.drifted_columns[:6]))}</td></tr>"
        for number, (page, day) in enumerate(zip(days, judged, strict=True), 1)
    ]
    run_rows = [
        f"<tr><td>{link(page, released.run)}</td><td>{released.trigger}</td><td class=number>{released.rows:,}</td>"
        f"<td class=number>{released.holdout_auc:.3f}</td></tr>"
        for page, released in zip(runs, (story.first_release, story.second_release), strict=True)
    ]
    mail_rows = [
        f"<li>{link(path, mail.subject)}</li>" for path, mail in zip(mails, story.mails, strict=True)
    ]
    batches = (story.early_batch, story.late_batch, story.late_batch_again)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Autowatch: the demo</title><style>{_STYLE}</style></head><body>
<h1>The demo: a model, a world that changes, a better model</h1>
<p class="muted">{html.escape(data)}</p>
<p class="harm">{html.escape(harm(story))}</p>
<h2>Files that were scored</h2>
<table><tr><th>file</th><th class=number>rows</th><th class=number>AUC</th><th class=number>yes promised</th>
<th class=number>came true</th><th class=number>yes among the best tenth</th></tr>
{"".join(map(_batch_row, batches))}</table>
<h2>Daily runs</h2>
<table><tr><th></th><th>verdict</th><th class=number>rows</th><th>moved most</th></tr>{"".join(day_rows)}</table>
<h2>Training runs</h2>
<table><tr><th>run</th><th>started by</th><th class=number>rows</th><th class=number>AUC at the gate</th></tr>
{"".join(run_rows)}</table>
<h2>Mails</h2><ol>{"".join(mail_rows)}</ol>
<h2>Now with your data</h2>
<pre><code>autowatch init my.csv      # target, key, columns to drop
autowatch up               # this machine; or sam deploy, to AWS
autowatch train my.csv     # in another terminal
autowatch score new.csv</code></pre>
</body></html>
"""


def _batch_row(scored: Scored) -> str:
    fit = scored.fit
    won = f"{fit.best_tenth_won:,} of {fit.best_tenth_rows:,} ({fit.lift:.1f} times chance)"
    figures = (f"{scored.scored:,}", f"{fit.auc:.3f}", f"{fit.promised:.1%}", f"{fit.came_true:.1%}", won)
    cells = "".join(f"<td class=number>{figure}</td>" for figure in figures)
    return f"<tr><td>{html.escape(scored.key.removeprefix('inference/'))}</td>{cells}</tr>"
