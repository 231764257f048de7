"""Columns that predict the target almost alone, which mostly means that they were written down after it was known."""

from collections.abc import Sequence

LEAK_AUC = 0.8
"""From here on a column is a likely leak: by itself it ranks the rows as whole models hardly do. In the bank's
data the duration of the call, known only after it, has 0.81, and the best of the honest columns 0.78."""

FEWEST_ROWS_OF_BIN = 50
"""Bins with fewer rows count as one: a rate taken from a handful of rows repeats their labels instead of
predicting them, and an identifier, with a row for each value, would predict them all."""


def single_column_auc(negatives: Sequence[int], positives: Sequence[int]) -> float:
    """The AUC of the score "share of positive rows in the bin that the value falls into", from 0.5 upwards.

    It is computed on the rows that the shares come from, so it is a little too high where bins are small: see
    FEWEST_ROWS_OF_BIN. Rows in the same bin are tied and count half (Mann and Whitney).

    Args:
        negatives: for each bin of the column how many rows of the negative class it has.
        positives: the same for the positive class; each class has a row at least.
    """
    bins = _pool_small(list(zip(negatives, positives, strict=True)))
    ordered = sorted(bins, key=lambda counts: counts[1] / (counts[0] + counts[1]))
    below = pairs = 0.0
    for negative, positive in ordered:
        pairs += positive * (below + negative / 2)
        below += negative
    return pairs / (below * sum(positives))


def _pool_small(bins: list[tuple[int, int]]) -> list[tuple[int, int]]:
    large = [counts for counts in bins if sum(counts) >= FEWEST_ROWS_OF_BIN]
    small = [counts for counts in bins if sum(counts) < FEWEST_ROWS_OF_BIN]
    pooled = (sum(negative for negative, _ in small), sum(positive for _, positive in small))
    return [*large, pooled] if any(pooled) else large
