import pytest

from sandbox.deployment.package import package
from sandbox.deployment.template import read_template, resolve_parameters, transformed
from sandbox.errors import ParameterError, TemplateError, TransformError
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


def test_defaults_and_given_values_are_combined():
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


def test_a_pattern_applies_to_each_value_of_a_list():
    declared = {"Ids": {"Type": "CommaDelimitedList", "AllowedPattern": "id-[0-9]", "Default": "id-1"}}
    template = {"Parameters": declared}
    assert resolve_parameters(template, {"Ids": "id-1,id-2"}) == {"Ids": "id-1,id-2"}
    with pytest.raises(ParameterError, match="must match"):
        resolve_parameters(template, {"Ids": "id-1,no"})


@pytest.mark.parametrize("text", ["", "just text", "Resources: {}"])
def test_a_file_that_is_not_a_template_is_reported(tmp_path, text):
    path = tmp_path / "template.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError, match="no Resources"):
        read_template(path)


def function_template(**properties):
    resource = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.13", **properties}}
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": resource}}


def run_package(tmp_path, template):
    uploads = {}
    environments = Environments(tmp_path / "envs")
    path = tmp_path / "template.yaml"
    packaged = package(
        path,
        template,
        tmp_path / "code",
        environments,
        lambda key, _, folder: uploads.__setitem__(key, folder),
    )
    return packaged, uploads


def test_the_code_is_a_snapshot_without_compiled_files(tmp_path):
    source = tmp_path / "src"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "a.pyc").write_bytes(b"x")
    (source / "a.py").write_text("old")
    packaged, uploads = run_package(tmp_path, function_template(Handler="a.handler", CodeUri="src/"))
    (source / "a.py").write_text("new")
    [(key, folder)] = uploads.items()
    assert (folder / "a.py").read_text() == "old"
    assert not (folder / "__pycache__").exists()
    assert packaged["Resources"]["F"]["Properties"]["CodeUri"].endswith(f"/{key}")


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(TemplateError, match="F names the CodeUri .* which does not exist"):
        run_package(tmp_path, function_template(Handler="a.handler", CodeUri="src/"))


def test_invalid_sam_is_reported(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    template = function_template(CodeUri="s3://b/k", Handler="a.b", Events={"X": {"Type": "Nonsense"}})
    with pytest.raises(TransformError, match="not valid SAM"):
        transformed(template, {})


def test_another_transform_is_refused_by_name():
    with pytest.raises(TemplateError, match="no transform AWS::Include"):
        transformed({"Transform": ["AWS::Include"], "Resources": {"A": {}}}, {})
