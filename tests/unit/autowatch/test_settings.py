import pytest

from autowatch.settings import InvalidSetting, Network, network_from_env, whole_number


def test_a_whole_number_is_read():
    assert whole_number({"HOLDOUT_PERCENT": "20"}, "HOLDOUT_PERCENT") == 20


@pytest.mark.parametrize("text", ["12.5", "", "many"])
def test_anything_else_is_named(text):
    with pytest.raises(InvalidSetting, match="HOLDOUT_PERCENT is"):
        whole_number({"HOLDOUT_PERCENT": text}, "HOLDOUT_PERCENT")


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
