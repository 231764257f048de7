"""Installs the sandbox's dependencies, beside the virtual environment of `make`.

Below `.sandbox/envs/<python version>/`:

- `runtime`: the packages of Lambda's Python runtime (`requirements/lambda-runtime.txt`);
- `layers/<name>/python`: each layer of `layers/`, as Lambda unpacks it below `/opt`;
- `model`: the virtual environment that trains and serves models (`requirements/model.txt`).

Each folder has a stamp with the digest of its requirements file: a second call does nothing, and a changed file
reinstalls only its own folder.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STAMP = ".requirements.sha256"
INSTALL_TIMEOUT_SECONDS = 1800
PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location")


class InstallationError(Exception):
    """An environment could not be installed; the message carries pip's own error."""


@dataclass(frozen=True)
class Environments:
    """The folders of the installed environments."""

    root: Path

    @property
    def runtime(self) -> Path:
        """The packages that Lambda's own runtime brings along."""
        return self.root / "runtime"

    @property
    def model_python(self) -> Path:
        """The interpreter that trains and serves models."""
        return self.root / "model" / "bin" / "python"

    def layer(self, name: str) -> Path:
        """The `python` folder of the layer whose requirements are `layers/<name>/requirements.txt`."""
        return self.root / "layers" / name / "python"


def environments(repository: Path = REPOSITORY) -> Environments:
    """The environments of the running Python version (they may not be installed yet)."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Environments(repository / ".sandbox" / "envs" / version)


def install(repository: Path = REPOSITORY, *, with_model: bool = True) -> Environments:
    """Install whatever is missing or outdated, several at once, and print a line for each step.

    Raises InstallationError with pip's own words; the folder that failed is removed, the others stay.
    """
    target = environments(repository)
    steps = {
        "runtime": (repository / "requirements" / "lambda-runtime.txt", target.runtime, _install_packages)
    }
    for requirements in sorted(repository.glob("layers/*/requirements.txt")):
        name = requirements.parent.name
        steps[f"layer {name}"] = (requirements, target.layer(name), _install_packages)
    if with_model:
        folder = target.model_python.parent.parent
        steps["model"] = (repository / "requirements" / "model.txt", folder, _install_virtual_environment)
    failures = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        # The model's environment takes longest, so it starts first.
        pending = {pool.submit(_ensure, name, *steps[name]): name for name in reversed(steps)}
        for future in as_completed(pending):
            error = future.exception()
            if isinstance(error, InstallationError):
                failures.append(str(error))
            elif error is not None:
                raise error
            elif future.result() is not None:
                print(f"  {pending[future]}: installed in {future.result():.0f} s", flush=True)
    if failures:
        raise InstallationError("\n".join(failures))
    return target


def _ensure(
    name: str, requirements: Path, folder: Path, install_into: Callable[[Path, Path], None]
) -> float | None:
    """Install unless the stamp matches; returns the seconds it took, or None if nothing was to do."""
    digest = _digest(requirements)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return None
    started = time.monotonic()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        install_into(requirements, folder)
        stamp.write_text(digest)
    except BaseException as error:
        shutil.rmtree(folder)
        if isinstance(error, subprocess.CalledProcessError):
            reason = _last_words(f"{error.stdout}{error.stderr}")
            raise InstallationError(f"Installing {name} from {requirements} failed:\n{reason}") from error
        if isinstance(error, subprocess.TimeoutExpired):
            raise InstallationError(
                f"Installing {name} from {requirements} took more than {INSTALL_TIMEOUT_SECONDS} s."
                " Check the connection to the package index and try again."
            ) from error
        raise
    return time.monotonic() - started


def _last_words(output: str) -> str:
    """The end of pip's output: before it names the error, pip may list every rejected version."""
    return "\n".join(line[-500:] for line in output.strip().splitlines()[-8:])


def _digest(requirements: Path) -> str:
    """A digest of the requirements file, of a Makefile beside it, and of every file that it includes with -r."""
    digest = hashlib.sha256(requirements.read_bytes())
    if (makefile := requirements.with_name("Makefile")).exists():
        digest.update(makefile.read_bytes())
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            digest.update(_digest(requirements.parent / line[3:].strip()).encode())
    return digest.hexdigest()


def _install_packages(requirements: Path, folder: Path) -> None:
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            *PIP_OPTIONS,
            "--target",
            str(folder),
            "-r",
            str(requirements),
            # As in `sam build`, with the layer's own Makefile.
            *(["--no-deps", "--require-hashes"] if requirements.with_name("Makefile").exists() else []),
        ]
    )


def _install_virtual_environment(requirements: Path, folder: Path) -> None:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _run([str(python), "-m", "pip", "install", *PIP_OPTIONS, "-r", str(requirements)])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS)


if __name__ == "__main__":
    try:
        install()
    except InstallationError as failure:
        sys.exit(str(failure))
