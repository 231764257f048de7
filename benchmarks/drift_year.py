"""A year with a weekly rhythm: how many mails each setting of "k of m days" sends, and how soon it detects drift.

    python -m benchmarks.drift_year SEED ...

Each seed is a year of days with 2,000 rows (special ones: 1,200) in twelve columns, with the verdicts and the alert
rules of the daily job. The training file has all weekdays; on special ones, three columns differ. Each year is
simulated twice: unchanged, and with two other columns that drift from day 200. Run it with PYTHONPATH=src.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from statistics import mean
from typing import Any

import numpy as np

from autowatch.monitoring.days.history import HISTORY_DAYS, Finding, History, ReportedDay, same_weekdays
from autowatch.monitoring.days.news import find_news
from autowatch.monitoring.drift.document import drift_document
from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.monitoring.drift.runs import RunJudgement, judge_by_days
from autowatch.monitoring.drift.scored_rows import RunRows
from autowatch.monitoring.drift.settings import AlertRules
from autowatch.tabular.profile import Baseline, Profile, baseline_column
from benchmarks.drift_populations import SIZE, Population, Random, categories, numbers, shares_of

REFERENCE_ROWS = 100_000
REAL = {"c_region", "n_tenure"}
DAYS, BEGINS = 365, 200
ROWS, SPECIAL_ROWS = 2_000, 1_200
FIRST = date(2026, 1, 5)
"""A Monday."""
RULES = DriftRules()
CHOICES = ((1, 1), (2, 2), (2, 3), (3, 3), (3, 4), (3, 7), (4, 7))
RHYTHMS: dict[str, tuple[int, ...]] = {"Sundays": (6,), "Saturdays and Sundays": (5, 6)}

Shares = dict[str, np.ndarray]
Documents = list[dict[str, Any]]


Told = dict[int, list[Finding]]
"""The days (numbered from 0) with a mail, and what each mail was about."""


@dataclass(frozen=True)
class World:
    """A baseline, and each column's shares on its bins on usual days, on special days, and under drift."""

    baseline: Baseline
    usual: Shares
    special: Shares
    drifted: Shares


def main(seeds: Sequence[int]) -> None:
    """Prints the table."""
    print(
        "| special days | alert | mails a year without drift | days until real drift is told | "
        "times that it is called over |"
    )
    print("|---|---|---|---|---|")
    for name, weekdays in RHYTHMS.items():
        years = [year(np.random.default_rng(seed), weekdays) for seed in seeds]
        for days, of in CHOICES:
            row = figures(
                [(tell(quiet, days, of), tell(drifted, days, of)) for quiet, drifted, _, _ in years]
            )
            print(f"| {name} | {days} of {of} | {row} |")
        row = figures([(tell(quiet, 1, 1), tell(drifted, 1, 1)) for _, _, quiet, drifted in years])
        print(f"| {name} | 1 of 1, `compare: weekday` | {row} |")


def figures(years: Sequence[tuple[Told, Told]]) -> str:
    """Results of years without and with drift: mails without drift; days until drift is alerted on; how often an alert
    says that it ended."""
    late = [
        min(
            (day - BEGINS for day, news in drifted.items() if day >= BEGINS and _tells(news, "drift")),
            default=None,
        )
        for _, drifted in years
    ]
    seen = [days for days in late if days is not None]
    over = mean(
        sum(_tells(news, "ended") for day, news in drifted.items() if day > BEGINS) for _, drifted in years
    )
    when = f"{mean(seen):.1f}, at most {max(seen)}" if seen else "–"
    missed = f", never in {len(late) - len(seen)} of {len(late)} years" if len(seen) < len(late) else ""
    return f"{mean(len(quiet) for quiet, _ in years):.1f} | {when}{missed} | {over:.1f}"


def _tells(news: Sequence[Finding], kind: str) -> bool:
    return any(finding.kind == kind and finding.column in REAL for finding in news)


def year(random: Random, weekdays: Sequence[int]) -> tuple[Documents, Documents, Documents, Documents]:
    """The judged days without and with drift, against the training data and against the same weekday."""
    world = world_of(random, len(weekdays))
    quiet, drifted = (
        [profile_of(world, random, number, weekdays, begins) for number in range(DAYS)]
        for begins in (DAYS, BEGINS)
    )
    return (
        judged(world.baseline, quiet),
        judged(world.baseline, drifted),
        judged(world.baseline, quiet, by_weekday=True),
        judged(world.baseline, drifted, by_weekday=True),
    )


