"""How often the gate finds a challenger worse than the champion, by simulation: measurements/gate-error-rates.md.

    PYTHONPATH=src python -m benchmarks.gate_error_rates [seed] [hold-outs] [growing | classes | choice | numbers]

Two models score the same rows, 11 % of them positive; their scores are normal in either class (binormal), with a
correlation that sets the similarity of the models. The champion's true AUC is 0.78; the challenger's is the same (a
rejection is an error) or 0.02 lower (a release is an error). The expected power against the latter follows from the
standard error: power = Φ(loss / standard error - z), with z the normal quantile of the confidence.

With `growing`, the file grows after the champion was trained on it, and the challenger is judged on a hold-out of the
larger file. On rows that a model was trained on, its scores are further apart, by as much as measured on a file of
1,000 rows (AUC 0.815 for rows that a champion had seen, 0.643 for others). There are three ways to hold rows out: drawn
again for each file, as before; by the rule in the contract; and by a rule with other columns than the champion's.

With `classes`, the models give probabilities of several labels: the true ones given normal scores, in which the true
label's score is higher. With `numbers`, their errors are normal, heavy-tailed (Student's t with 4 degrees of freedom)
or skewed (lognormal).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from autowatch.evaluation.comparison import NotComparable, compare, compare_classes, compare_errors
from autowatch.evaluation.figures import Comparison
from autowatch.evaluation.numbers import ErrorMeasure

ROWS = (100, 500, 1_000, 2_000, 5_000)
CORRELATIONS = (0.9, 0.7)
POSITIVE_SHARE = 0.11
CHAMPION_AUC = 0.78
LOSS = 0.02
CONFIDENCE = 0.95
RESAMPLES = 200
"""Fewer than in the gate: the noise averages out over thousands of hold-outs."""

LABEL_SHARES = {
    "three, 20 % the rarest": (0.5, 0.3, 0.2),
    "four, 2 % the rarest": (0.6, 0.3, 0.08, 0.02),
    "ten alike": (0.1,) * 10,
}
STRENGTH, WEAKER, LIKE = 1.2, 0.12, 0.8
"""The advantage of the true label's score, its reduction in a worse challenger, and the models' correlation."""

ERRORS = {
    "normal": lambda random, rows: random.normal(size=rows),
    "heavy tails": lambda random, rows: random.standard_t(4, rows),
    "skewed": lambda random, rows: random.lognormal(0, 0.7, rows) - np.exp(0.245),
}
LARGER = 0.05
"""The factor by which the errors of a worse challenger are larger."""

OLD_ROWS = 5_000
GROWTHS = (0.1, 0.3, 1.0)
HELD_OUT = 0.2
SEEN_FURTHER = float(np.sqrt(2) * (norm.ppf(0.815) - norm.ppf(0.643)))
"""By how many standard deviations the classes' scores are further apart on rows that a model was trained on."""


@dataclass(frozen=True)
class Rates:
    """How often the challenger was found worse over many hold-outs, and the mean standard error."""

    found_worse: float
    standard_error: float

    def expected_power(self, loss: float) -> float:
        """The power to detect a `loss`, from the standard error."""
        return float(norm.cdf(loss / self.standard_error - norm.ppf(CONFIDENCE)))


def simulate(
    random: np.random.Generator,
    rows: int,
    correlation: float,
    loss: float,
    hold_outs: int,
    resamples: int = RESAMPLES,
) -> Rates:
    """Compares the two models on many hold-outs, by the gate's rule with a tolerance of 0."""
    found = [
        compare(*draw_hold_out(random, rows, correlation, loss), CONFIDENCE, resamples)
        for _ in range(hold_outs)
    ]
    return Rates(
        found_worse=float(np.mean([is_worse(comparison) for comparison in found])),
        standard_error=float(np.mean([comparison.standard_error for comparison in found])),
    )


