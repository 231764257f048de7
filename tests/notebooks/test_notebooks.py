"""Each notebook runs from top to bottom against a sandbox, in the environment that `make notebooks` installs.

`make notebook-test` runs these; they are not among the tests of `make test`, since that environment is about 1 GB.
"""

import base64
import json
import os
import subprocess

import pytest

from sandbox.client import running_sandbox
from sandbox.demo.synthetic import write_bank_marketing
from sandbox.install import environments
from tests.support.repository import ROOT

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(900)]
NOTEBOOKS = ROOT / "notebooks"
PNG = b"\x89PNG\r\n\x1a\n"
# A picture that shows nothing compresses to less.
LEAST_PICTURE_BYTES = 5_000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    parameters = {"MinimumAuc": "0.5", "PollSeconds": "1"}
    with running_sandbox(parameters=parameters, state_dir=tmp_path_factory.mktemp("notebooks")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The real file where BANK_MARKETING_CSV names it, else generated rows."""
    if given := os.environ.get("BANK_MARKETING_CSV"):
        return os.path.abspath(given)
    path = tmp_path_factory.mktemp("data") / "bank.csv"
    write_bank_marketing(path)
    return str(path)


@pytest.fixture
def run(sandbox, data, tmp_path):
    def run(name):
        out = tmp_path / f"{name}.ipynb"
        done = subprocess.run(
            [
                environments().root / "notebooks/bin/python",
                NOTEBOOKS / "run.py",
                NOTEBOOKS / f"{name}.ipynb",
                out,
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "BANK_MARKETING_CSV": data,
                **sandbox.environment,
            },
            capture_output=True,
            text=True,
            timeout=840,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return Outputs(json.loads(out.read_text()))

    return run


class Outputs:
    """What a notebook's cells have put out."""

    def __init__(self, notebook):
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
        self.texts = [
            "".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs
        ]
        self.text = "\n".join(self.texts)
        self.pictures = [
            base64.b64decode(output["data"]["image/png"])
            for output in outputs
            if "image/png" in output.get("data", {})
        ]
        self.pages = [
            "".join(output["data"]["text/html"])
            for output in outputs
            if "text/html" in output.get("data", {})
        ]


def assert_pictures(outputs, count):
    assert len(outputs.pictures) == count
    for picture in outputs.pictures:
        assert picture.startswith(PNG)
        assert len(picture) > LEAST_PICTURE_BYTES


def test_customer_churn_goes_from_the_file_to_labels(run):
    outputs = run("customer_churn")
    assert "released - AUC 0." in outputs.text
    assert "2,000 of 2,000 rows in " in outputs.text
    assert ": drift, 4,000 rows" in outputs.text
    assert "2,000 labels taken in, 0 rejected" in outputs.text
    assert "delete the CloudFormation stack autowatch" in outputs.text
    assert any("<iframe" in page and "euribor3m" in page for page in outputs.pages)
    assert_pictures(outputs, 2)


def test_autopilot_only_does_without_the_stacks_machines(run, sandbox):
    outputs = run("autopilot_only")
    assert "Completed\nbest: " in outputs.text
    assert "InService" in outputs.text
    assert "1,000 customers scored, AUC 0." in outputs.text
    assert "Removed the endpoint, its config, the model and" in outputs.text
    assert_pictures(outputs, 1)
    left = sandbox.client("sagemaker").list_models(NameContains="bank-")["Models"]
    assert left == []


def test_drift_lab_shows_how_the_verdict_is_reached(run):
    outputs = run("drift_lab")
    assert "41,188 rows, 19 columns; p < 0.001" in outputs.text
    (table,) = [text for text in outputs.texts if text.lstrip().startswith("false alarms")]
    alone, corrected, verdict = (int(line.split()[-2]) for line in table.splitlines()[1:])
    assert alone > corrected >= verdict
    assert "nr.employed     drift" in outputs.text
    assert_pictures(outputs, 3)
