"""The layers contain what their requirements name, each package in one version and with hashes."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from sandbox.install import environments
from tests.support.repository import ROOT
from tests.support.wheelhouse import build_wheelhouse

LAYERS = sorted(folder.name for folder in (ROOT / "layers").iterdir())


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(layer):
    return (ROOT / "layers" / layer / "requirements.in").read_text().splitlines()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_package_of_a_layer_is_pinned(layer):
    pinned = {
        normalised(name): version for name, _, version in (line.partition("==") for line in pins(layer))
    }
    found = distributions(path=[str(environments(ROOT).layer(layer))])
    assert {normalised(each.name): each.version for each in found} == pinned


@pytest.mark.parametrize("layer", LAYERS)
def test_every_package_of_a_layer_has_the_hashes_of_its_wheels(layer):
    """One of a wheel for every machine, or several; `make pins` writes them."""
    comment, *lines = (
        (ROOT / "layers" / layer / "requirements.txt").read_text().replace(" \\\n", "").splitlines()
    )
    assert comment.startswith("#")
    assert [line.split()[0] for line in lines] == pins(layer)
    compiled = {
        normalised(each.name)
        for each in distributions(path=[str(environments(ROOT).layer(layer))])
        if "Root-Is-Purelib: false" in each.read_text("WHEEL")
    }
    for line in lines:
        pin, *hashes = line.split()
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), pin
        # A compiled wheel is for one processor.
        assert (
            len(set(hashes)) == len(hashes) >= (2 if normalised(pin.partition("==")[0]) in compiled else 1)
        ), pin


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_built_of_no_other_wheels(layer, tmp_path):
    """By the recipe that `sam build` calls, with wheels that need no compiler."""
    wheels, folder = tmp_path / "wheels", tmp_path / "layer"
    wheels.mkdir()
    folder.mkdir()
    shutil.copy(ROOT / "layers" / layer / "Makefile", folder)
    names = [pin for pin in pins("core") if pin.startswith(("idna==", "certifi=="))]
    hashed = build_wheelhouse(environments(ROOT).layer("core"), wheels, "\n".join(names))

    def build(requirements):
        (folder / "requirements.txt").write_text(requirements)
        return subprocess.run(
            ["make", "--silent", f"build-{layer.capitalize()}Layer", f"ARTIFACTS_DIR={tmp_path / 'built'}"],
            cwd=folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": os.environ["HOME"],
                "PIP_CONFIG_FILE": os.devnull,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(wheels),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert build(hashed).returncode == 0
    assert (tmp_path / "built" / "python" / "idna").is_dir()
    assert "Hashes are required" in build("\n".join(names)).stderr
    with zipfile.ZipFile(next(wheels.glob("idna-*")), "a") as wheel:
        wheel.writestr("idna/implant.py", "")
    altered = build(hashed)
    assert altered.returncode != 0
    assert "DO NOT MATCH THE HASHES" in altered.stderr
