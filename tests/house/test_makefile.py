"""What `make` does with what it is told; nothing is run."""

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
def test_a_variable_that_nobody_reads_starts_nothing(given, sentence):
    done = make("train", given)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stdout == ""


def test_what_is_given_reaches_the_command_as_it_is():
    done = make("train", "KEY=training/new customers.csv", "STACK=bank")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith('-m autowatch_client train "$KEY"')


def test_a_variable_of_the_shell_is_no_variable_of_make():
    assert make("runs").returncode == 0
    done = subprocess.run(
        ["make", "--dry-run", "runs"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "key": "x"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
