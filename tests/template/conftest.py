import functools
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
    return _translated()["Resources"]


@pytest.fixture(scope="session")
def samconfig():
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.fixture(scope="session")
def translated():
    """What resolves the statements of the roles."""
    return _translated()


@functools.cache
def _translated():
    try:
        return translated_template()
    except InvalidDocumentException as error:
        pytest.fail(error.message)
