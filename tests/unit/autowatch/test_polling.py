import pytest

from autowatch.polling import next_wait


@pytest.mark.parametrize(
    ("elapsed", "shortest", "wait"), [(0, 1, 1), (0, 30, 30), (100, 1, 1), (3000, 30, 30), (86400, 1, 864)]
)
def test_waits_grow_with_the_time_gone_by(elapsed, shortest, wait):
    assert next_wait(elapsed, shortest) == wait
