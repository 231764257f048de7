"""The commands that `make` would run with its variables; nothing is run."""

import subprocess

import pytest

from tests.support.repository import ROOT


def make(*arguments):
    return subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("key=training/x.csv", "There is no variable key. Did you mean KEY?"),
        ("LIMITS=5", "There is no variable LIMITS. Did you mean LIMIT?"),
        ("SANDBOX_ARG=--empty", "There is no variable SANDBOX_ARG. Did you mean SANDBOX_ARGS?"),
        ("zzz=1", "There is no variable zzz. Did you mean one of PYTHON"),
    ],
)
def test_an_unknown_variable_starts_nothing(given, sentence):
    done = make("train", given)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""


def test_given_values_reach_the_command_unchanged():
    done = make("train", "KEY=training/new customers.csv", "STACK=bank")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith('-m autowatch_client train "$KEY"')


def test_a_shell_variable_is_not_a_make_variable():
    assert make("runs").returncode == 0
    done = subprocess.run(
        ["make", "--dry-run", "runs"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "key": "x"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0


@pytest.fixture
def audited(tmp_path):
    """`make audit` with a pip-audit that prints given output and ends with a given exit code."""
    for file in (".venv/.sandbox-ready", ".sandbox/envs/scan/.ready", ".sandbox/envs/scan/bin/pip-audit"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())

    def audit(output, code):
        program = tmp_path / ".sandbox/envs/scan/bin/pip-audit"
        program.write_text(f"#!/bin/sh\necho '{output}' >&2\nexit {code}\n")
        program.chmod(0o755)
        ready = [
            option
            for file in (".venv/.sandbox-ready", ".sandbox/envs/scan/.ready")
            for option in ("-o", file)
        ]
        return subprocess.run(
            ["make", *ready, "audit"],
            cwd=tmp_path,
            # Without the variables that tell make it runs inside another make.
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return audit


@pytest.mark.parametrize(
    ("output", "code", "failed"),
    [("No known vulnerabilities found", 0, False), ("Found 1 known vulnerability in 1 package", 1, True)],
)
def test_an_audit_reports_its_findings(audited, output, code, failed):
    done = audited(output, code)
    assert (done.stdout, done.returncode != 0) == (f"{output}\n", failed)


@pytest.mark.parametrize("code", [0, 1])
def test_an_audit_without_advisories_fails_with_the_reason(audited, code):
    done = audited("ERROR: Dependency not found", code)
    assert done.returncode != 0
    assert done.stdout == (
        "Not audited, since the advisories for some packages are unavailable: run make audit with access to them "
        "(ERROR: Dependency not found).\n"
    )
