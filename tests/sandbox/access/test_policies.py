"""The evaluator, case by case as the user guide has them."""

import pytest

from sandbox.access.conditions import UnknownCondition
from sandbox.access.policies import Caller, Need, decide, delegates, parse_policy
from sandbox.errors import TemplateError

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
CALLER = Caller(f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/it", ACCOUNT, ROLE)
READ = Need("s3:GetObject", "arn:aws:s3:::bank/models/a/b.json")


def allow(**elements):
    return parse_policy(
        "policy", {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **elements}}
    )


def allowed(need, identity, resource=(), caller=CALLER):
    return decide(need, identity, resource, caller).allowed


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, True),
        ({"Action": "*"}, True),
        ({"Action": "s3:Get*"}, True),
        ({"Action": "S3:GETOBJECT"}, True),
        ({"Action": "s3:GetObjec?"}, True),
        ({"Action": "s3:GetObjectVersion"}, False),
        ({"Action": ["s3:PutObject", "s3:GetObject"]}, True),
        ({"Resource": "arn:aws:s3:::bank/*"}, True),
        ({"Resource": "arn:aws:s3:::bank/models/*/b.json"}, True),
        ({"Resource": "arn:aws:s3:::bank/Models/*"}, False),
        ({"Resource": "arn:aws:s3:::bank"}, False),
        ({"Resource": "arn:aws:s3:*"}, False),
        ({"Resource": "arn:aws:*:::bank/*"}, True),
    ],
)
def test_wildcards(elements, expected):
    assert allowed(READ, allow(**elements)) is expected


def test_nothing_is_allowed_by_default():
    assert not allowed(READ, ())


def test_the_grant_names_the_allowing_statement():
    body = {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:Get*"],
        "Resource": ["arn:aws:s3:::other/*", "arn:aws:s3:::bank/*"],
    }
    [grant] = decide(READ, parse_policy("policy", {"Statement": [body]}), (), CALLER).grants
    assert (grant.statement.policy, grant.statement.index, grant.action, grant.resource) == (
        "policy",
        0,
        1,
        1,
    )


def test_an_explicit_denial_always_wins():
    [denial] = allow(Effect="Deny")
    verdict = decide(READ, (*allow(), denial), (), CALLER)
    assert (verdict.allowed, verdict.denied_by) == (False, denial)
    on_bucket = parse_policy(
        "bucket", {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}
    )
    assert not allowed(READ, allow(), on_bucket)


