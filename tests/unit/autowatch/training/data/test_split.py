import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract
from autowatch.records.holdout import HoldoutRule
from autowatch.training.data.split import (
    UnfitHoldout,
    choose_holdout,
    newest_trained_row,
    uneven_shares,
    unseen_rows,
)
from autowatch.training.data.survey import RowDigests

LABELS = ("no", "yes")
HEADER = ("age", "job", "y")
RULE = HoldoutRule("random", 20, ("age", "job"))
NEWEST = replace(RULE, by="newest")


def draw(rows, rule=RULE, header=HEADER):
    """Which of the rows are held out; the target stands last."""
    digests = digests_of(rows, rule, header=header)
    row_labels = bytearray(LABELS.index(row[-1]) for row in rows)
    return choose_holdout(row_labels, LABELS, rule, digests.of(rule))


def digests_of(rows, *rules, header=HEADER):
    digests = RowDigests(header, rules)
    digests.add(list(zip(*rows, strict=True)))
    return digests


def some_rows(number, seed=1):
    chance = random.Random(seed)
    return [
        (f"{chance.random():.6f}", f"j{chance.randrange(9)}", LABELS[chance.random() < 0.3])
        for _ in range(number)
    ]


def held(rows, rule=RULE, header=HEADER):
    return {row for row, taken in zip(rows, draw(rows, rule, header), strict=True) if taken}


CELLS = st.one_of(st.integers(-5, 5).map(str), st.sampled_from(["", "NA", "a", "ä", " a", "1e3", "x\x1f"]))
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS, st.sampled_from(LABELS)), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(
    rows=ROWS,
    more=ROWS,
    rule=st.sampled_from([RULE, replace(RULE, columns=("job",)), replace(RULE, percent=50)]),
    seed=st.integers(),
)
def test_membership_depends_on_neither_other_rows_nor_other_columns(rows, more, rule, seed):
    header = ("age", "job", "other", "y")

    def taken(rows, header=header):
        return [rule.takes(each) for each in digests_of(rows, rule, header=header).of(rule)]

    alone = taken(rows)
    assert taken(rows + more)[: len(rows)] == alone, "rows are added"
    assert taken(more + rows)[len(more) :] == alone, "rows are added in front"
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    assert taken([rows[place] for place in order]) == [alone[place] for place in order], "another order"
    assert taken(rows[::2]) == alone[::2], "rows are removed"
    assert taken([(a, b, "new", "yes") for a, b, _, _ in rows]) == alone, "other columns change"
    assert taken([(d, c, b, a) for a, b, c, d in rows], ("y", "other", "job", "age")) == alone, "columns move"


def test_a_number_counts_by_its_value_and_a_missing_value_as_nothing():
    alike = [("1", "", "no"), ("1.0", "NA", "no"), (" 1e0".strip(), "nan", "yes"), ("+1.00", "None", "no")]
    assert len(set(digests_of(alike, RULE).of(RULE))) == 1
    assert len(set(digests_of([("1", "a", "no"), ("1", "b", "no"), ("a", "1", "no")], RULE).of(RULE))) == 3
    assert len(set(digests_of([("0", "a", "no"), ("-0.0", " a ", "no")], RULE).of(RULE))) == 1


def test_the_digest_is_the_same_in_every_version():
    """A contract in a bucket names the rule; were its digests others by now, held-out rows would be trained on."""
    (digest,) = RULE.digests([["56"], ["housemaid"]])
    assert f"{digest:016x}" == "ba09f80a413233af"


@pytest.mark.parametrize("percent", [5, 20, 50])
def test_about_the_given_share_of_each_class_is_held_out(percent):
    rows = some_rows(20_000)
    rule = replace(RULE, percent=percent)
    taken = Counter(row[-1] for row, held_out in zip(rows, draw(rows, rule), strict=True) if held_out)
    whole = Counter(row[-1] for row in rows)
    for label in LABELS:
        assert binomtest(taken[label], whole[label], percent / 100).pvalue > 0.001
    assert uneven_shares(whole, taken, rule) == []


def test_a_larger_share_holds_out_the_same_rows_and_more():
    rows = some_rows(2_000)
    assert held(rows, replace(RULE, percent=10)) < held(rows, RULE)


def test_copies_are_on_one_side_with_any_label():
    rows = some_rows(500)
    copies = [(age, job, "no" if label == "yes" else "yes") for age, job, label in rows]
    flags = draw([*rows, *copies])
    assert flags[:500] == flags[500:]


