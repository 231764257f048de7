import pytest

from autowatch.column_survey import ColumnReader


def survey(*blocks, max_bytes=10_000_000):
    reader = ColumnReader("a", max_bytes)
    for block in blocks:
        reader.add(block)
    return reader.survey()


def test_a_column_of_numbers_has_its_missing_and_its_values_counted():
    column = survey(["1", "2.5", "", "NA"], ["1", "null", "-3e4"])
    assert (column.type, column.missing, column.distinct, column.distinct_is_exact) == ("numeric", 3, 3, True)


def test_one_text_at_the_very_end_makes_a_column_categorical_and_its_na_a_value():
    column = survey(["1", "NA", ""], ["2"], ["many"])
    assert (column.type, column.missing, column.distinct) == ("categorical", 1, 4)


@pytest.mark.parametrize(
    ("blocks", "constant"),
    [
        ([["x", "x"], ["x"]], True),
        ([["", ""]], True),
        ([["5", "5"]], True),
        ([["x", ""]], False),
        ([["NA", "5"]], False),
        ([["1", "2"]], False),
    ],
)
def test_a_column_is_constant_where_nothing_can_be_learnt_from_it(blocks, constant):
    assert survey(*blocks).is_constant is constant


def test_a_column_of_too_many_numbers_keeps_its_type_its_missing_and_its_ends():
    blocks = [[str(number) for number in range(start, start + 1000)] for start in range(0, 30_000, 1000)]
    blocks[3][7] = ""
    blocks.insert(2, ["-77.5", "1e9"])
    column = survey(*blocks, max_bytes=200_000)
    assert (column.type, column.missing, column.distinct_is_exact) == ("numeric", 1, False)
    assert column.distinct == pytest.approx(30_000, rel=0.2)
    assert {"-77.5", "1e9"} <= column.texts.keys()


def test_a_word_among_too_many_numbers_is_seen_although_it_is_not_remembered():
    blocks = [[str(number) for number in range(start, start + 1000)] for start in range(0, 30_000, 1000)]
    words = [[*blocks[-1], f"word {number}"] for number in range(3)]
    assert {survey(*blocks, word, max_bytes=200_000).type for word in words} == {"categorical"}
