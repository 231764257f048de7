import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.raw_fields import split_fields
from autowatch.raw_texts import TextTable

# At most four bytes a character, and 32 a text: longer ones are not in the table.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=',\n\r"\0'), max_size=8)


def find(known, texts):
    column = split_fields("".join(f"x,{text}\n" for text in texts), ",", 2).column(1)
    return TextTable(known).find(column).tolist()


@settings(deadline=None)
@given(st.lists(TEXTS, unique=True, min_size=1, max_size=60), st.lists(TEXTS, min_size=1, max_size=30))
def test_known_texts_are_found_and_others_are_not(known, others):
    texts = [*known, *others]

    assert find(known, texts) == [known.index(text) if text in known else len(known) for text in texts]


@pytest.mark.parametrize("known", [1, 2, 21, 1_020])
def test_any_number_of_texts_can_be_known(known):
    names = [f"known category {number}" for number in range(known)]

    assert find(names, [*names, "known category -1"]) == list(range(known + 1))


def test_texts_that_differ_in_one_byte_alone_are_told_apart():
    known = ["a", "b", "aa", "university.degree", "university.degref", "vniversity.degree"]

    assert find(known, [*known, "universitz.degree", "ab", ""]) == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_texts_too_long_for_the_table_are_not_found_and_it_says_so():
    long = "x" * 33

    assert find(["a", long], [long, "a", "x" * 32]) == [2, 0, 2]
    assert not TextTable(["a", long]).is_complete
    assert TextTable(["a", "x" * 32]).is_complete


@pytest.mark.parametrize("known", [[], ["x" * 33], ["x" * 33, "y" * 40]])
def test_a_table_may_have_nothing_to_find(known):
    assert find(known, ["a", "x" * 33, ""]) == [len(known)] * 3


def test_texts_with_a_nul_do_not_stand_in_the_way_of_others():
    assert find(["\0a", "a"], ["a"]) == [1]
