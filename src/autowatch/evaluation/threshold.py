"""Decision thresholds: the lowest probability at which a row is called positive, and its precision, recall and cost."""

from dataclasses import dataclass

import numpy as np

from autowatch.evaluation.curves import thinned
from autowatch.evaluation.figures import Confusion, Costs, TradeOffPoint

_FOLDS = 5


def best_threshold(positive: np.ndarray, probability: np.ndarray, costs: Costs | None = None) -> float:
    """The threshold, strictly between 0 and 1, with the lowest cost or, without costs, the largest F1 on these rows.

    A row is called positive if its probability is at least the threshold. The threshold lies half-way between two
    probabilities that occur, so that differences in their last digits, as between hosts, move no row across it. Of
    equally good thresholds the highest wins: it raises the fewest alarms.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        probability: shape (n,), float: the predicted probability of the positive label; n is at least 1.
        costs: of each kind of mistake.
    """
    cuts = _Cuts.of(positive, probability)
    return float(cuts.threshold[np.argmax(-cuts.cost(costs) if costs else cuts.f1)])


def predict_without_own_row(
    positive: np.ndarray, probability: np.ndarray, costs: Costs | None = None
) -> np.ndarray:
    """Whether each row is called positive by a threshold chosen on other rows; shape (n,), bool.

    A threshold looks too good on the rows on which it was chosen. So the rows are dealt at random to five folds with
    the same share of positive rows, and each fold is judged by the best threshold of the other four (cross-fitting).
    Equal rows are always dealt the same way.

    Args:
        positive, probability, costs: as for `best_threshold`; n is at least 2.
    """
    fold = deal_to_folds(positive, _FOLDS)
    predicted = np.zeros(len(positive), bool)
    for each in range(_FOLDS):
        inside = fold == each
        threshold = best_threshold(positive[~inside], probability[~inside], costs)
        predicted[inside] = probability[inside] >= threshold
    return predicted


def deal_to_folds(group: np.ndarray, folds: int) -> np.ndarray:
    """The fold of each row, numbered from 0: random, and even within each group. Deterministic for equal rows.

    Args:
        group: shape (n,), of any type that can be sorted.
    """
    shuffled = np.random.default_rng(0).random(len(group))
    fold = np.empty(len(group), np.int64)
    fold[np.lexsort((shuffled, group))] = np.arange(len(group)) % folds
    return fold


def confusion(positive: np.ndarray, predicted: np.ndarray) -> Confusion:
    """Counts rows by true and predicted label, both of shape (n,), bool: whether it is the positive label."""
    hits, called, positives = (int(np.sum(rows)) for rows in (positive & predicted, predicted, positive))
    return Confusion(
        true_positives=hits,
        false_positives=called - hits,
        false_negatives=positives - hits,
        true_negatives=len(positive) - called - positives + hits,
    )


def trade_off_curve(
    positive: np.ndarray, probability: np.ndarray, costs: Costs | None = None
) -> tuple[TradeOffPoint, ...]:
    """The trade-off at each threshold on these rows, by ascending threshold, in at most 101 points.

    A threshold that calls no row positive has no precision, so it has no point.

    Args:
        positive, probability, costs: as for `best_threshold`.
    """
    cuts = _Cuts.of(positive, probability)
    cost = cuts.cost(costs) if costs else None
    places = np.flatnonzero(cuts.called)
    kept = thinned(places, cuts.recall[places] - cuts.threshold[places])
    return tuple(
        TradeOffPoint(
            threshold=float(cuts.threshold[place]),
            precision=float(cuts.hits[place] / cuts.called[place]),
            recall=float(cuts.recall[place]),
            f1=float(cuts.f1[place]),
            cost=None if cost is None else float(cost[place]),
        )
        for place in reversed(kept)
    )


@dataclass(frozen=True)
class _Cuts:
    """Every way in which a threshold can split some rows, by descending threshold.

    Attributes:
        threshold: shape (m,), float.
        called: shape (m,), int: how many rows are called positive.
        hits: shape (m,), int: how many of those are positive.
        positives, rows: the totals.
    """

    threshold: np.ndarray
    called: np.ndarray
    hits: np.ndarray
    positives: int
    rows: int

    @classmethod
    def of(cls, positive: np.ndarray, probability: np.ndarray) -> "_Cuts":
        order = np.argsort(-probability, kind="stable")
        falling = probability[order]
        ends = np.append(np.flatnonzero(np.diff(falling)), len(order) - 1)
        called = np.append(0, ends + 1)
        hits = np.append(0, np.cumsum(positive[order])[ends])
        above, below = np.append(1.0, falling[ends]), np.append(falling[ends], 0.0)
        middle = below + (above - below) / 2
        # Two neighbouring floats have no middle.
        threshold = np.where(middle > below, middle, above)
        possible = (threshold > 0) & (threshold < 1)
        return cls(threshold[possible], called[possible], hits[possible], int(positive.sum()), len(positive))

    @property
    def recall(self) -> np.ndarray:
        """Shape (m,), float."""
        return self.hits / max(1, self.positives)

    @property
    def f1(self) -> np.ndarray:
        """Shape (m,), float; 0 if no row is positive or called positive."""
        return 2 * self.hits / np.maximum(1, self.called + self.positives)

    def cost(self, costs: Costs) -> np.ndarray:
        """Shape (m,), float: the mean cost per row."""
        missed, false_alarms = self.positives - self.hits, self.called - self.hits
        return (costs.miss * missed + costs.alarm * false_alarms) / self.rows
