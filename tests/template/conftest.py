import tomllib

import pytest
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.yaml_helper import yaml_parse

from tests.permissions.translated import translated_template
from tests.support.repository import ROOT


@pytest.fixture(scope="session")
def template():
    """The template as it is written, with intrinsic functions in their long form."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@pytest.fixture(scope="session")
def resources():
    """The resources that the SAM transform makes of it."""
    try:
        return translated_template()["Resources"]
    except InvalidDocumentException as error:
        pytest.fail(error.message)


@pytest.fixture(scope="session")
def samconfig():
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.fixture(scope="session")
def translated(template, resources):
    """What resolves the statements of the roles."""
    return {"Parameters": template["Parameters"], "Resources": resources}
