"""The size and the significance of the difference between two counts on the same bins."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import binomtest, chi2_contingency, fisher_exact

# Below this expected count the chi-square distribution is a poor approximation (Cochran's rule).
_MIN_EXPECTED = 5.0


# The share used for empty bins, which would make the PSI infinite.
_PSI_FLOOR = 1e-4


def distance(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The Jensen-Shannon distance in base 2 between two counts: 0 for equal shares, 1 for disjoint ones."""
    if not sum(reference) or not sum(current):
        return None
    # For nearly equal shares, scipy's sum can be slightly below 0, and its root is NaN (scipy#20083).
    return float(np.nan_to_num(jensenshannon(shares(reference), shares(current), base=2)))


def p_value(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The probability of so large a difference between two counts on the same bins by chance (None without rows).

    Pearson's chi-square test of the 2×K contingency table, which treats both sides as samples. Bins with an expected
    count below 5 are pooled. If the pool is thin as well, it gets an exact test, the other bins get the chi-square
    test, and the result is twice the smaller p-value (Bonferroni). Merging the pool into a large bin would hide a new
    category. The result is 1 if the counts cannot differ, as in a constant column.
    """
    if not sum(reference) or not sum(current):
        return None
    solid, thin = pool_thin_bins(np.array([reference, current], dtype=np.int64))
    if thin is None:
        return _chi_square_p_value(solid)
    # Under the null hypothesis, thin bins have the same share of scored rows as all rows (Przyborowski and Wilenski).
    # Fisher's two-sided test gives nearly the same result but takes minutes for a billion rows.
    exact = float(
        binomtest(int(thin[1]), int(thin.sum()), sum(current) / (sum(reference) + sum(current))).pvalue
    )
    return min(2 * exact, 2 * _chi_square_p_value(solid), 1.0) if solid.shape[1] > 1 else exact


def pool_thin_bins(table: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Splits the 2×K table of counts into bins with an expected count of at least 5 and a thin rest.

    Empty bins are removed. Thin bins are pooled. If the pool's expected count is at least 5, it is added to the first
    part as a bin, and the rest is None; otherwise the pool is the rest, with one count for each row of the table.
    """
    table = table[:, table.sum(axis=0) > 0]
    share_of_smaller_row = table.sum(axis=1).min() / table.sum()
    is_thin = table.sum(axis=0) * share_of_smaller_row < _MIN_EXPECTED
    solid, pool = table[:, ~is_thin], table[:, is_thin].sum(axis=1)
    if not is_thin.any():
        return solid, None
    if pool.sum() * share_of_smaller_row >= _MIN_EXPECTED:
        return np.column_stack([pool, solid]), None
    return solid, pool


def distance_threshold(reference: Sequence[int], current: Sequence[int], large: float) -> float | None:
    """The lowest distance that counts as large: `large`, plus what chance adds at this number of rows.

    For two samples of n and m rows from one source, on K bins, the squared distance is (K-1)(1/n + 1/m) /
    (8 ln 2) on average (the chi-square approximation of the divergence). It adds to the square of the
    true distance.
    """
    rows, reference_rows = sum(current), sum(reference)
    if not rows or not reference_rows:
        return None
    used = sum(1 for before, now in zip(reference, current, strict=True) if before or now)
    by_chance = (used - 1) * (1 / rows + 1 / reference_rows) / (8 * np.log(2))
    return float(np.sqrt(large**2 + by_chance))


def population_stability_index(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """PSI = KL(reference‖current) + KL(current‖reference) in nats, with a share of at least 0.0001 in each bin."""
    if not sum(reference) or not sum(current):
        return None
    before, now = (np.maximum(shares(counts), _PSI_FLOOR) for counts in (reference, current))
    before, now = before / before.sum(), now / now.sum()
    return float(np.sum(rel_entr(before, now) + rel_entr(now, before)))


def _chi_square_p_value(table: np.ndarray) -> float:
    # If all rows of one side are in thin bins, nothing is left to compare here.
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)


def p_of_rise(before: int, reference_rows: int, now: int, rows: int) -> float:
    """The probability of at least this rise of a share by chance: Fisher's exact test, one-sided; 1 without rows.

    The test is exact because one count is often 0 and the other small.
    """
    if not reference_rows or not rows:
        return 1.0
    table = [[now, rows - now], [before, reference_rows - before]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def shares(counts: Sequence[int]) -> np.ndarray:
    """The counts as shares of their sum; all 0 without rows."""
    return np.array(counts, dtype=float) / max(sum(counts), 1)
