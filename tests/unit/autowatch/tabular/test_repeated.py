import random
from collections import Counter

import pytest

from autowatch.tabular.repeated import RepeatedRows


def test_repeated_rows_are_counted_exactly_while_they_fit_and_estimated_beyond():
    chance = random.Random(3)
    hashes = [hash((chance.random(),)) for _ in range(30_000)]
    rows = [each for each in hashes for _ in range(chance.choice((1, 1, 1, 4)))]
    truth = len(rows) - len(hashes)
    exact, sampled = RepeatedRows(10**6), RepeatedRows(2_000)
    for begin in range(0, len(rows), 999):
        exact.add(rows[begin : begin + 999])
        sampled.add(rows[begin : begin + 999])
    assert (
        (exact.count(), exact.is_exact) == (truth, True) == (sum(Counter(rows).values()) - len(hashes), True)
    )
    assert not sampled.is_exact
    assert sampled.count() == pytest.approx(truth, rel=0.2)
