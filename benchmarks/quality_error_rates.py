"""The coverage of quality's intervals and the errors of its verdicts, simulated: measurements/quality-error-rates.md.

    PYTHONPATH=src python -m benchmarks.quality_error_rates TABLE [seed] [days]

TABLE is intervals, verdict, looks, coarse, classes, class-verdict, numbers or number-verdict.

The model's scores are normal in either class (binormal), with the distance that its AUC requires, and its probabilities
are the true ones given the score, so every true figure is an integral. For each share of positive rows, a hundred gates
are drawn, each from 8,000 rows of a model with AUC 0.78; the day's model has that AUC or a lower one.

The tables for multiclass and regression draw predictions like `benchmarks.gate_error_rates`; their true figures come
from 200,000 rows.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, xlogy
from scipy.stats import norm

from autowatch.evaluation.auc import auc_estimate
from autowatch.evaluation.classification import area_under_curve
from autowatch.evaluation.curves import calibration_curve
from autowatch.evaluation.figures import Bounded
from autowatch.evaluation.judged import BinaryRows, ClassRows, JudgedRows, NumberRows
from autowatch.evaluation.measures import MEASURES
from autowatch.monitoring.quality.measures import MeasuredQuality, measure_quality
from autowatch.monitoring.quality.verdict import QualityRules, judge_quality, known_classes
from autowatch.records.decision import GateDecision, JudgedModel, Latency
from benchmarks.gate_error_rates import ERRORS, LABEL_SHARES, STRENGTH, draw_classes, draw_numbers

ROWS = (200, 500, 1_000, 10_000, 100_000)
SHARES = (0.5, 0.11, 0.02)
AUC = 0.78
GATE_ROWS = 8_000
GATES = 100
LOOKED_AT = 4_000
RULES = QualityRules(minimum_auc=0.6, max_auc_drop=0.05, min_labels=200)
DAYS = (
    ("as at the gate", 0.78),
    ("0.05 below", 0.73),
    ("0.10 below", 0.68),
    ("0.15 below", 0.63),
    ("at 0.55", 0.55),
)
FIGURES = ("auc", "accuracy", "f1", "log_loss", "brier")
_INNER_EDGES = np.linspace(0, 1, 11)[1:-1]


@dataclass(frozen=True)
class World:
    """A model with a given AUC and share of positive rows."""

    auc: float
    share: float

    @property
    def distance(self) -> float:
        """The distance between the classes' mean scores, in standard deviations."""
        return float(norm.ppf(self.auc) * np.sqrt(2))

    def probability(self, score: np.ndarray) -> np.ndarray:
        """The true probability of the positive label, given the score."""
        return expit(logit(self.share) + self.distance * score - self.distance**2 / 2)

    def draw(self, random: np.random.Generator, rows: int) -> BinaryRows:
        positive = random.random(rows) < self.share
        probability = self.probability(random.normal(positive * self.distance))
        return BinaryRows(positive, probability >= 0.5, probability)

    def true_figures(self) -> dict[str, float]:
        """The true figures, by integration over the score."""
        score = np.linspace(-10, 10 + self.distance, 400_001)
        step = score[1] - score[0]
        ours = self.share * norm.pdf(score - self.distance) * step
        others = (1 - self.share) * norm.pdf(score) * step
        probability = self.probability(score)
        predicted = probability >= 0.5
        hits, errors = ours[predicted].sum(), ours[~predicted].sum() + others[predicted].sum()
        return {
            "auc": self.auc,
            "accuracy": 1 - errors,
            "f1": 2 * hits / (2 * hits + errors),
            "log_loss": -float(np.sum(xlogy(ours, probability) + xlogy(others, 1 - probability))),
            "brier": float(np.sum(ours * (1 - probability) ** 2 + others * probability**2)),
        }

    def true_bins(self) -> np.ndarray:
        """The true share of positive rows of each calibration bin."""
        score = np.linspace(-10, 10 + self.distance, 400_001)
        bins = np.searchsorted(_INNER_EDGES, self.probability(score))
        ours = np.bincount(bins, self.share * norm.pdf(score - self.distance), 10)
        others = np.bincount(bins, (1 - self.share) * norm.pdf(score), 10)
        return ours / np.maximum(ours + others, 1e-300)