def judged(baseline: Baseline, profiles: Sequence[Profile], *, by_weekday: bool = False) -> Documents:
    """Each day's `drift.json` before any alert."""
    documents: Documents = []
    history: History = {}
    rows = [RunRows("run", 1, profile.rows, profile, None) for profile in profiles]
    for number, own in enumerate(rows):
        day = FIRST + timedelta(days=number)
        judgement = RunJudgement("run", 1, own.rows, judge(baseline, profiles[number], RULES))
        days = same_weekdays("run", day, history) if by_weekday else ()
        if days:
            before = [rows[(other - FIRST).days] for other in days]
            judgement = judge_by_days(
                judgement, own, days, before[0].joined_with(before[1:]), baseline, RULES
            )
        part = judgement.to_json(RULES.min_rows) | {"since": None}
        documents.append(drift_document({"date": day.isoformat()}, f"{day}T20:00:00Z", [part]))
        history[day] = ReportedDay.from_json(documents[-1])
    return documents


def world_of(random: Random, special_days: int) -> World:
    """Twelve columns. Special days have other channels, larger amounts and older customers; drift brings other regions,
    and tenures that are longer by 0.4 standard deviations."""
    usual = {
        "c_channel": categories(random, np.array([6.0, 3.0, 1.0])),
        "n_amount": numbers(random.lognormal(size=SIZE), 2),
        "n_age": numbers(random.normal(size=SIZE), 2),
        "c_region": categories(random, np.array([5.0, 3.0, 2.0])),
        "n_tenure": numbers(random.normal(size=SIZE), 2),
    }
    usual |= {f"n_{place}": numbers(random.normal(size=SIZE), 2) for place in range(4)}
    usual |= {f"c_{place}": categories(random, 1 / np.arange(1, 5 + 4 * place)) for place in range(3)}
    special = usual | {
        "c_channel": categories(random, np.array([3.5, 3.0, 3.5])),
        "n_amount": numbers(1.5 * random.lognormal(size=SIZE), 2),
        "n_age": numbers(0.5 + random.normal(size=SIZE), 2),
    }
    drifted = {
        "c_region": categories(random, np.array([5.0, 1.5, 3.5])),
        "n_tenure": numbers(0.4 + random.normal(size=SIZE), 2),
    }
    share = special_days * SPECIAL_ROWS / (special_days * SPECIAL_ROWS + (7 - special_days) * ROWS)
    columns = [
        baseline_column(
            name,
            "feature",
            "categorical" if name.startswith("c_") else "numeric",
            drawn(random, population, 1 - share) + drawn(random, special[name], share),
        )
        for name, population in usual.items()
    ]
    bins = {column.name: column for column in columns}
    return World(
        Baseline("run", REFERENCE_ROWS, tuple(columns)),
        *(
            {name: shares_of(bins[name], population) for name, population in populations.items()}
            for populations in (usual, special, drifted)
        ),
    )


def drawn(random: Random, population: Population, share: float) -> Counter[str]:
    """A share of the training rows, drawn from a population."""
    times = random.multinomial(round(share * REFERENCE_ROWS), population.times / population.times.sum())
    return Counter({population.texts[place]: int(times[place]) for place in np.flatnonzero(times)})


def profile_of(world: World, random: Random, number: int, weekdays: Sequence[int], begins: int) -> Profile:
    """The counts of one day's rows."""
    is_special = number % 7 in weekdays
    rows = SPECIAL_ROWS if is_special else ROWS
    shares = (world.special if is_special else world.usual) | (world.drifted if number >= begins else {})
    counts = {name: tuple(random.multinomial(rows, share).tolist()) for name, share in shares.items()}
    return Profile("run", world.baseline.bins, rows, counts)


def tell(documents: Documents, days: int, of: int) -> Told:
    """The mails of a year, each day judged by those before it."""
    history: History = {}
    told: Told = {}
    for number, document in enumerate(documents):
        day = FIRST + timedelta(days=number)
        news = find_news(document, history, None, AlertRules(days, of))
        history[day] = ReportedDay.from_json(document | {"told": [asdict(each) for each in news.told]})
        history.pop(day - timedelta(days=HISTORY_DAYS), None)
        if news.news:
            told[number] = list(news.news)
    return told


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
