"""Whether a challenger ranks worse than the champion: a paired bootstrap of the difference of their AUCs."""

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from autowatch.errors import AutowatchError
from autowatch.evaluation.figures import Comparison

RESAMPLES = 2_000
"""With these, chance moves the level of an interval's 95 % end by half a percentage point."""


_POWER = 0.8


class NotComparable(AutowatchError):
    """The rows do not hold both classes, so that there is no AUC to compare."""


def compare(
    positive: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray,
    confidence: float,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares two models by their scores of the same rows. The same scores always give the same answer.

    Positive and negative rows are drawn separately (stratified), a row with both its scores (paired): the models make
    many of the same mistakes, which cancel out. The ends are the percentiles of the drawn differences, at levels
    widened for few rows (the expanded percentile interval, Hesterberg 2015).

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        challenger, champion: shape (n,), float: the models' scores.
        confidence: of each end by itself, between 0.5 and 1.

    Raises:
        NotComparable: there are no two rows of either class.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < 2:
        raise NotComparable(
            f"There are {positives} positive and {negatives} negative rows, too few to compare on."
        )
    models = [_ByRank.of(positive, score) for score in (challenger, champion)]
    seed = _seed(positive, challenger, champion)
    drawn = _resample(models, positives, negatives, resamples, np.random.default_rng(seed))
    challenger_auc, champion_auc = (
        model.auc(np.ones(positives, np.int64), np.ones(negatives, np.int64)) for model in models
    )
    level = _expanded_level(confidence, min(positives, negatives))
    standard_error = float(drawn.std(ddof=1))
    return Comparison(
        rows=len(positive),
        challenger_auc=challenger_auc,
        champion_auc=champion_auc,
        difference=challenger_auc - champion_auc,
        lower=float(np.quantile(drawn, 1 - level)),
        upper=float(np.quantile(drawn, level)),
        confidence=confidence,
        standard_error=standard_error,
        detectable_loss=float(ndtri(confidence) + ndtri(_POWER)) * standard_error,
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _ByRank:
    """A model's scores, sorted once: a resample only counts how often each row was drawn.

    Attributes:
        order: the negative rows by rising score.
        below, up_to: for each positive row, how many negative rows score less, and how many no more.
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
        """The share of pairs that are in order, ties counting half, each row as often as it was drawn."""
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
    """How often each of so many rows is drawn, when as many are drawn with replacement."""
    return np.bincount(random.integers(0, rows, rows, dtype=np.uint32), minlength=rows)


def _expanded_level(confidence: float, rows: int) -> float:
    return float(ndtr(np.sqrt(rows / (rows - 1)) * stdtrit(rows - 1, confidence)))


def _seed(positive: np.ndarray, *scores: np.ndarray) -> int:
    digest = hashlib.sha256(np.packbits(positive).tobytes())
    for score in scores:
        digest.update(score.astype("<f8").tobytes())
    return int.from_bytes(digest.digest()[:4])