def is_worse(comparison: Comparison) -> bool:
    """The gate's rule with a tolerance of 0."""
    return comparison.upper < 0


def draw_hold_out(
    random: np.random.Generator, rows: int, correlation: float, loss: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the challenger's and the champion's scores; the hold-out is stratified, as in Prepare."""
    positive = np.arange(rows) < round(rows * POSITIVE_SHARE)
    shared = random.normal(size=rows) * np.sqrt(correlation)
    scores = []
    for auc in (CHAMPION_AUC - loss, CHAMPION_AUC):
        own = random.normal(size=rows) * np.sqrt(1 - correlation)
        # The AUC of two normals of unit variance is Φ(distance / √2).
        scores.append(norm.cdf(shared + own + positive * norm.ppf(auc) * np.sqrt(2)))
    return positive, scores[0], scores[1]


@dataclass(frozen=True)
class HeldOut:
    """A hold-out of the grown file: its number of rows, and which of them the champion was trained on."""

    rows: int
    seen: np.ndarray
    compared: np.ndarray


def drawn_anew(random: np.random.Generator, rows: int) -> HeldOut:
    """As before: a random fifth of each file, all of which is compared."""
    trained = np.zeros(rows, bool)
    trained[:OLD_ROWS] = ~_taken(random, OLD_ROWS)
    held_out = _taken(random, rows)
    seen = trained[held_out]
    return HeldOut(len(seen), seen, np.ones(len(seen), bool))


def by_the_rule(random: np.random.Generator, rows: int) -> HeldOut:
    """The champion had the same rule."""
    held_out = _taken(random, rows)
    seen = np.zeros(int(held_out.sum()), bool)
    return HeldOut(len(seen), seen, ~seen)


def by_another_rule(random: np.random.Generator, rows: int) -> HeldOut:
    """The champion held rows out by another column: only rows that both held out are compared."""
    held_out, champions = _taken(random, rows), _taken(random, rows)
    trained = ~champions & (np.arange(rows) < OLD_ROWS)
    return HeldOut(int(held_out.sum()), trained[held_out], champions[held_out])


def _taken(random: np.random.Generator, rows: int) -> np.ndarray:
    """Digests behave like random draws, as `tests/unit/autowatch/training/data/test_split.py` shows."""
    return random.random(rows) < HELD_OUT


WAYS = {"drawn anew": drawn_anew, "by the rule": by_the_rule, "by another rule": by_another_rule}


@dataclass(frozen=True)
class Growing:
    """The mean numbers of rows held out and compared, and how often the challenger was found worse."""

    held_out: float
    compared: float
    found_worse: float


def simulate_growing(
    random: np.random.Generator, way: str, growth: float, loss: float, hold_outs: int
) -> Growing:
    """Judges challengers after the file has grown by a share of its rows."""
    drawn, found = [], []
    for _ in range(hold_outs):
        hold_out = WAYS[way](random, round(OLD_ROWS * (1 + growth)))
        positive, challenger, champion = draw_hold_out(random, hold_out.rows, CORRELATIONS[0], loss)
        champion = norm.cdf(norm.ppf(champion) + hold_out.seen * (positive - 0.5) * SEEN_FURTHER)
        rows = hold_out.compared
        try:
            found.append(
                is_worse(compare(positive[rows], challenger[rows], champion[rows], CONFIDENCE, RESAMPLES))
            )
        except NotComparable:
            found.append(False)
        drawn.append((hold_out.rows, rows.sum()))
    held_out, compared = np.mean(drawn, axis=0)
    return Growing(float(held_out), float(compared), float(np.mean(found)))


def print_growing(seed: int, hold_outs: int) -> None:
    """Prints one row for each growth and each way to hold rows out."""
    random = np.random.default_rng(seed)
    print(f"seed {seed}; {OLD_ROWS:,} rows at first, correlation {CORRELATIONS[0]}")
    print(f"{hold_outs:,} hold-outs with an equal challenger, {hold_outs // 4} with a worse one\n")
    print(f"| new rows | held out | rows | compared | equal, found worse | worse by {LOSS}, found |")
    print("|---|---|---|---|---|---|")
    for growth in GROWTHS:
        for way in WAYS:
            equal = simulate_growing(random, way, growth, 0, hold_outs)
            worse = simulate_growing(random, way, growth, LOSS, hold_outs // 4)
            print(
                f"| {growth:.0%} | {way} | {equal.held_out:,.0f} | {equal.compared:,.0f} | {equal.found_worse:.1%} "
                f"| {worse.found_worse:.1%} |",
                flush=True,
            )


def draw_classes(
    random: np.random.Generator, rows: int, shares: Sequence[float], weaker: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The indexes of the true labels, and the challenger's and the champion's probabilities, shape (rows, labels)."""
    actual = np.repeat(np.arange(len(shares)), np.round(np.multiply(shares, rows)).astype(int))
    shared = random.normal(size=(len(actual), len(shares))) * np.sqrt(LIKE)
    models = []
    for strength in (STRENGTH - weaker, STRENGTH):
        scores = shared + random.normal(size=shared.shape) * np.sqrt(1 - LIKE)
        scores[np.arange(len(actual)), actual] += strength
        models.append(softmax(strength * scores + np.log(shares), axis=1))
    return actual, models[0], models[1]


def draw_numbers(
    random: np.random.Generator, rows: int, errors: str, larger: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The actual numbers, and the challenger's and the champion's predictions, with errors correlated by 0.8."""
    actual, shared = 3 * random.normal(size=rows), ERRORS[errors](random, rows)
    own = (np.sqrt(LIKE) * shared + np.sqrt(1 - LIKE) * ERRORS[errors](random, rows) for _ in range(2))
    challenger, champion = own
    return actual, actual + (1 + larger) * challenger, actual + champion


def print_classes(seed: int, hold_outs: int) -> None:
    """Prints one row for each set of labels and size of the hold-out."""
    random = np.random.default_rng([seed, 1])
    print(
        "| labels | hold-out | standard error | equal, found worse | weaker, found | its loss of macro AUC |"
    )
    print("|---|---|---|---|---|---|")
    for name, shares in LABEL_SHARES.items():
        actual, weak, strong = draw_classes(random, 200_000, shares, WEAKER)
        loss = -compare_classes(actual, weak, strong, CONFIDENCE, 2).difference
        for rows in (100, 500, 2_000):
            equal, worse = (
                [
                    compare_classes(*draw_classes(random, rows, shares, weaker), CONFIDENCE, RESAMPLES)
                    for _ in range(count)
                ]
                for weaker, count in ((0.0, hold_outs), (WEAKER, hold_outs // 4))
            )
            print(
                f"| {name} | {rows:,} | {_error(equal):.4f} | {_found(equal)} | {_found(worse)} | {loss:.3f} |"
            )


def print_choice(seed: int, hold_outs: int) -> None:
    """Prints how often macro AUC and log loss reject an equal model, a weaker one, and an overconfident one.

    The overconfident model's log odds are larger by half, so it gives the same labels.
    """
    random = np.random.default_rng([seed, 3])
    print("| labels | hold-out | measure | equal, found worse | weaker, found | too sure, found worse |")
    print("|---|---|---|---|---|---|")
    for name, shares in list(LABEL_SHARES.items())[:2]:
        for rows in (200, 1_000):
            found = np.array(
                [
                    _by_both(random, rows, shares, weaker, sure)
                    for weaker, sure in ((0.0, 1.0), (WEAKER, 1.0), (0.0, 1.5))
                    for _ in range(hold_outs)
                ]
            ).reshape(3, hold_outs, 2)
            for place, measure in enumerate(("macro AUC", "log loss")):
                rates = " | ".join(f"{rate:.1%}" for rate in found[:, :, place].mean(axis=1))
                print(f"| {name} | {rows:,} | {measure} | {rates} |", flush=True)


def _by_both(
    random: np.random.Generator, rows: int, shares: Sequence[float], weaker: float, sure: float
) -> tuple[bool, bool]:
    """Whether the challenger is worse by the macro AUC, and by a paired bootstrap of the log loss."""
    actual, challenger, champion = draw_classes(random, rows, shares, weaker)
    challenger = softmax(sure * np.log(challenger), axis=1)
    by_auc = compare_classes(actual, challenger, champion, CONFIDENCE, RESAMPLES).sure_loss > 0
    places = np.arange(len(actual))
    losses = np.log(champion[places, actual]) - np.log(challenger[places, actual])
    drawn = [losses[random.integers(0, len(losses), len(losses))].mean() for _ in range(RESAMPLES)]
    return by_auc, bool(np.quantile(drawn, 1 - CONFIDENCE) > 0)


def print_numbers(seed: int, hold_outs: int) -> None:
    """Prints one row for each distribution of the errors and size of the hold-out."""
    random = np.random.default_rng([seed, 2])
    print(
        "| errors | hold-out | RMSE: equal, found worse | larger by 5 %, found | MAE: equal | larger by 5 % |"
    )
    print("|---|---|---|---|---|---|")
    measures: tuple[ErrorMeasure, ...] = ("rmse", "mae")
    for errors in ERRORS:
        for rows in (20, 100, 500, 2_000):
            rates = []
            for measure in measures:
                for larger, count in ((0.0, hold_outs), (LARGER, hold_outs // 4)):
                    drawn = (draw_numbers(random, rows, errors, larger) for _ in range(count))
                    rates.append(
                        _found([compare_errors(*each, measure, CONFIDENCE, RESAMPLES) for each in drawn])
                    )
            print(f"| {errors} | {rows:,} | {' | '.join(rates)} |", flush=True)


def _error(found: Sequence[Comparison]) -> float:
    return float(np.mean([each.standard_error for each in found]))


def _found(found: Sequence[Comparison]) -> str:
    return f"{np.mean([each.sure_loss > 0 for each in found]):.1%}"


def print_tables(seed: int, hold_outs: int) -> None:
    """Prints one table for each correlation, with a row for each size of the hold-out."""
    random = np.random.default_rng(seed)
    print(f"seed {seed}, {CONFIDENCE:.0%} confidence, {RESAMPLES} resamples")
    print(f"{hold_outs:,} hold-outs with an equal challenger, {hold_outs // 4} with a worse one\n")
    for correlation in CORRELATIONS:
        print(
            f"| hold-out (correlation {correlation}) | standard error | equal, found worse | worse by {LOSS}, found |"
            " expected | loss found 4 times in 5 |"
        )
        print("|---|---|---|---|---|---|")
        for rows in ROWS:
            equal = simulate(random, rows, correlation, 0, hold_outs)
            worse = simulate(random, rows, correlation, LOSS, hold_outs // 4)
            detectable = (norm.ppf(CONFIDENCE) + norm.ppf(0.8)) * equal.standard_error
            print(
                f"| {rows:,} ({round(rows * POSITIVE_SHARE):,} positive) | {equal.standard_error:.4f} "
                f"| {equal.found_worse:.1%} | {worse.found_worse:.1%} | {worse.expected_power(LOSS):.1%} "
                f"| {detectable:.3f} |",
                flush=True,
            )
        print()


if __name__ == "__main__":
    chosen, drawn = (*map(int, sys.argv[1:3]), *(1, 1_000)[len(sys.argv[1:3]) :])
    tables = {
        "growing": print_growing,
        "classes": print_classes,
        "choice": print_choice,
        "numbers": print_numbers,
    }
    tables.get(" ".join(sys.argv[3:]), print_tables)(chosen, drawn)
