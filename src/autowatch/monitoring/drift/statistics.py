"""How far two counts on the same bins differ, and whether by more than chance."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import binomtest, chi2_contingency, fisher_exact

# Below this expected count the chi-square distribution is a poor approximation (Cochran's rule).
_MIN_EXPECTED = 5.0


# An empty bin would make the PSI infinite; a share of 0.0001 stands for it.
_PSI_FLOOR = 1e-4


def distance(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The Jensen-Shannon distance in base 2 between two counts: 0 for equal shares, 1 for disjoint ones."""
    if not sum(reference) or not sum(current):
        return None
    # Of nearly equal shares scipy's sum comes out a little below 0, and its root is NaN (scipy#20083).
    return float(np.nan_to_num(jensenshannon(shares(reference), shares(current), base=2)))


def p_value(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The probability of so large a difference between two counts on the same bins by chance (None without rows).

    Pearson's chi-square test of the 2×K contingency table, which takes both sides as samples. Bins with an
    expected count below 5 are added up; where they are thin even together, an exact test of their sum stands
    beside the chi-square test of the others, and twice the smaller p-value counts (Bonferroni). Joined to a
    large bin, a new category would vanish in it. Counts that cannot be told apart, such as a constant column's,
    have 1.
    """
    if not sum(reference) or not sum(current):
        return None
    solid, thin = pool_thin_bins(np.array([reference, current], dtype=np.int64))
    if thin is None:
        return _chi_square_p_value(solid)
    # Given how many rows are in thin bins, as many of them are scored ones as of all rows (Przyborowski and
    # Wilenski). Fisher's two-sided test says nearly the same, and takes minutes for a billion rows.
    exact = float(
        binomtest(int(thin[1]), int(thin.sum()), sum(current) / (sum(reference) + sum(current))).pvalue
    )
    return min(2 * exact, 2 * _chi_square_p_value(solid), 1.0) if solid.shape[1] > 1 else exact


def pool_thin_bins(table: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The 2×K table of counts in two parts: bins with an expected count of at least 5, and what is thinner than that.

    Empty bins go. Thin bins are added up, and if that makes at least 5 the sum is a bin like any other;
    otherwise it is the second part, one count for each row of the table.
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
    """The distance from which a difference counts as large: `large` and what chance alone adds at this size.

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
    # A side whose rows are all in thin bins has none left to compare here.
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)


def p_of_rise(before: int, reference_rows: int, now: int, rows: int) -> float:
    """The probability of so large a rise of a share, or a larger one, by chance: Fisher's exact test, one-sided.

    Exact, since one of the counts is often 0 and the other small. Without rows it is 1.
    """
    if not reference_rows or not rows:
        return 1.0
    table = [[now, rows - now], [before, reference_rows - before]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def shares(counts: Sequence[int]) -> np.ndarray:
    """The counts as parts of their sum; of no rows all are 0."""
    return np.array(counts, dtype=float) / max(sum(counts), 1)
