import pytest

from autowatch.settings import InvalidSetting, Network, network_from_env, resource_tags, whole_number


def test_a_whole_number_is_read():
    assert whole_number({"HOLDOUT_PERCENT": "20"}, "HOLDOUT_PERCENT") == 20


@pytest.mark.parametrize("text", ["12.5", "", "many"])
def test_anything_else_is_named(text):
    with pytest.raises(InvalidSetting, match="HOLDOUT_PERCENT is"):
        whole_number({"HOLDOUT_PERCENT": text}, "HOLDOUT_PERCENT")


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


@pytest.mark.parametrize(
    ("subnets", "groups", "isolation", "network"),
    [
        ("", "", "false", Network()),
        ("subnet-1,subnet-2", "sg-1", "true", Network(("subnet-1", "subnet-2"), ("sg-1",), isolated=True)),
    ],
)
def test_the_network_is_read(subnets, groups, isolation, network):
    variables = {"SUBNET_IDS": subnets, "SECURITY_GROUP_IDS": groups, "NETWORK_ISOLATION": isolation}
    assert network_from_env(variables) == network
