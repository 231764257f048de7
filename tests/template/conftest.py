import tomllib

import pytest
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.support.repository import ROOT


class _NoManagedPolicies:
    """The translator asks it for the names of AWS's managed policies; the template uses none."""

    def load(self):
        return {}


@pytest.fixture(scope="session")
def template():
    """The template as it is written, with intrinsic functions in their long form."""
    return yaml_parse((ROOT / "template.yaml").read_text())


@pytest.fixture(scope="session")
def resources():
    """The resources that the SAM transform makes of it."""
    document = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in document["Resources"].values():
        properties = resource["Properties"]
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in properties or (
                name == "CodeUri" and resource["Type"].endswith("Serverless::Function")
            ):
                properties[name] = "s3://artefacts/package.zip"
    document["Globals"]["Function"].pop("CodeUri")
    try:
        return transform(document, {}, _NoManagedPolicies())["Resources"]
    except InvalidDocumentException as error:
        pytest.fail(error.message)


@pytest.fixture(scope="session")
def samconfig():
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.fixture(scope="session")
def translated(template, resources):
    """What resolves the statements of the roles."""
    return {"Parameters": template["Parameters"], "Resources": resources}
