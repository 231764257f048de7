"""From a SAM template to the CloudFormation template that `sam deploy` would create a stack from."""

import difflib
import functools
import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import intrinsics_multi_constructor

from sandbox.errors import ParameterError, TemplateError
from sandbox.install import Environments

ARTEFACT_BUCKET = "sandbox-artefacts"


class _TemplateLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SAM's own way to read the short tags, on libyaml where it is there: a tenth of the time."""


_TemplateLoader.add_multi_constructor("!", intrinsics_multi_constructor)


@dataclass(frozen=True)
class Package:
    """A template ready for CloudFormation, and where its artefacts lie on this machine."""

    template: dict[str, Any]
    code: dict[str, Path]
    """Folder of the code, by the key of its artefact."""
    layers: dict[str, Path]
    """Folder that Lambda would mount as `/opt/python`, by the key of its artefact."""


def read_template(path: Path) -> dict[str, Any]:
    """The template as written, with CloudFormation's short tags (`!Ref`) in their long form.

    Raises TemplateError when there is no such file or it is no template.
    """
    if not path.is_file():
        raise TemplateError(f"There is no template {path}.")
    template = yaml.load(path.read_text(encoding="utf-8"), Loader=_TemplateLoader)  # noqa: S506 (it is a safe one)
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError(f"{path} has no Resources; a SAM template needs some.")
    return template


def resolve_parameters(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """The value of every parameter, checked as CloudFormation checks it.

    Raises ParameterError, naming the parameter: unknown, without a value, or outside of what it allows.
    """
    declared = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        near = difflib.get_close_matches(unknown[0], declared, 1)
        help_ = f"Did you mean {near[0]}?" if near else f"It has {', '.join(declared)}."
        raise ParameterError(f"The template has no parameter {', '.join(unknown)}. {help_}")
    values = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise ParameterError(f"Parameter {name} has no default; give it a value.")
        value = str(given[name]) if name in given else _as_text(declaration["Default"])
        reason = _objection(declaration, value)
        if reason:
            takes = declaration.get("ConstraintDescription")
            raise ParameterError(
                f"Parameter {name} cannot be {value!r}: it {f'takes {takes}' if takes else reason}"
            )
        values[name] = value
    return values


def package(
    path: Path,
    template: dict[str, Any],
    parameters: dict[str, str],
    code_folder: Path,
    environments: Environments,
    upload: Callable[[str, bytes], object],
) -> Package:
    """Snapshot and upload (key, content) the artefacts that the template names, then translate it.

    The code is copied below `code_folder`, so that editing a file does not change what runs. A layer's folder is the
    installed one where the layer has a requirements.txt, else its own `python` folder.

    Raises TemplateError: an artefact is missing, or the template is not valid SAM.
    """
    package = Package(template, {}, {})
    # Most functions share one folder, which is read once.
    digest = functools.cache(_digest)
    globals_ = template.get("Globals", {}).get("Function", {})
    for name, resource in template["Resources"].items():
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            source = _folder(path, name, "CodeUri", properties.get("CodeUri", globals_.get("CodeUri")))
            key = f"{digest(source)}.zip"
            if key not in package.code:
                package.code[key] = _snapshot(source, code_folder / key.removesuffix(".zip"))
                upload(key, _archive(source))
            properties["CodeUri"] = _uri(key)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            source = _folder(path, name, "ContentUri", properties.get("ContentUri"))
            key = f"{name}-{digest(source)}.zip"
            installed = environments.layer(source.name)
            package.layers[key] = installed if (source / "requirements.txt").is_file() else source / "python"
            if not package.layers[key].is_dir():
                raise TemplateError(f"Layer {name} is not installed; run `python -m sandbox.install` first.")
            upload(key, _archive(source))
            properties["ContentUri"] = _uri(key)
        elif resource["Type"] == "AWS::Serverless::StateMachine" and isinstance(
            properties.get("DefinitionUri"), str
        ):
            definition = path.parent / properties["DefinitionUri"]
            if not definition.is_file():
                raise TemplateError(f"{name} names the definition {definition}, which does not exist.")
            body = definition.read_bytes()
            key = f"{hashlib.sha256(body).hexdigest()[:32]}.asl.json"
            upload(key, body)
            properties["DefinitionUri"] = _uri(key)
    return Package(_translate(template, parameters), package.code, package.layers)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _objection(declaration: dict[str, Any], value: str) -> str | None:
    """Why a parameter's value is not allowed; None when it is."""
    kind = declaration.get("Type", "String")
    allowed = [_as_text(item) for item in declaration.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}."
    if kind == "Number":
        try:
            number = float(value)
        except ValueError:
            return "must be a number."
        if number < float(declaration.get("MinValue", number)):
            return f"must be at least {declaration['MinValue']}."
        if number > float(declaration.get("MaxValue", number)):
            return f"must be at most {declaration['MaxValue']}."
        return None
    if kind not in ("String", "CommaDelimitedList"):
        return f"has the type {kind}, which the sandbox does not know."
    if "AllowedPattern" in declaration and not re.fullmatch(declaration["AllowedPattern"], value):
        return f"must match {declaration['AllowedPattern']}."
    if len(value) < int(declaration.get("MinLength", 0)):
        least = int(declaration["MinLength"])
        return f"must have at least {least} character{'s' if least > 1 else ''}."
    if len(value) > int(declaration.get("MaxLength", len(value))):
        return f"must have at most {declaration['MaxLength']} characters."
    return None


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


def _uri(key: str) -> str:
    return f"s3://{ARTEFACT_BUCKET}/{key}"


class _ManagedPolicies:
    """Names of AWS's managed policies; only ARNs are supported here, as SAM itself writes them for a function."""

    def load(self) -> dict[str, str]:
        return {}


def _translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """SAM's own translation; a template that is not valid SAM fails with the translator's reasons."""
    try:
        return dict(transform(template, dict(parameters), _ManagedPolicies()))
    except InvalidDocumentException as error:
        reasons = "\n".join(cause.message for cause in error.causes)
        raise TemplateError(f"The template is not valid SAM:\n{reasons}") from error