def test_not_action_and_not_resource():
    put = Need("s3:PutObject", READ.resource)
    but_put = parse_policy("p", {"Statement": {"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}})
    assert (allowed(READ, but_put), allowed(put, but_put)) == (True, False)
    but_models = parse_policy(
        "p", {"Statement": {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::bank/models/*"}}
    )
    elsewhere = Need("s3:GetObject", "arn:aws:s3:::bank/data.csv")
    assert (allowed(READ, but_models), allowed(elsewhere, but_models)) == (False, True)


def test_variables():
    own = allow(Resource="arn:aws:s3:::bank/${aws:PrincipalAccount}/*")
    mine = {"aws:principalaccount": (ACCOUNT,)}
    assert allowed(Need("s3:GetObject", f"arn:aws:s3:::bank/{ACCOUNT}/x", mine), own)
    assert not allowed(Need("s3:GetObject", "arn:aws:s3:::bank/1/x", mine), own)
    assert not allowed(Need("s3:GetObject", "arn:aws:s3:::bank//x"), own)
    with_default = allow(Resource="arn:aws:s3:::bank/${aws:username, 'all'}/*")
    assert allowed(Need("s3:GetObject", "arn:aws:s3:::bank/all/x"), with_default)
    literal = allow(Resource="arn:aws:s3:::bank/${*}")
    assert allowed(Need("s3:GetObject", "arn:aws:s3:::bank/*"), literal)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ({"StringEquals": {"aws:RequestTag/a": "b"}}, "b", True),
        ({"StringEquals": {"aws:RequestTag/a": ["c", "b"]}}, "b", True),
        ({"StringEquals": {"aws:RequestTag/a": "b"}}, None, False),
        ({"StringEqualsIfExists": {"aws:RequestTag/a": "b"}}, None, True),
        ({"StringEqualsIgnoreCase": {"aws:RequestTag/a": "B"}}, "b", True),
        ({"StringNotEquals": {"aws:RequestTag/a": ["b", "c"]}}, "c", False),
        ({"StringNotEquals": {"aws:RequestTag/a": "b"}}, None, True),
        ({"StringLike": {"aws:RequestTag/a": "b*"}}, "bc", True),
        ({"StringNotLike": {"aws:RequestTag/a": "b*"}}, "bc", False),
        ({"ArnLike": {"aws:RequestTag/a": "arn:aws:sns:*:1:t*"}}, "arn:aws:sns:r:1:topic", True),
        ({"ArnLike": {"aws:RequestTag/a": "arn:aws:*"}}, "arn:aws:sns:r:1:topic", False),
        ({"Bool": {"aws:RequestTag/a": True}}, "true", True),
        ({"NumericLessThan": {"aws:RequestTag/a": "10"}}, "9", True),
        ({"NumericGreaterThanEquals": {"aws:RequestTag/a": "10"}}, "9", False),
        ({"DateLessThan": {"aws:RequestTag/a": "2026-11-26T00:00:00Z"}}, "2026-11-25T23:00:00Z", True),
        ({"IpAddress": {"aws:RequestTag/a": "10.0.0.0/8"}}, "10.1.2.3", True),
        ({"NotIpAddress": {"aws:RequestTag/a": "10.0.0.0/8"}}, "10.1.2.3", False),
        ({"Null": {"aws:RequestTag/a": "true"}}, None, True),
        ({"Null": {"aws:RequestTag/a": "true"}}, "b", False),
    ],
)
def test_conditions(condition, value, expected):
    context = {} if value is None else {"aws:requesttag/a": (value,)}
    need = Need("s3:GetObject", READ.resource, context)
    assert allowed(need, allow(Condition=condition)) is expected


@pytest.mark.parametrize(
    ("operator", "keys", "expected"),
    [
        ("ForAllValues:StringEquals", ("team", "cost"), True),
        ("ForAllValues:StringEquals", ("team", "owner"), False),
        ("ForAllValues:StringEquals", None, True),
        ("ForAnyValue:StringEquals", ("owner", "team"), True),
        ("ForAnyValue:StringEquals", ("owner",), False),
        ("ForAnyValue:StringEquals", None, False),
    ],
)
def test_conditions_on_keys_of_several_values(operator, keys, expected):
    context = {} if keys is None else {"aws:tagkeys": keys}
    condition = {operator: {"aws:TagKeys": ["team", "cost"]}}
    assert allowed(Need("s3:GetObject", READ.resource, context), allow(Condition=condition)) is expected


def test_all_conditions_must_hold():
    condition = {"StringEquals": {"aws:RequestTag/a": "b", "aws:RequestTag/c": "d"}}
    half = Need("s3:GetObject", READ.resource, {"aws:requesttag/a": ("b",)})
    assert not allowed(half, allow(Condition=condition))


@pytest.mark.parametrize(
    "condition", [{"StringEquals": {"aws:Moon": "full"}}, {"StringResembles": {"aws:RequestTag/a": "b"}}]
)
def test_an_unknown_condition_is_reported_by_name(condition):
    need = Need("s3:GetObject", READ.resource, {"aws:requesttag/a": ("b",)})
    with pytest.raises(UnknownCondition, match="moon|StringResembles"):
        allowed(need, allow(Condition=condition))


def test_an_unknown_element_is_refused():
    with pytest.raises(TemplateError, match="Resourse"):
        allow(Resourse="*")


def on_topic(principal, effect="Allow", **elements):
    body = {"Effect": effect, "Principal": principal, "Action": "sns:Publish", "Resource": "*", **elements}
    return parse_policy("topic", {"Statement": [body]})


PUBLISH = Need("sns:Publish", "arn:aws:sns:us-east-1:123456789012:alerts")
EVENTS = Caller("events.amazonaws.com", ACCOUNT, service="events.amazonaws.com")


@pytest.mark.parametrize(
    ("principal", "caller", "expected"),
    [
        ({"Service": "events.amazonaws.com"}, EVENTS, True),
        ({"Service": "s3.amazonaws.com"}, EVENTS, False),
        ({"Service": "events.amazonaws.com"}, CALLER, False),
        ({"AWS": ROLE}, CALLER, True),
        ({"AWS": "*"}, CALLER, True),
        ("*", EVENTS, True),
        ({"AWS": ROLE}, EVENTS, False),
        # The account's own policies decide; they allow nothing here.
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, CALLER, False),
        ({"AWS": ACCOUNT}, CALLER, False),
    ],
)
def test_a_resource_policy_allows_the_named_principals(principal, caller, expected):
    assert allowed(PUBLISH, (), on_topic(principal), caller) is expected


def test_a_resource_policy_denies_a_whole_account():
    denial = on_topic({"AWS": ACCOUNT}, "Deny")
    assert not allowed(PUBLISH, allow(Action="sns:Publish"), denial)


def test_a_key_defers_to_the_account_only_if_its_policy_says_so():
    use = Need("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/k")
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
    assert delegates(use, parse_policy("key", {"Statement": {**root, "Resource": "*"}}), ACCOUNT)
    other = {**root, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, "Resource": "*"}
    assert not delegates(use, parse_policy("key", {"Statement": other}), ACCOUNT)
