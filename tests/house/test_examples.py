"""The code can read the examples in the documents: JSON, settings, commands."""

import json
import re

import jsonschema
import msgspec
import pytest
import typer

from autowatch.monitoring.drift.settings import parse_drift_settings
from autowatch.records.champion import Champion
from autowatch.records.contract import Contract
from autowatch.records.holdout import UnseenRows
from autowatch.records.manifest import Manifest
from autowatch.records.run import Run
from autowatch.records.smoke import SmokeTest
from autowatch.training.autopilot import Leaderboard
from autowatch.training.serving.model_record import ModelRecord
from autowatch_client.command.app import app
from tests.support.repository import ROOT

FORMATS = (ROOT / "docs" / "formats.md").read_text()
EXAMPLES = re.findall(r"^```json\n(.*?)^```", FORMATS, re.DOTALL | re.MULTILINE)
MONITORING = (ROOT / "docs" / "monitoring.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("domino/*.md")]
COMMANDS = typer.main.get_command(app).commands


def example(heading, number=0):
    """The nth JSON example under a heading with this beginning."""
    section = FORMATS.split(f"\n## {heading}")[1].split("\n## ")[0]
    return re.findall(r"^```json\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[number]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: " ".join(text.split())[:40])
def test_every_example_is_json(text):
    json.loads(text)


@pytest.mark.parametrize(
    ("heading", "number", "kind"),
    [
        ("models/&lt;run&gt;/contract.json", 0, Contract),
        ("models/&lt;run&gt;/unseen.json", 0, UnseenRows),
        ("models/champion.json", 0, Champion),
        ("…manifest.json", 0, Manifest),
        ("models/&lt;run&gt;/gate.json and smoke.json", 1, SmokeTest),
        ("models/&lt;run&gt;/model.json and leaderboard.json", 0, ModelRecord),
        ("models/&lt;run&gt;/model.json and leaderboard.json", 1, Leaderboard),
        ("models/latest.json and models/&lt;run&gt;/run.json", 0, Run),
    ],
)
def test_an_example_is_read_and_has_no_unknown_fields(heading, number, kind):
    text = example(heading, number)
    written = msgspec.to_builtins(msgspec.json.decode(text, type=kind))
    counts = {"counts"} if kind is Manifest else set()  # read separately, since a day has many manifests
    assert set(json.loads(text)) - counts <= set(written)


def test_the_example_of_the_event_fits_its_schema():
    schema = json.loads((ROOT / "docs" / "drift-detected.schema.json").read_text())
    jsonschema.validate(json.loads(example("The event DriftDetected")), schema)


def test_the_shown_settings_are_the_defaults_except_for_a_column():
    shown = re.search(r"^```yaml\n(.*?)^```", MONITORING, re.DOTALL | re.MULTILINE)[1]
    without_columns = re.sub(r"^columns:\n(  .*\n)+", "", shown, flags=re.MULTILINE)
    assert without_columns != shown
    assert parse_drift_settings(without_columns.encode(), 500) == parse_drift_settings(b"", 500)
    assert parse_drift_settings(shown.encode(), 500) != parse_drift_settings(b"", 500)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_a_command_exists(page):
    unknown = []
    for line in re.findall(
        r"(?:`|^\$ |^    |^)(autowatch [a-z]+ [^`\n#]*--[^`\n#]*)", page.read_text(), re.MULTILINE
    ):
        words = line.split()
        options = {option for parameter in COMMANDS[words[1]].params for option in parameter.opts}
        unknown += [
            f"{line}: {word}"
            for word in words[2:]
            if word.startswith("--") and word.split("=")[0] not in options
        ]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|^    )make ([a-z]+(?:-[a-z]+)*)", page.read_text(), re.MULTILINE))
    assert named <= targets
