"""The layers ship exactly what their requirements name, each package in one version."""

import re
from importlib.metadata import distributions

import pytest

from sandbox.install import environments
from tests.support.repository import ROOT


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("layer", sorted(folder.name for folder in (ROOT / "layers").iterdir()))
def test_every_package_of_a_layer_is_pinned(layer):
    lines = (ROOT / "layers" / layer / "requirements.txt").read_text().split()
    pinned = {normalised(name): version for name, _, version in (line.partition("==") for line in lines)}
    found = distributions(path=[str(environments(ROOT).layer(layer))])
    assert {normalised(each.name): each.version for each in found} == pinned
