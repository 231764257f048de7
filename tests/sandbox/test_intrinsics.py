"""CloudFormation's functions, on small values."""

import pytest

from sandbox.deployment.intrinsics import Scope, resolve
from sandbox.errors import TemplateError

TEMPLATE = {
    "Mappings": {"Sizes": {"eu": {"small": 1}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Word"}, "plain"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    },
}
VALUES = {"Word": "plain", "Many": ["a", "b"], "AWS::Region": "eu"}


@pytest.fixture
def scope():
    def reference(name):
        return f"id-of-{name}"

    def attribute(name, attribute):
        return f"{attribute}-of-{name}"

    return Scope(TEMPLATE, VALUES, reference, attribute)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Word"}, "plain"),
        ({"Ref": "Bucket"}, "id-of-Bucket"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "Arn-of-Role"),
        ({"Fn::GetAtt": "Role.Arn"}, "Arn-of-Role"),
        ({"Fn::Sub": "${Word}/${Role.Arn}/${Bucket}/${!Kept}"}, "plain/Arn-of-Role/id-of-Bucket/${Kept}"),
        ({"Fn::Sub": ["${a}-${Word}", {"a": {"Ref": "AWS::Region"}}]}, "eu-plain"),
        ({"Fn::Join": ["-", [{"Ref": "Word"}, 1, True]]}, "plain-1-true"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "x,y"]}]}, "y"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 1),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"Fn::If": ["Both", "then", "else"]}, "else"),
        ({"Fn::If": ["Either", "then", "else"]}, "then"),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"Fn::Join": [",", {"Ref": "Many"}]}, "a,b"),
        ({"Fn::ToJsonString": {"a": {"Ref": "Word"}}}, '{"a": "plain"}'),
    ],
)
def test_a_function_returns_the_same_as_in_cloudformation(scope, value, expected):
    assert resolve(value, scope) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::ImportValue": "x"}, "no intrinsic function Fn::ImportValue"),
        ({"Fn::If": ["Nobody", 1, 2]}, "Unresolved condition Nobody"),
        ({"Fn::FindInMap": ["Sizes", "us", "small"]}, "Sizes::us::small"),
        ("{{resolve:ssm:name}}", "dynamic references"),
    ],
)
def test_unsupported_functions_are_refused_by_name(scope, value, words):
    with pytest.raises(TemplateError, match=words):
        resolve(value, scope)
