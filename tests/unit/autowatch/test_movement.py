import pytest

from autowatch.movement import BinShare, what_moved


def test_what_gained_and_what_lost_most_is_named():
    bins = [BinShare("a", 0.5, 0.1), BinShare("b", 0.3, 0.3), BinShare("c", 0.2, 0.6)]

    assert what_moved(bins) == "rose: “c” 20% → 60%; fell: “a” 50% → 10%"


def test_at_most_two_bins_are_named_each_way():
    bins = [
        BinShare(str(number), 0.2, share) for number, share in enumerate([0.5, 0.3, 0.21, 0.1, 0.0, 0.19])
    ]

    assert what_moved(bins) == "rose: “0” 20% → 50%, “1” 20% → 30%; fell: “4” 20% → 0%, “3” 20% → 10%"


@pytest.mark.parametrize(
    "bins", [[], [BinShare("a", 0.5, 0.5)], [BinShare("a", 0.5, 0.504), BinShare("b", 0.5, 0.496)]]
)
def test_what_hardly_moved_is_not_told(bins):
    assert what_moved(bins) == ""
