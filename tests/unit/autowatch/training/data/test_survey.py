import random

from autowatch.training.data.survey import DuplicateRows


def test_repeated_rows_are_counted_at_any_position():
    rows = [(str(number), "x") for number in range(5000)]
    repeated = [*rows, *rows[:40], *rows[:2], ("0", "y"), ("x", "0")]
    random.Random(1).shuffle(repeated)
    duplicates = DuplicateRows()
    duplicates.add(repeated[:3000])
    duplicates.add(repeated[3000:])
    assert duplicates.count() == 42


def test_no_rows_have_no_duplicates():
    assert DuplicateRows().count() == 0
