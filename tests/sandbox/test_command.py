"""Starting and ending: from the terminal, after an error, and by SIGKILL."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.client import running_sandbox
from sandbox.errors import NotRunningError, StartError
from sandbox.events.mailbox import Mailbox
from sandbox.events.narrator import Narrator
from sandbox.install import REPOSITORY
from tests.support.repository import ROOT

pytestmark = pytest.mark.sandbox
STACK = ROOT / "tests" / "support" / "stack" / "template.yaml"


def command(*arguments, **options):
    return [sys.executable, "-m", "sandbox", *arguments], {"cwd": REPOSITORY, "text": True, **options}


def run(*arguments):
    line, options = command(*arguments, capture_output=True, timeout=60)
    return subprocess.run(line, **options)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_up_serves_until_it_is_stopped(tmp_path):
    stale = Mailbox(tmp_path / "mail").deliver("a@example.com", "b@example.com", "of an earlier stack", "")
    own = tmp_path / "logs" / "notes.txt"
    own.parent.mkdir()
    own.write_text("of somebody else")
    line, options = command("up", "--template", STACK, "--state-dir", tmp_path, "--parameter", "Number=7")
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        wait_for(lambda: (tmp_path / "env").exists() or process.poll() is not None)
        variables = subprocess.run(
            ["bash", "-c", f"source {tmp_path}/env && env"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
        assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in variables
        assert "S3_BUCKET=autowatch-123456789012-us-east-1" in variables
        assert "MACHINE_ARN=arn:aws:states:" in variables
        second = run("up", "--template", STACK, "--state-dir", tmp_path)
        assert second.returncode == 1
        assert "running here already: http://127.0.0.1:" in second.stderr
        assert (tmp_path / "env").exists()
        fired = run("fire", "Record", "--state-dir", tmp_path)
        assert fired.returncode == 0, fired.stderr
        assert "nobody" in run("fire", "nobody", "--state-dir", tmp_path).stderr
        assert f"Running work: .venv/bin/python -m sandbox status --state-dir {tmp_path}. " in fired.stdout
        status = run("status", "--state-dir", tmp_path).stdout
        assert re.search(r"^  RecordDaily +\d{4}-", status, re.MULTILINE)
        assert len(status.splitlines()) < 30
        assert not stale.exists()
        assert own.exists()
        assert "mailbox is empty" in run("mail", "--state-dir", tmp_path).stdout
        assert run("alarms", "--state-dir", tmp_path).stdout.startswith("INSUFFICIENT_DATA autowatch-Alarm-")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not (tmp_path / "env").exists()
    assert "No sandbox is running" in run("status", "--state-dir", tmp_path).stderr
    # Mails outlive the sandbox.
    Mailbox(tmp_path / "mail").deliver("a@example.com", "b@example.com", "Drift", "It moved: é.\n")
    assert "Drift\n\nIt moved: é.\n" in run("mail", "--state-dir", tmp_path).stdout
    assert "No sandbox is running" in run("mail", "--state-dir", tmp_path / "none").stderr


def test_a_taken_port_and_an_invalid_folder_are_reported_in_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("up", "--template", STACK, "--state-dir", tmp_path, "--port", port)
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
    assert "leave it out." in done.stderr
    (tmp_path / "file").touch()
    done = run("up", "--template", STACK, "--state-dir", tmp_path / "file" / "there")
    assert f"Nothing can be written into {tmp_path}/file/there" in done.stderr
    done = run("up", "--template", STACK, "--state-dir", tmp_path, "--parameter", "Nmber=7")
    assert "no parameter Nmber. Did you mean Number?" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_event_prints_a_line(tmp_path):
    lines = []
    mailbox = Mailbox(tmp_path)
    narrator = Narrator(mailbox, lines.append)
    documents = {
        "inference/a.csv": b"age\n1\n",
        "predictions/date=2026-11-23/a-0.manifest.json": {
            "input": {"key": "inference/a.csv"},
            "rows": {"in": 4003, "scored": 4000, "rejected": 3},
            "rejected_key": "rejected/date=2026-11-23/a-0.csv",
        },
        "predictions/date=2026-11-23/a-0.profile.json": {},
        "rejected/date=2026-11-23/b-0.error.json": {
            "input": {"key": "inference/b.csv"},
            "reason": "It is empty.",
        },
        "models/latest.json": {
            "run": "r",
            "status": "running",
            "trigger": "manual",
            "training": {"key": "training/x.csv"},
        },
        "models/q/run.json": {"what": "is this"},
        "models/r/run.json": {"run": "r", "status": "failed", "reason": "No column y."},
        "reports/date=2026-11-23/drift.json": {
            "date": "2026-11-23",
            "verdict": "drift",
            "rows": 4000,
            "drifted_columns": ["age"],
            "alerting": None,
        },
        "reports/date=2026-11-23/quality.json": {
            "date": "2026-11-23",
            "verdict": "good",
            "rows_labelled": 10,
            "rows_scored": 4000,
            "judged": {"measure": "auc", "figure": {"value": 0.75}, "gate": None},
            "metrics": {"auc": {"value": 0.75}},
            "alerting": None,
        },
    }
    for key, content in documents.items():
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        narrator.hear(key, lambda body=body: body)
    narrator.close()
    mailbox.deliver("a@example.com", "b@example.com", "Drift", "")
    Narrator(mailbox, lines.append).close()
    told = [re.sub(r"in \d\.\d s", "in T", line.split("  ", 1)[1]) for line in lines]
    assert told == [
        "inference/a.csv arrived (6 bytes)",
        "inference/a.csv: scored 4,000 of 4,003 rows in T; 3 rejected: rejected/date=2026-11-23/a-0.csv",
        "inference/b.csv was refused: It is empty.",
        "run r began (manual), on training/x.csv",
        "models/q/run.json was written",
        "run r failed: No column y.",
        "2026-11-23 judged: drift, 4,000 rows; age",
        "2026-11-23 measured: good, AUC 0.750, 10 of 4,000 rows have labels",
        "mail to b@example.com: Drift",
    ]


def test_the_functions_do_not_survive_the_server(tmp_path):
    with running_sandbox(STACK, {}, tmp_path) as sandbox:
        answer = sandbox.client("lambda").invoke(FunctionName=sandbox.functions["Echo"], Payload=b"{}")
        pid = int(answer["Payload"].read().split(b'"process": ')[1].split(b",")[0])
        assert is_running(pid)
        os.kill(sandbox.pid, signal.SIGKILL)
        wait_for(lambda: not is_running(pid), 10)
        with pytest.raises(NotRunningError):
            sandbox.status()


def broken(tmp_path, old, new):
    """A copy of the tests' stack with one change, in another folder."""
    folder = tmp_path / "stack"
    folder.mkdir()
    for item in STACK.parent.iterdir():
        (folder / item.name).symlink_to(item)
    (folder / "template.yaml").unlink()
    text = STACK.read_text()
    assert old in text
    (folder / "template.yaml").write_text(text.replace(old, new))
    return folder / "template.yaml"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "Type: AWS::SQS::QueuePolicy",
            "Type: AWS::Glue::Job",
            r"cannot create FailuresPolicy \(AWS::Glue::Job\)",
        ),
        ("      Threshold: 0\n", "      Threshold: 0\n      Treshold: 0\n", "Treshold"),
    ],
    ids=["unknown type", "unknown property"],
)
def test_an_unsupported_resource_fails_the_deployment(tmp_path, old, new, words):
    template = broken(tmp_path, old, new)
    with pytest.raises(StartError, match=words), running_sandbox(template, {}, tmp_path / "state"):
        pass
