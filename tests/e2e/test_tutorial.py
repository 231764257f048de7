"""Runs docs/tutorial.md from top to bottom in its own clone, and compares the output with the page. After an intended
change, AUTOWATCH_RENEW_TUTORIAL=1 writes the output into the page.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from autowatch_client.proposal import read_overrides
from tests.support.repository import ROOT

pytestmark = pytest.mark.sandbox
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FOLDERS = ("autowatch_client", "sandbox", "src", "statemachine", "layers", "requirements")
# The parts of the output that differ between runs or machines.
CHANGING = (
    (r"\b20\d{6}-\d{6}-[0-9a-f]{4}\b", "RUN"),
    (r"(?<!\d)20\d\d-\d\d-\d\d(T[\d:]+Z)?", "DATE"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"execution:\S+", "execution:NAME"),
    (r"\barn:aws:states:\S+", "ARN"),
    (r"file://\S+/autowatch-report", "file:///…/autowatch-report"),
    (r"Wrote into \S+/samconfig", "Wrote into …/samconfig"),
    (r"-[0-9A-F]{16}-|-[0-9A-Z]{12}\b", "-SUFFIX"),
    (r"\b\d+\.\d+ s\b", "T s"),
    (r"[+-]?\b[01]\.\d{3,4}\b", "FIGURE"),
    (r"(?m) \d+\.\d$", " SECONDS"),
    (
        r"\b(WeightedEnsemble-L2|LinearModel|CatBoost|LightGBM(XT)?|XGBoost|RandomForest|ExtraTrees)\b",
        "CANDIDATE",
    ),
    (r" +", " "),
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The files that a clone has, and the environments that `make install` makes."""
    clone = tmp_path_factory.mktemp("clone")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("template.yaml", "samconfig.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, clone / name)
    (clone / ".sandbox").mkdir()
    (clone / ".sandbox" / "envs").symlink_to(ROOT / ".sandbox" / "envs")
    return clone


def environment(clone):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUTOWATCH_"))}
    return kept | {"PYTHONPATH": str(clone), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def autowatch(clone, line):
    words = shlex.split(line)
    assert words.pop(0) == "autowatch"
    done = subprocess.run(
        [sys.executable, "-m", "autowatch_client", *words],
        cwd=clone,
        env=environment(clone),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "Traceback" not in done.stderr
    # The stack's name and progress are on standard error, as is a refusal, which the page shows.
    refusal = done.stderr.splitlines()[-1] + "\n" if done.returncode in (1, 2) else ""
    return done.stdout + refusal


@pytest.fixture(scope="module")
def up(clone):
    """Runs `autowatch up` where the page does, and returns the printed lines."""
    started = []

    def start():
        parameters = [
            f"--parameter={name}={value}" for name, value in read_overrides(clone / "samconfig.toml").items()
        ]
        log = (clone / "sandbox.log").open("w")
        command = [sys.executable, "-m", "sandbox", "up", *parameters]
        process = subprocess.Popen(
            command, cwd=clone, env=environment(clone), stdout=log, stderr=subprocess.STDOUT
        )
        started.append(process)
        deadline = time.monotonic() + 120
        while not (clone / ".sandbox" / "env").exists():
            assert process.poll() is None, (clone / "sandbox.log").read_text()
            assert time.monotonic() < deadline, "the sandbox did not come up in time"
            time.sleep(0.1)

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def plain(text):
    for pattern, name in CHANGING:
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.timeout(600)
def test_every_command_prints_the_output_on_the_page(clone, up):
    text = PAGE.read_text()
    renewed, outputs, first_run = text, [], ""
    for block in BLOCK.finditer(text):
        if text.index("autowatch up\n") < block.start() and not outputs_began(clone):
            up()
        said = []
        for line in re.findall(r"^\$ (.*)$", block[1], re.MULTILINE):
            printed = autowatch(clone, line.replace("FIRST_RUN", first_run))
            run = re.search(r"Run (\S+) was released", printed)
            first_run = first_run or (run[1] if run else "")
            said.append(f"$ {line}\n{printed.rstrip()}\n")
        outputs.append("".join(said))
        renewed = renewed.replace(block[0], f"```console\n{outputs[-1]}```", 1)
    if os.environ.get("AUTOWATCH_RENEW_TUTORIAL"):
        renewed = "\n".join(line.rstrip() for line in renewed.splitlines()) + "\n"
        PAGE.write_text(renewed.replace(str(clone), "/home/you/autowatch"))
    written = [plain(block) for block in BLOCK.findall(text)]
    assert [plain(output) for output in outputs] == written
    assert (clone / "telco-june.predictions.csv").read_text().startswith("customerID,gender,")
    assert_the_sandbox_told(clone)


def outputs_began(clone):
    return (clone / "sandbox.log").exists()


def assert_the_sandbox_told(clone):
    """The terminal of `autowatch up` prints a line for each event."""
    told = (clone / "sandbox.log").read_text()
    for sentence in (
        "In another terminal, in this order:",
        "a CSV with the column Churn to predict",
        "training/telco.csv arrived (",
        "was released: AUC",
        "inference/telco-june.csv: scored 1,500 of 1,500 rows in",
        "judged: no drift, 1,500 rows",
        "measured: good, AUC 0.8",
        "mail to you@example.com: ",
    ):
        assert sentence in told, told
