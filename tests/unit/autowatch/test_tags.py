import pytest

from autowatch.settings import InvalidSetting
from autowatch.tags import resource_tags


def test_the_users_tags_stand_beside_the_stacks_and_the_runs():
    assert resource_tags("bank", "") == {"autowatch:stack": "bank"}
    assert resource_tags("bank", "team=risk, cost-centre = 4=2 ,empty=", "r") == {
        "autowatch:stack": "bank",
        "autowatch:run": "r",
        "team": "risk",
        "cost-centre": "4=2",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["team", "=risk", "a=b,c"])
def test_what_is_no_pair_is_refused(text):
    with pytest.raises(InvalidSetting, match="key=value"):
        resource_tags("bank", text)