def measured(rows: JudgedRows) -> MeasuredQuality:
    """The figures as the quality job measures them."""
    return measure_quality(rows, RULES.min_of_class)


def covered(random: np.random.Generator, world: World, rows: int, days: int) -> dict[str, str]:
    """How often the interval of each figure contains the true value; days without an interval are left out."""
    held: Counter[str] = Counter()
    told: Counter[str] = Counter()
    figures, bins = world.true_figures(), world.true_bins()
    for _ in range(days):
        found = measured(world.draw(random, rows))
        for name in FIGURES:
            estimate = found.metrics[name]
            if isinstance(estimate, Bounded):
                told[name] += 1
                held[name] += estimate.lower <= figures[name] <= estimate.upper
        for each in found.calibration:
            true = bins[np.searchsorted(_INNER_EDGES, each.point.predicted)]
            told["bins"] += 1
            held["bins"] += each.observed.lower <= true <= each.observed.upper
    return {name: f"{held[name] / told[name]:.1%}" if told[name] else "–" for name in (*FIGURES, "bins")}


def judged(
    random: np.random.Generator, world: World, gates: Sequence[GateDecision], rows: int, days: int
) -> Counter[str]:
    """The frequency of each verdict."""
    return Counter(
        judge_quality(measured(world.draw(random, rows)), gates[day % len(gates)], RULES).verdict
        for day in range(days)
    )


def _gate(world: World, random: np.random.Generator) -> GateDecision:
    rows = world.draw(random, GATE_ROWS)
    auc = area_under_curve(rows.positive, rows.probability)
    curve = calibration_curve(rows.positive, rows.probability)
    model = JudgedModel("", GATE_ROWS, {"auc": auc}, (), curve, Latency(1, 0.0, 0.0))
    return GateDecision("", True, "", RULES.minimum_auc, GATE_ROWS, {"auc": auc}, challenger=model)


def intervals(seed: int, days: int) -> Iterator[str]:
    """The table of the intervals' coverage."""
    random = np.random.default_rng(seed)
    yield "| rows | positive | AUC | accuracy | F1 | log loss | Brier | bins |\n|---|---|---|---|---|---|---|---|"
    for share in SHARES:
        for rows in ROWS:
            rates = covered(random, World(AUC, share), rows, _fewer(days, rows))
            yield f"| {rows:,} | {share:.0%} | {' | '.join(rates.values())} |"


def verdict(seed: int, days: int) -> Iterator[str]:
    """The table of how often a day is called worse."""
    random = np.random.default_rng([seed, 1])
    yield f"| rows | positive | {' | '.join(name for name, _ in DAYS)} | without a verdict |"
    yield "|---" * (len(DAYS) + 3) + "|"
    for share in SHARES[1:]:
        gates = [_gate(World(AUC, share), random) for _ in range(GATES)]
        for rows in ROWS:
            some = _fewer(days, rows)
            counts = [judged(random, World(auc, share), gates, rows, some) for _, auc in DAYS]
            found = [
                f"{count['worse'] / verdicts:.1%}" if (verdicts := some - count["not enough labels"]) else "–"
                for count in counts
            ]
            none = sum(count["not enough labels"] for count in counts) / (some * len(DAYS))
            yield f"| {rows:,} | {share:.0%} | {' | '.join(found)} | {none:.0%} |"


