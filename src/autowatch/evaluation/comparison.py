"""Whether a challenger is worse than the champion: a paired bootstrap of the difference of their AUCs or errors."""

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from autowatch.errors import AutowatchError
from autowatch.evaluation.auc import class_influences, variance_by_class
from autowatch.evaluation.figures import Comparison
from autowatch.evaluation.numbers import ErrorMeasure, in_unit, mean_loss, row_losses, unit_of

RESAMPLES = 2_000
"""With this many, chance moves the coverage of an interval's 95 % end by half a percentage point."""

FEWEST_OF_CLASS = 2
"""A comparison of several classes leaves out those with fewer rows."""


_POWER = 0.8


class NotComparable(AutowatchError):
    """The rows are too few or lack two classes, so no difference can be judged."""


def compare(
    positive: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two models by their scores of the same rows. Deterministic: equal scores give equal results.

    Positive and negative rows are drawn separately (stratified), each row with both its scores (paired): the models
    make many of the same mistakes, which cancel out. The ends are percentiles of the drawn differences, at levels
    widened for few rows (the expanded percentile interval, Hesterberg 2015).

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        challenger, champion: shape (n,), float: the models' scores.
        confidence: of each end separately, between 0.5 and 1.

    Raises:
        NotComparable: a class has fewer than two rows.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < 2:
        raise NotComparable(
            f"There are {positives} positive and {negatives} negative rows, too few for a comparison."
        )
    models = [_ByRank.of(positive, score) for score in (challenger, champion)]
    seed = _seed(np.packbits(positive), challenger, champion)
    drawn = _resample(models, positives, negatives, resamples, np.random.default_rng(seed))
    challenger_auc, champion_auc = (
        model.auc(np.ones(positives, np.int64), np.ones(negatives, np.int64)) for model in models
    )
    found = _Found("auc", challenger_auc, champion_auc, challenger_auc - champion_auc, drawn, seed)
    return found.comparison(len(positive), min(positives, negatives), confidence)


def compare_classes(
    actual: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two models by the mean of the AUCs of several classes, each against all others.

    The rows of each class are drawn separately, each row with its contributions to both models' mean AUC. The
    contributions are computed once instead of in every resample, which changes the drawn differences by the order of 1
    / rows (the linear bootstrap, Efron and Tibshirani 1993, section 22). So a hundred classes take no longer than two.

    Args:
        actual: shape (n,), int: the place of each row's true label.
        challenger, champion: shape (n, labels), float: the models' probabilities.
        confidence: as for `compare`.

    Raises:
        NotComparable: fewer than two classes have `FEWEST_OF_CLASS` rows.
    """
    counts = np.bincount(actual, minlength=challenger.shape[1])
    classes = [int(place) for place in np.flatnonzero(counts >= FEWEST_OF_CLASS)]
    if len(classes) < 2:
        raise NotComparable(
            f"Only {len(classes)} of the {len(counts):,} labels have {FEWEST_OF_CLASS} rows, too few for a comparison."
        )
    (ours, of_ours), (theirs, of_theirs) = (
        class_influences(actual, scores, classes) for scores in (challenger, champion)
    )
    seed = _seed(actual.astype("<i8"), challenger, champion)
    random = np.random.default_rng(seed)
    difference, drawn = ours - theirs, np.full(resamples, theirs - ours)
    adds = of_ours - of_theirs
    for place in np.flatnonzero(counts):
        parts = adds[actual == place]
        drawn += [float(parts[_rows(random, len(parts))].mean()) for _ in range(resamples)]
    found = _Found("macro_auc", ours, theirs, difference, drawn, seed)
    return found.comparison(len(actual), variance_by_class(adds, actual)[1], confidence)


def compare_errors(
    actual: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    measure: ErrorMeasure,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two models by their errors on the same rows, drawn together, as a share of the champion's error.

    Args:
        actual: shape (n,), float: the true numbers.
        challenger, champion: shape (n,), float: the predicted numbers.
        measure: the error measure.
        confidence: as for `compare`.

    Raises:
        NotComparable: there are fewer than two rows.
    """
    rows = len(actual)
    if rows < 2:
        raise NotComparable(f"There are {rows} rows, too few for a comparison.")
    unit = unit_of(actual, challenger, champion)
    losses = [row_losses(actual / unit, each / unit, measure) for each in (challenger, champion)]
    seed = _seed(actual, challenger, champion)
    random = np.random.default_rng(seed)
    draws = (_rows(random, rows) for _ in range(resamples))
    means = ([each[places].mean() for each in losses] for places in draws)
    drawn = np.array([_excess(*mean_loss(each, measure)) for each in means])
    ours, theirs = mean_loss([each.mean() for each in losses], measure)
    found = _Found(measure, in_unit(ours, unit), in_unit(theirs, unit), _excess(ours, theirs), drawn, seed)
    return found.comparison(rows, rows, confidence)


def _excess(challenger: float, champion: float) -> float:
    """The excess of the first error over the second, as a share of the second; 1 if only the second is 0."""
    return (challenger - champion) / (champion or challenger or 1.0)


@dataclass(frozen=True)
class _Found:
    """The result of a bootstrap; `drawn` holds the difference of each resample."""

    measure: str
    challenger: float
    champion: float
    difference: float
    drawn: np.ndarray
    seed: int

    def comparison(self, rows: int, known_from: float, confidence: float) -> Comparison:
        """The comparison on `rows` rows; the spread is known as precisely as from `known_from` rows of one class."""
        level = _expanded_level(confidence, known_from)
        standard_error = float(self.drawn.std(ddof=1))
        return Comparison(
            rows=rows,
            challenger=self.challenger,
            champion=self.champion,
            difference=self.difference,
            lower=float(np.quantile(self.drawn, 1 - level)),
            upper=float(np.quantile(self.drawn, level)),
            confidence=confidence,
            standard_error=standard_error,
            detectable_loss=float(ndtri(confidence) + ndtri(_POWER)) * standard_error,
            resamples=len(self.drawn),
            seed=self.seed,
            measure=self.measure,
        )


@dataclass(frozen=True)
class _ByRank:
    """A model's scores, sorted once, so that a resample only counts how often each row was drawn.

    Attributes:
        order: the negative rows by ascending score.
        below, up_to: for each positive row, how many negative rows score lower, and how many score lower or the same.
    """

    order: np.ndarray
    below: np.ndarray
    up_to: np.ndarray

    @classmethod
    def of(cls, positive: np.ndarray, score: np.ndarray) -> "_ByRank":
        of_positives, of_negatives = score[positive], score[~positive]
        order = np.argsort(of_negatives, kind="stable")
        in_order = of_negatives[order]
        return cls(order, *(np.searchsorted(in_order, of_positives, side) for side in ("left", "right")))

    def auc(self, drawn_positives: np.ndarray, drawn_negatives: np.ndarray) -> float:
        """The share of pairs in the right order; ties count half, and each row counts as often as it was drawn."""
        negatives = np.zeros(len(drawn_negatives) + 1, np.int64)
        np.cumsum(drawn_negatives[self.order], out=negatives[1:])
        pairs = drawn_positives @ (negatives[self.below] + negatives[self.up_to])
        return float(pairs) / (2 * len(drawn_positives) * len(drawn_negatives))


def _resample(
    models: list[_ByRank], positives: int, negatives: int, resamples: int, random: np.random.Generator
) -> np.ndarray:
    """Differences of the two models' AUCs, one for each resample."""
    differences = np.empty(resamples)
    for place in range(resamples):
        drawn = [_draw(random, rows) for rows in (positives, negatives)]
        challenger, champion = (model.auc(*drawn) for model in models)
        differences[place] = challenger - champion
    return differences


def _draw(random: np.random.Generator, rows: int) -> np.ndarray:
    """How often each of `rows` rows is drawn when that many are drawn with replacement."""
    return np.bincount(_rows(random, rows), minlength=rows)


def _rows(random: np.random.Generator, rows: int) -> np.ndarray:
    """The places of `rows` rows drawn with replacement."""
    return random.integers(0, rows, rows, dtype=np.uint32)


def _expanded_level(confidence: float, rows: float) -> float:
    return float(ndtr(np.sqrt(rows / (rows - 1)) * stdtrit(rows - 1, confidence)))


def _seed(labels: np.ndarray, *scores: np.ndarray) -> int:
    digest = hashlib.sha256(labels.tobytes())
    for score in scores:
        digest.update(score.astype("<f8").tobytes())
    return int.from_bytes(digest.digest()[:4])
