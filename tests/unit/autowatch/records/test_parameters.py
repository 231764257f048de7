"""Parameters that do not apply to a problem type, against the template's own defaults."""

import pytest

from autowatch.records.parameters import PARAMETERS, check_parameters
from autowatch.settings import InvalidSetting
from sandbox.deployment.template import read_template
from tests.support.repository import ROOT


def test_every_default_equals_the_templates():
    declared = read_template(ROOT / "template.yaml")["Parameters"]
    found = {name: str(declared[name].get("Default", "")) for name in PARAMETERS}
    assert found == {name: parameter.default for name, parameter in PARAMETERS.items()}


@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_defaults_fit_every_type_in_any_number_format(problem_type):
    defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
    check_parameters(problem_type, defaults)
    check_parameters(
        problem_type, defaults | {"MinimumAuc": "0.60", "MinimumR2": "0.0", "MaxErrorRisePercent": "20.0"}
    )


@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    "name", ["MinimumAuc", "MinimumMacroF1", "MinimumR2", "MaxAucDrop", "MaxErrorRisePercent"]
)
def test_a_parameter_of_another_type_is_rejected_with_the_right_one(problem_type, name):
    if problem_type in PARAMETERS[name].types:
        check_parameters(problem_type, {name: "0.4"})
        return
    with pytest.raises(InvalidSetting, match=rf"{name} is '0.4', but the target holds .* Set M"):
        check_parameters(problem_type, {name: "0.4"})
