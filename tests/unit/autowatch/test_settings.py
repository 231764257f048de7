import pytest

from autowatch.settings import InvalidSetting, whole_number


def test_a_whole_number_is_read():
    assert whole_number({"HOLDOUT_PERCENT": "20"}, "HOLDOUT_PERCENT") == 20


@pytest.mark.parametrize("text", ["12.5", "", "many"])
def test_anything_else_is_named(text):
    with pytest.raises(InvalidSetting, match="HOLDOUT_PERCENT is"):
        whole_number({"HOLDOUT_PERCENT": text}, "HOLDOUT_PERCENT")
