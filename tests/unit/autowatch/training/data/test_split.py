import random
from collections import Counter

import pytest

from autowatch.training.data.split import UnfitHoldout, choose_holdout

LABELS = ("no", "yes")


def draw(row_labels, seed="s", percent=20, by="random"):
    return choose_holdout(row_labels, LABELS, percent, by, seed)


def held(row_labels, in_holdout):
    return Counter(label for label, taken in zip(row_labels, in_holdout, strict=True) if taken)


@pytest.mark.parametrize(
    ("zeros", "ones", "percent"), [(400, 100, 20), (999, 21, 5), (251, 250, 50), (499, 1, 5)]
)
def test_a_draw_takes_exactly_the_share_of_each_class(zeros, ones, percent):
    row_labels = bytearray([0] * zeros + [1] * ones)
    random.Random(1).shuffle(row_labels)
    if ones == 1:
        with pytest.raises(UnfitHoldout, match="'yes' is among the rows to train on"):
            draw(row_labels, percent=percent)
        return
    taken = held(row_labels, draw(row_labels, percent=percent))
    assert taken == {0: zeros * percent // 100, 1: ones * percent // 100}


def test_a_draw_depends_on_the_seed_alone():
    row_labels = bytearray([0, 1, 0, 0]) * 100
    assert draw(row_labels, "a") == draw(row_labels, "a")
    assert draw(row_labels, "a") != draw(row_labels, "b")


def test_every_row_is_drawn_as_often_as_any_other():
    row_labels = bytearray([0] * 20 + [1] * 5)
    times = Counter(
        row for seed in range(3000) for row, taken in enumerate(draw(row_labels, str(seed))) if taken
    )
    # 600 expected of each, with a standard deviation of 22.
    assert len(times) == 25
    assert all(abs(count - 600) < 5 * 22 for count in times.values())


def test_the_newest_rows_are_the_last_ones_whatever_their_class():
    row_labels = bytearray([0, 1] * 10 + [0] * 3)
    assert draw(row_labels, by="newest", percent=30) == bytes([0] * 17 + [1] * 6)


@pytest.mark.parametrize(
    ("row_labels", "words"),
    [
        ([1] * 80 + [0] * 20, "'no' is among the rows to train on"),
        ([0] * 80 + [1] * 20, "'no' is among the newest rows, which are held out"),
        ([0, 1] * 40 + [0] * 20, "'yes' is among the newest rows"),
    ],
)
def test_the_newest_rows_are_refused_where_a_part_lacks_a_class(row_labels, words):
    with pytest.raises(UnfitHoldout, match=words) as caught:
        draw(bytearray(row_labels), by="newest")
    assert "HoldoutBy" in str(caught.value)
