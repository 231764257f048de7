from importlib import metadata

from packaging.requirements import Requirement

from tests.support.repository import ROOT

# The packages of Lambda's Python runtime.
RUNTIME = {"boto3", "botocore"}


def test_the_core_layer_which_is_built_without_dependencies_pins_all_of_them():
    lines = (ROOT / "layers" / "core" / "requirements.in").read_text().splitlines()
    pinned = {name(line) for line in lines}
    wanted = {
        name(line)
        for package in pinned
        for line in metadata.requires(package) or []
        if (marker := Requirement(line).marker) is None
        or marker.evaluate({"extra": "", "python_version": "3.13"})
    }
    assert wanted - pinned <= RUNTIME
    assert not pinned & RUNTIME


def name(line):
    return Requirement(line).name.lower().replace("_", "-")
