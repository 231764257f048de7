"""The template after the SAM transform, with placeholders for its artefacts."""

from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.support.repository import ROOT


class _NoManagedPolicies:
    """The translator asks it for the names of AWS's managed policies; the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def translated_template() -> dict[str, Any]:
    """Parameters and resources; InvalidDocumentException where the template is not valid SAM."""
    document = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in document["Resources"].values():
        properties = resource["Properties"]
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in properties or (
                name == "CodeUri" and resource["Type"].endswith("Serverless::Function")
            ):
                properties[name] = "s3://artefacts/package.zip"
    document["Globals"]["Function"].pop("CodeUri")
    return dict(transform(document, {}, _NoManagedPolicies()))
