"""A clone of the deployed files, and the real `sam`, against a sandbox and without a package index."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.install import environments
from tests.support.repository import ROOT
from tests.support.wheelhouse import build_wheelhouse

_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def clone(folder, *, without=()):
    """Copies the deployed files, `without` these packages of the analysis layer."""
    for name in ("src", "layers", "statemachine"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "samconfig.toml", folder)
    pins = folder / "layers" / "analysis" / "requirements.in"
    kept = [line for line in pins.read_text().splitlines() if not line.startswith(without)]
    pins.write_text("\n".join(kept))
    # `sam build` insists on the very Python that the functions will run on.
    template = (ROOT / "template.yaml").read_text().replace("python3.13", _PYTHON)
    (folder / "template.yaml").write_text(template)
    return folder


class Sam:
    """Runs `sam`, and other programs, in a project as a user of the sandbox would; keeps their output."""

    def __init__(self, sandbox, project, wheels, home):
        for layer in (project / "layers").iterdir():
            pins = (layer / "requirements.in").read_text()
            hashes = build_wheelhouse(environments().layer(layer.name), wheels, pins)
            (layer / "requirements.txt").write_text(hashes)
        self._project = project
        self._environment = {
            **{name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ},
            **sandbox.environment,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "SAM_CLI_TELEMETRY": "0",
            "AUTOWATCH_STACK": "autowatch",
        }
        self.transcript = []

    def __call__(self, *arguments, answer=""):
        """The output of `sam`, which must succeed."""
        return self.run("sam", [Path(sys.executable).with_name("sam")], *arguments, answer=answer)

    def autowatch(self, *arguments):
        """The output of `autowatch`, which must succeed."""
        return self.run("autowatch", [sys.executable, "-m", "autowatch_client"], *arguments, cwd=ROOT)

    def run(self, name, command, *arguments, answer="", cwd=None):
        """The output of a program, which must succeed; the transcript shows it as `name` and its arguments."""
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=cwd or self._project,
            env=self._environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        self.transcript.append(f"$ {' '.join([name, *map(str, arguments)])}\n{done.stdout}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
