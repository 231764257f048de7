import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.tabular.raw.fields import split_fields
from autowatch.tabular.raw.texts import TextTable

# At most four bytes a character, and 32 a text: longer ones are not in the table.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=',\n\r"\0'), max_size=8)


def count(known, texts):
    column = split_fields("".join(f"x,{text}\n" for text in texts).encode(), ",", 2).column(1)
    counts, others = TextTable(known).count(column)
    return counts.tolist(), others.tolist()


@settings(deadline=None)
@given(st.lists(TEXTS, unique=True, min_size=1, max_size=60), st.lists(TEXTS, min_size=1, max_size=30))
def test_known_texts_are_counted_and_others_are_not(known, others):
    texts = [*known, *others]

    assert count(known, texts) == (
        [texts.count(text) for text in known],
        [row for row, text in enumerate(texts) if text not in known],
    )


@pytest.mark.parametrize("known", [1, 2, 21, 1_020])
def test_any_number_of_texts_can_be_known(known):
    names = [f"known category {number}" for number in range(known)]

    assert count(names, [*names, "known category -1"]) == ([1] * known, [known])


def test_texts_that_differ_in_one_byte_alone_are_told_apart():
    known = ["a", "b", "aa", "university.degree", "university.degref", "vniversity.degree"]

    assert count(known, [*known, "universitz.degree", "ab", ""]) == ([1] * 6, [6, 7, 8])


@pytest.mark.parametrize("place", range(8))
def test_texts_that_differ_in_any_of_their_characters_are_told_apart(place):
    known = [
        "x" * place + chr(letter) + "x" * (7 - place) for letter in range(33, 127) if letter not in b',"'
    ]

    assert count(known, known) == ([1] * len(known), [])


def test_a_longer_text_with_a_known_end_is_another():
    assert count(["12345678"], ["012345678", "12345678"]) == ([1], [0])


def test_texts_too_long_for_the_table_are_not_found_and_it_says_so():
    long = "x" * 33

    assert count(["a", long], [long, "a", "x" * 32]) == ([1, 0], [0, 2])
    assert not TextTable(["a", long]).is_complete
    assert TextTable(["a", "x" * 32]).is_complete


@pytest.mark.parametrize("known", [[], ["x" * 33], ["x" * 33, "y" * 40]])
def test_a_table_may_have_nothing_to_find(known):
    assert count(known, ["a", "x" * 33, ""]) == ([0] * len(known), [0, 1, 2])


def test_texts_with_a_nul_do_not_stand_in_the_way_of_others():
    assert count(["\0a", "a"], ["a"]) == ([0, 1], [])


def test_a_text_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="Give each of them once"):
        TextTable(["admin.", "student", "admin."])
