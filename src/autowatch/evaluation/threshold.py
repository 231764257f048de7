"""From which probability on a row is called positive, and what that means for precision, recall and cost."""

from dataclasses import dataclass

import numpy as np

from autowatch.evaluation.curves import thinned
from autowatch.evaluation.figures import Confusion, Costs, TradeOffPoint

_FOLDS = 5


def best_threshold(positive: np.ndarray, probability: np.ndarray, costs: Costs | None = None) -> float:
    """The threshold, strictly between 0 and 1, with the least cost, or without costs the largest F1, on these rows.

    A row is called positive when its probability is not below the threshold. The threshold lies half-way between two
    probabilities that occur, so that a difference in their last digits, as from host to host, moves no row across it.
    Of several thresholds as good the highest is taken: it raises the fewest alarms.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        probability: shape (n,), float: the predicted probability of the positive label; n is at least 1.
        costs: of a mistake of each kind.
    """
    cuts = _Cuts.of(positive, probability)
    return float(cuts.threshold[np.argmax(-cuts.cost(costs) if costs else cuts.f1)])


def predict_without_own_row(
    positive: np.ndarray, probability: np.ndarray, costs: Costs | None = None
) -> np.ndarray:
    """Whether each row is called positive by a threshold that was chosen on other rows; shape (n,), bool.

    On the rows that it was chosen on, a threshold looks better than it is. So the rows are dealt at random to five
    folds with the same share of positive rows, and each fold is judged by the best threshold of the other four
    (cross-fitting). The same rows are always dealt in the same way.

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
    """The fold of each row, from 0: dealt at random, and each group's rows evenly. The same rows are dealt alike.

    Args:
        group: shape (n,), of any type that can be sorted.
    """
    shuffled = np.random.default_rng(0).random(len(group))
    fold = np.empty(len(group), np.int64)
    fold[np.lexsort((shuffled, group))] = np.arange(len(group)) % folds
    return fold


def confusion(positive: np.ndarray, predicted: np.ndarray) -> Confusion:
    """Counts rows by their true and their predicted label, both of shape (n,), bool: whether it is the positive one."""
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
    """What a threshold would mean on these rows, by rising threshold, in at most 101 points.

    A threshold that calls no row positive has no precision, and so no point here.

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
    """Every way in which a threshold can part some rows, by falling threshold.

    Attributes:
        threshold: shape (m,), float.
        called: shape (m,), int: how many rows are called positive.
        hits: shape (m,), int: how many of those are positive.
        positives, rows: how many there are in all.
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
        # Between two neighbouring floats there is none.
        threshold = np.where(middle > below, middle, above)
        possible = (threshold > 0) & (threshold < 1)
        return cls(threshold[possible], called[possible], hits[possible], int(positive.sum()), len(positive))

    @property
    def recall(self) -> np.ndarray:
        """Shape (m,), float."""
        return self.hits / max(1, self.positives)

    @property
    def f1(self) -> np.ndarray:
        """Shape (m,), float; 0 where nothing is positive or called so."""
        return 2 * self.hits / np.maximum(1, self.called + self.positives)

    def cost(self, costs: Costs) -> np.ndarray:
        """Shape (m,), float: the mean cost of a row."""
        missed, false_alarms = self.positives - self.hits, self.called - self.hits
        return (costs.miss * missed + costs.alarm * false_alarms) / self.rows
