"""Writes each layer's requirements.txt from its requirements.in: the same packages, with the SHA-256 of their wheels.

Lambda runs the wheels of Python 3.13 on Linux, the sandbox those of its own Python, on Linux or a Mac.
pip itself looks the wheels up and downloads none that its index describes. Run it by `make pins`.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

LAYERS = Path(__file__).resolve().parent.parent / "layers"
HEADER = "# Written from requirements.in by `make pins`: pip takes no wheel but these.\n"
_PYTHONS = ("3.11", "3.12", "3.13")
_GLIBC = (17, 24, 26, 27, 28, 34)
_PLATFORMS = (
    *(
        [f"manylinux2014_{cpu}", *(f"manylinux_2_{minor}_{cpu}" for minor in _GLIBC)]
        for cpu in ("x86_64", "aarch64")
    ),
    ["macosx_14_0_arm64"],
)


def main() -> None:
    """Write the requirements.txt of every layer."""
    for source in sorted(LAYERS.glob("*/requirements.in")):
        hashes: dict[str, set[str]] = defaultdict(set)
        for python in _PYTHONS:
            for platforms in _PLATFORMS:
                for name, digest in _look_up(source, python, platforms):
                    hashes[name].add(digest)
        pins = [line for line in source.read_text().splitlines() if line]
        written = (_requirement(pin, sorted(hashes[normalised(pin.partition("==")[0])])) for pin in pins)
        source.with_suffix(".txt").write_text(HEADER + "".join(written))


def normalised(name: str) -> str:
    """A package's name as all its spellings have it in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _look_up(source: Path, python: str, platforms: list[str]) -> list[tuple[str, str]]:
    """Name and SHA-256 of each package's wheel for a Python on a platform, which may have several tags."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--dry-run", "--ignore-installed", "--report", "-", "--target", "unused"),
            *("--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python),
            *(option for platform in platforms for option in ("--platform", platform)),
            *("--requirement", str(source)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{source}, Python {python}, {platforms[0]}: {done.stderr.strip().splitlines()[-1]}")
    return [
        (normalised(item["metadata"]["name"]), item["download_info"]["archive_info"]["hashes"]["sha256"])
        for item in json.loads(done.stdout)["install"]
    ]


def _requirement(pin: str, hashes: list[str]) -> str:
    return " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in hashes)]) + "\n"


if __name__ == "__main__":
    main()
