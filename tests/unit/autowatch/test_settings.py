from dataclasses import dataclass
from typing import Literal

import pytest

from autowatch.settings import InvalidSetting, Network, read_settings, resource_tags


@dataclass(frozen=True)
class Rules:
    minimum_auc: float
    stack: str


@dataclass(frozen=True)
class Settings:
    rules: Rules
    min_rows: int
    column_metrics: bool
    drop_columns: tuple[str, ...]
    mode: Literal["random", "time"]
    training_key: str = "none"


VARIABLES = {
    "MINIMUM_AUC": "0.6",
    "STACK_NAME": "bank",
    "MIN_ROWS": "20",
    "COLUMN_METRICS": "false",
    "DROP_COLUMNS": " a, b c ,,",
    "MODE": "time",
    "UNKNOWN": "1",
}


def test_every_field_is_read_as_its_type_and_nested_settings_share_the_variables():
    assert read_settings(Settings, VARIABLES) == Settings(Rules(0.6, "bank"), 20, False, ("a", "b c"), "time")


def test_the_default_environment_is_the_processs(monkeypatch):
    monkeypatch.setenv("MINIMUM_AUC", "0.7")
    monkeypatch.setenv("STACK_NAME", "s")
    assert read_settings(Rules) == Rules(0.7, "s")


@pytest.mark.parametrize(
    ("variable", "text", "wanted"),
    [
        ("MIN_ROWS", "12.5", "a whole number"),
        ("MIN_ROWS", "", "a whole number"),
        ("MINIMUM_AUC", "much", "a number"),
        ("MINIMUM_AUC", "nan", "a number"),
        ("COLUMN_METRICS", "perhaps", "true or false"),
        ("MODE", "other", "one of random, time"),
    ],
)
def test_an_unreadable_value_is_named_with_the_expected_type(variable, text, wanted):
    with pytest.raises(InvalidSetting, match=f"^{variable} is '{text}', not {wanted}"):
        read_settings(Settings, VARIABLES | {variable: text})


def test_a_missing_variable_is_named():
    with pytest.raises(InvalidSetting, match="STACK_NAME is not set"):
        read_settings(Settings, {name: text for name, text in VARIABLES.items() if name != "STACK_NAME"})


def test_the_users_tags_are_added_to_the_stacks_and_the_runs():
    assert resource_tags("bank", "") == {"autowatch:stack": "bank"}
    assert resource_tags("bank", "team=risk, cost-centre = 4=2 ,empty=", "r") == {
        "autowatch:stack": "bank",
        "autowatch:run": "r",
        "team": "risk",
        "cost-centre": "4=2",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["team", "=risk", "a=b,c"])
def test_a_tag_that_is_not_a_pair_is_refused(text):
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
    assert read_settings(Network, variables) == network