def looks(seed: int, days: int) -> Iterator[str]:
    """The table of days that are judged repeatedly while their labels arrive."""
    random = np.random.default_rng([seed, 2])
    share = SHARES[1]
    gates = [_gate(World(AUC, share), random) for _ in range(GATES)]
    yield "| looks | model | worse at one at least | at the last |\n|---|---|---|---|"
    for portions in (1, 4, 20):
        for name, auc in DAYS[:3]:
            worse = [
                _looks_at(World(auc, share).draw(random, LOOKED_AT), portions, gates[day % GATES])
                for day in range(days // 2)
            ]
            ever, last = (np.mean([found(each) for each in worse]) for found in (any, lambda each: each[-1]))
            yield f"| {portions} | {name} | {ever:.1%} | {last:.1%} |"


def _looks_at(rows: BinaryRows, portions: int, gate: GateDecision) -> list[bool]:
    """Whether the day is called worse after each batch of its labels."""
    return [
        judge_quality(measured(_first(rows, len(rows) * number // portions)), gate, RULES).verdict == "worse"
        for number in range(1, portions + 1)
    ]


def _first(rows: BinaryRows, count: int) -> BinaryRows:
    return BinaryRows(rows.positive[:count], rows.predicted[:count], rows.probability[:count])


def coarse(seed: int, days: int) -> Iterator[str]:
    """The table of errors of AUC intervals for a model with only a high and a low score.

    A quarter of the positive rows and 5 % of the 1,000 negative ones get the high score.
    """
    random = np.random.default_rng([seed, 3])
    true = 0.5 + (0.25 - 0.05) / 2
    yield "| positive rows | all of the interval below | all of it above |\n|---|---|---|"
    for positives in (10, 20, 50, 200, 1_000):
        positive = np.arange(positives + 1_000) < positives
        drawn = (random.random(len(positive)) < np.where(positive, 0.25, 0.05) for _ in range(days))
        ends = [(each.lower, each.upper) for high in drawn if (each := auc_estimate(positive, high * 1.0))]
        below, above = np.mean([(upper < true, lower > true) for lower, upper in ends], axis=0)
        yield f"| {positives:,} | {below:.1%} | {above:.1%} |"


def classes(seed: int, days: int) -> Iterator[str]:
    """The table of the intervals' coverage for multiclass predictions."""
    random = np.random.default_rng([seed, 4])
    names = ("macro_auc", "accuracy", "balanced_accuracy", "macro_f1", "log_loss")
    yield f"| labels | rows | {' | '.join(MEASURES[name].words for name in names)} |"
    yield "|---" * (len(names) + 2) + "|"
    for name, shares in LABEL_SHARES.items():
        for rows in (200, 1_000):
            rates = _held(partial(_class_day, random, shares=shares), names, rows, days)
            yield f"| {name} | {rows:,} | {rates} |"


def numbers(seed: int, days: int) -> Iterator[str]:
    """The table of the intervals' coverage for regression."""
    random = np.random.default_rng([seed, 5])
    names = ("rmse", "mae", "r2")
    yield f"| errors | rows | {' | '.join(MEASURES[name].words for name in names)} |\n|---|---|---|---|---|"
    for errors in ERRORS:
        for rows in (50, 200, 1_000, 10_000):
            rates = _held(partial(_number_day, random, errors=errors), names, rows, days)
            yield f"| {errors} | {rows:,} | {rates} |"


def _class_day(
    random: np.random.Generator, rows: int, shares: Sequence[float], weaker: float = 0.0
) -> ClassRows:
    actual, probabilities, _ = draw_classes(random, rows, shares, weaker)
    return ClassRows(
        tuple(f"label {place}" for place in range(len(shares))),
        actual,
        probabilities.argmax(axis=1),
        probabilities.max(axis=1),
        probabilities,
    )


def _number_day(random: np.random.Generator, rows: int, errors: str, larger: float = 0.0) -> NumberRows:
    actual, predicted, _ = draw_numbers(random, rows, errors, larger)
    return NumberRows(actual, predicted)


def _held(day: Callable[[int], JudgedRows], names: Sequence[str], rows: int, days: int) -> str:
    true, held = day(200_000).values(), Counter[str]()
    for _ in range(days):
        found = day(rows).estimates()
        for name in names:
            estimate = found[name]
            held[name] += isinstance(estimate, Bounded) and estimate.lower <= true[name] <= estimate.upper
    return " | ".join(f"{held[name] / days:.1%}" for name in names)


def class_verdict(seed: int, days: int) -> Iterator[str]:
    """The table of how often a multiclass day is called worse, with and without the probability of each label."""
    random = np.random.default_rng([seed, 6])
    losses = (0.0, 0.05, 0.10, 0.15)
    yield f"| labels | rows | judged by | {' | '.join(f'{loss:.2f} below' for loss in losses)} | without a verdict |"
    yield "|---" * 8 + "|"
    for name, shares in LABEL_SHARES.items():
        gates = [_gate_of(_class_day(random, GATE_ROWS, shares), "macro_auc") for _ in range(GATES // 10)]
        for measure in ("macro_auc", "balanced_accuracy"):
            weaker = [_weaker_by(loss, measure, shares) for loss in losses]
            for rows in (200, 1_000):
                found = [
                    _verdicts(_seen(measure, random, rows, shares, each, days), gates) for each in weaker
                ]
                yield f"| {name} | {rows:,} | {MEASURES[measure].words} | {_rates(found, days)} |"


def _weaker_by(loss: float, measure: str, shares: Sequence[float]) -> float:
    """The reduction of the true label's score that lowers the measure by a given amount."""

    def value(weaker: float) -> float:
        return _class_day(np.random.default_rng(0), 50_000, shares, weaker).values()[measure]

    best = value(0.0)
    return (
        float(brentq(lambda weaker: best - value(weaker) - loss, 0.0, STRENGTH, xtol=1e-3)) if loss else 0.0
    )


def _seen(
    measure: str, random: np.random.Generator, rows: int, shares: Sequence[float], weaker: float, days: int
) -> Iterator[ClassRows]:
    """Simulated days, without the probability of each label if the verdict must rest on another measure."""
    for _ in range(days):
        day = _class_day(random, rows, shares, weaker)
        yield day if measure == "macro_auc" else replace(day, probabilities=None)


def number_verdict(seed: int, days: int) -> Iterator[str]:
    """The table of how often a regression day is called worse; 20 % more error is allowed."""
    random = np.random.default_rng([seed, 7])
    rises = (0.0, 0.2, 0.4, 0.6)
    yield f"| errors | rows | {' | '.join(f'RMSE {rise:.0%} larger' for rise in rises)} | without a verdict |"
    yield "|---" * 7 + "|"
    for errors in ERRORS:
        gates = [_gate_of(_number_day(random, GATE_ROWS, errors), "rmse") for _ in range(GATES)]
        for rows in (200, 1_000, 10_000):
            found = [
                _verdicts((_number_day(random, rows, errors, rise) for _ in range(days)), gates)
                for rise in rises
            ]
            yield f"| {errors} | {rows:,} | {_rates(found, days)} |"


def _verdicts(drawn: Iterable[JudgedRows], gates: Sequence[GateDecision]) -> Counter[str]:
    return Counter(
        judge_quality(
            measure_quality(rows, RULES.min_of_class, known_classes(gates[day % len(gates)])),
            gates[day % len(gates)],
            RULES,
        ).verdict
        for day, rows in enumerate(drawn)
    )


def _rates(found: Sequence[Counter[str]], days: int) -> str:
    none = sum(each["not enough labels"] for each in found) / (days * len(found))
    return " | ".join([*(f"{each['worse'] / days:.1%}" for each in found), f"{none:.0%}"])


def _gate_of(rows: JudgedRows, decided_by: str) -> GateDecision:
    model = JudgedModel(
        "", len(rows), rows.values(), (), (), Latency(1, 0.0, 0.0),
        intervals=rows.intervals(), classes=rows.class_table(),
    )  # fmt: skip
    return GateDecision("", True, "", None, len(rows), rows.values(), challenger=model, decided_by=decided_by)


def _fewer(days: int, rows: int) -> int:
    """The number of days for a table; fewer if there are many rows."""
    return max(days // 10, min(days, days * 2_000 // rows))


if __name__ == "__main__":
    table = {
        "intervals": intervals,
        "verdict": verdict,
        "looks": looks,
        "coarse": coarse,
        "classes": classes,
        "class-verdict": class_verdict,
        "numbers": numbers,
        "number-verdict": number_verdict,
    }[sys.argv[1]]
    chosen = [int(argument) for argument in sys.argv[2:]]
    for line in table(*[*chosen, *(3, 2_000)[len(chosen) :]]):
        print(line, flush=True)
