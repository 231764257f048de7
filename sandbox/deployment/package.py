"""Does what `sam package` does for `sam deploy`: uploads a template's artefacts to S3 and updates their locations.

`python -m sandbox.deployment.package` prints the repository's template as CloudFormation gets it, for scanners.

Installed layers are not zipped: their folders replace the unpacked ZIP.
"""

import functools
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.deployment.template import read_template, resolve_parameters, transformed
from sandbox.errors import TemplateError
from sandbox.install import REPOSITORY, Environments, environments

ARTEFACT_BUCKET = "sandbox-artefacts"


def package(
    path: Path,
    template: dict[str, Any],
    code_folder: Path,
    environments: Environments,
    upload: Callable[[str, bytes, Path | None], object],
) -> dict[str, Any]:
    """The template with its artefacts uploaded.

    `upload` gets key, content and the folder that replaces the unpacked content. The code is copied
    below `code_folder`, so that editing a file does not change what runs. A layer's folder is the installed one if the
    layer has a requirements.txt, else its own.

    Raises TemplateError: an artefact is missing.
    """
    uploaded: set[str] = set()

    def upload_once(key: str, content: Callable[[], bytes], folder: Callable[[], Path | None]) -> str:
        if key not in uploaded:
            uploaded.add(key)
            upload(key, content(), folder())
        return f"s3://{ARTEFACT_BUCKET}/{key}"

    # Most functions share one folder, which is read only once.
    digest = functools.cache(_digest)
    globals_ = template.get("Globals", {}).get("Function", {})
    for name, resource in template["Resources"].items():
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            source = _folder(path, name, "CodeUri", properties.get("CodeUri", globals_.get("CodeUri")))
            key = digest(source)
            properties["CodeUri"] = upload_once(
                f"{key}.zip",
                functools.partial(_archive, source),
                functools.partial(_snapshot, source, code_folder / key),
            )
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            source = _folder(path, name, "ContentUri", properties.get("ContentUri"))
            folder = (
                environments.layer(source.name).parent if (source / "requirements.txt").is_file() else source
            )
            if not (folder / "python").is_dir():
                raise TemplateError(f"Layer {name} is not installed; run `python -m sandbox.install` first.")
            properties["ContentUri"] = upload_once(
                f"{name}-{digest(source)}.zip",
                functools.partial(_archive, source),
                functools.partial(_same, folder),
            )
        elif resource["Type"] == "AWS::Serverless::StateMachine" and isinstance(
            properties.get("DefinitionUri"), str
        ):
            definition = path.parent / properties["DefinitionUri"]
            if not definition.is_file():
                raise TemplateError(f"{name} names the definition {definition}, which does not exist.")
            body = definition.read_bytes()
            key = f"{hashlib.sha256(body).hexdigest()[:32]}.asl.json"
            properties["DefinitionUri"] = upload_once(
                key, functools.partial(_same, body), functools.partial(_same, None)
            )
    return template


def _same(value: Any) -> Any:
    return value


def _folder(template: Path, name: str, field: str, value: Any) -> Path:
    if not isinstance(value, str):
        raise TemplateError(f"{name} needs a {field} that is a path; it has {value!r}.")
    folder = template.parent / value
    if not folder.is_dir():
        raise TemplateError(f"{name} names the {field} {folder}, which does not exist.")
    return folder


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(files)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _snapshot(source: Path, target: Path) -> Path:
    if not target.exists():
        unfinished = target.with_suffix(".part")
        shutil.copytree(source, unfinished, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        unfinished.rename(target)
    return target


def _archive(folder: Path) -> bytes:
    """The folder as a ZIP; the same files always give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            archive.writestr(
                zipfile.ZipInfo(str(path.relative_to(folder)), (1980, 1, 1, 0, 0, 0)), path.read_bytes()
            )
    return content.getvalue()


def main() -> None:
    """Print the translated template, with the defaults of its parameters."""
    path = REPOSITORY / "template.yaml"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    with tempfile.TemporaryDirectory() as folder:
        packaged = package(path, read_template(path), Path(folder), environments(), lambda *_: None)
    json.dump(transformed(packaged, resolve_parameters(packaged, {})), sys.stdout, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
