import json

import pytest

from sandbox.deployment.template import package, read_template, resolve_parameters
from sandbox.errors import ParameterError, TemplateError
from sandbox.install import Environments

TEMPLATE = {
    "Parameters": {
        "Free": {"Type": "String", "Default": "x"},
        "Needed": {"Type": "String", "MaxLength": 3, "MinLength": 2},
        "Size": {"Type": "Number", "Default": 5, "MinValue": 1, "MaxValue": 10},
        "Choice": {"Type": "String", "Default": "a", "AllowedValues": ["a", "b"]},
        "Name": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "^$|[a-z]+",
            "ConstraintDescription": "lower case.",
        },
    }
}


def test_defaults_and_given_values_come_together():
    values = resolve_parameters(TEMPLATE, {"Needed": "abc", "Size": "10"})
    assert values == {"Free": "x", "Needed": "abc", "Size": "10", "Choice": "a", "Name": ""}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Needed has no default"),
        ({"Needed": "a"}, "at least 2"),
        ({"Needed": "abcd"}, "at most 3"),
        ({"Needed": "ab", "Size": "0"}, "at least 1"),
        ({"Needed": "ab", "Size": "11"}, "at most 10"),
        ({"Needed": "ab", "Size": "many"}, "must be a number"),
        ({"Needed": "ab", "Choice": "c"}, "one of a, b"),
        ({"Needed": "ab", "Name": "ABC"}, "Name cannot be 'ABC': it takes lower case"),
        ({"Needed": "ab", "Typo": "x"}, "no parameter Typo. It has Free, Needed"),
        ({"Needed": "ab", "size": "5"}, "no parameter size. Did you mean Size"),
    ],
)
def test_a_parameter_is_checked_as_cloudformation_checks_it(given, words):
    with pytest.raises(ParameterError, match=words):
        resolve_parameters(TEMPLATE, given)


@pytest.mark.parametrize("text", ["", "just text", "Resources: {}"])
def test_what_is_no_template_is_told(tmp_path, text):
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError, match="no Resources"):
        read_template(path)


def function_template(**properties):
    resource = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.13", **properties}}
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": resource}}


def run_package(tmp_path, template):
    uploads = {}
    packaged = package(
        tmp_path / "template.yaml",
        template,
        {},
        tmp_path / "snapshots",
        Environments(tmp_path / "envs"),
        uploads.__setitem__,
    )
    return packaged, uploads


def test_the_code_is_a_snapshot_without_compiled_files(tmp_path):
    source = tmp_path / "src"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "a.pyc").write_bytes(b"x")
    (source / "a.py").write_text("old")
    packaged, uploads = run_package(tmp_path, function_template(Handler="a.handler", CodeUri="src/"))
    (source / "a.py").write_text("new")
    [(key, folder)] = packaged.code.items()
    assert (folder / "a.py").read_text() == "old"
    assert not (folder / "__pycache__").exists()
    assert list(uploads) == [key]
    assert key in json.dumps(packaged.template)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TemplateError, match="F names the CodeUri .* which does not exist"):
        run_package(tmp_path, function_template(Handler="a.handler", CodeUri="src/"))


def test_what_is_not_valid_sam_is_told(tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(TemplateError, match="not valid SAM"):
        run_package(
            tmp_path, function_template(CodeUri="src/", Handler="a.b", Events={"X": {"Type": "Nonsense"}})
        )