@pytest.mark.parametrize(
    ("times", "rows", "percent"), [(0, 30, 20), (150, 1000, 20), (2_100, 10_000, 20), (9, 20, 5)]
)
def test_an_improbable_share_is_reported_as_by_scipy(times, rows, percent):
    rule = replace(RULE, percent=percent)
    expected = 2 * min(
        binomtest(times, rows, percent / 100, alternative=side).pvalue for side in ("less", "greater")
    )
    told = uneven_shares({"no": rows, "yes": 100_000}, {"no": times, "yes": 1_000 * percent}, rule)
    assert bool(told) == (expected < 0.001)
    if told:
        assert f"Of the {rows:,} rows with the label 'no' {times:,} are held out" in told[0]
        assert f"(p = {expected:.1g})" in told[0]
        assert "IdColumn" in told[0]
    assert uneven_shares({"no": rows}, {"no": times}, replace(rule, by="newest")) == []


def test_a_class_on_one_side_only_is_refused():
    rows = [("1", "a", "yes")] * 30 + some_rows(400)
    rows = [(age, job, "yes" if job == "a" else "no") for age, job, _ in rows]
    with pytest.raises(UnfitHoldout, match="No row with the label 'yes' is among the rows .*IdColumn"):
        draw(rows)


def test_the_newest_rows_are_the_last_ones_of_any_class():
    rows = [(str(n), "a", LABELS[n % 2]) for n in range(20)] + [("x", "b", "no")] * 3
    assert draw(rows, replace(NEWEST, percent=30)) == bytes([0] * 17 + [1] * 6)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1] * 80 + [0] * 20, "'no' is among the rows to train on"),
        ([0] * 80 + [1] * 20, "'no' is among the newest rows, which are held out"),
        ([0, 1] * 40 + [0] * 20, "'yes' is among the newest rows"),
    ],
)
def test_the_newest_rows_are_refused_if_a_part_lacks_a_class(labels, words):
    with pytest.raises(UnfitHoldout, match=words) as caught:
        draw([(str(n), "a", LABELS[label]) for n, label in enumerate(labels)], NEWEST)
    assert "HoldoutBy" in str(caught.value)


def champion_with(rule):
    training = ObjectVersion("t", None, "e", 1)
    return Contract("old", "y", LABELS, "yes", (), (), 1, 1, training, holdout=rule)


def unseen(rows, champions_rule, rule=RULE, header=HEADER):
    digests = digests_of(rows, rule, champions_rule, header=header)
    flags = draw(rows, rule, header)
    found = unseen_rows(champion_with(champions_rule), header, flags, digests)
    held_out = [row for row, taken in zip(rows, flags, strict=True) if taken]
    return found, [held_out[number - 1] for number in sorted(found.numbers())], held_out


def test_the_same_rule_keeps_every_held_out_row_from_the_champion():
    found, rows, held_out = unseen(some_rows(1_000), RULE)
    assert (found.champion, found.rows) == ("old", ((1, len(held_out)),))
    assert rows == held_out


def test_under_another_rule_the_rows_held_out_by_both_are_compared():
    rows = some_rows(5_000)
    by_age = replace(RULE, columns=("age",))
    _, compared, held_out = unseen(rows, by_age)
    assert set(compared) == held(rows, by_age) & held(rows)
    assert 0 < len(compared) < 0.3 * len(held_out)


def test_with_a_champion_split_by_time_only_newer_rows_are_compared():
    old, more = some_rows(1_000), some_rows(500, seed=2)
    flags = draw(old, NEWEST)
    assert list(flags) == [0] * 800 + [1] * 200
    known = replace(NEWEST, newest_row=newest_trained_row(flags, digests_of(old, NEWEST).of(NEWEST)))
    _, compared, held_out = unseen([*old, *more], known, NEWEST)
    assert compared == held_out == [*old, *more][1_200:]
    _, compared, held_out = unseen([*old, *more], known, RULE)
    assert compared == [row for row in held_out if row in {*old[800:], *more}]
    found, _, _ = unseen(more, known, NEWEST)
    assert (found.rows, found.unknown) == (None, "the newest row that it was trained on is not in the file")


def test_a_repeated_newest_row_counts_at_its_last_position():
    rows = some_rows(100)
    known = replace(NEWEST, newest_row=f"{digests_of(rows, NEWEST).of(NEWEST)[10]:016x}")
    _, compared, held_out = unseen([*rows, rows[10], *some_rows(5, seed=2)], known, NEWEST)
    assert (len(held_out), compared) == (21, held_out[-5:])


def test_without_the_champions_rule_or_columns_nothing_is_known():
    digests = digests_of(some_rows(10), RULE)
    found = unseen_rows(champion_with(None), HEADER, bytearray(10), digests)
    assert found.rows is None
    assert "did not record" in found.unknown
    lost = unseen_rows(champion_with(replace(RULE, columns=("customer",))), HEADER, bytearray(10), digests)
    assert (lost.rows, "'customer'" in lost.unknown) == (None, True)
