"""Wheels of the packages installed for the layers, so that `sam build` needs no package index."""

import csv
import hashlib
import zipfile
from pathlib import Path


def build_wheelhouse(installed: Path, target: Path, requirements: str) -> str:
    """Puts a wheel of every pinned distribution in `installed` into `target`.

    Returns the requirements with the hashes of these wheels, whose ZIP metadata differs from the index's.
    """
    pinned = {line.partition("==")[0].replace("-", "_"): line for line in requirements.splitlines()}
    hashed = []
    for folder in installed.glob("*.dist-info"):
        if folder.name.partition("-")[0].lower() not in pinned:
            continue
        facts = [line.partition(": ") for line in (folder / "WHEEL").read_text().splitlines()]
        tags = [value.split("-") for name, _, value in facts if name == "Tag"]
        python, abi = (".".join(dict.fromkeys(tag[place] for tag in tags)) for place in (0, 1))
        platforms = ".".join(dict.fromkeys(tag[2] for tag in tags))
        name = f"{folder.name.removesuffix('.dist-info')}-{python}-{abi}-{platforms}.whl"
        with zipfile.ZipFile(target / name, "w") as wheel, (folder / "RECORD").open(newline="") as record:
            for path, *_ in csv.reader(record):
                file = installed / path
                if not path.startswith("..") and file.is_file() and "__pycache__" not in path:
                    wheel.write(file, path)
        digest = hashlib.sha256((target / name).read_bytes()).hexdigest()
        hashed.append(f"{pinned[folder.name.partition('-')[0].lower()]} --hash=sha256:{digest}\n")
    return "".join(hashed)
