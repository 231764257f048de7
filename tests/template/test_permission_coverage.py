"""What a run has recorded, set against the permissions of the template."""

import json

import pytest

from tests.permissions.coverage import permissions, table, unexplained
from tests.permissions.statements import Statement

BUCKET = "arn:aws:s3:::bank"


@pytest.fixture
def statements():
    read = {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": [f"{BUCKET}/a/*", f"{BUCKET}/b/*"]}
    everything = {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [f"{BUCKET}/*", BUCKET]}
    return [
        Statement("ReaderRole", "ReaderPolicy", 0, read),
        Statement("ReaderRole", "ReaderPolicy", 1, everything),
    ]


def record(folder, action, *grants, role="autowatch-ReaderRole-h1k3BLfCFrK6", count=1):
    row = {"role": role, "action": action, "grants": grants, "count": count}
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps({"decisions": [row]}))


def grant(statement, action, resource, index=None):
    return [
        statement.policy,
        statement.index if index is None else index,
        statement.listed("Action"),
        action,
        resource,
    ]


def needed(found):
    return {(each.action, each.resource): each.needed for each in found}


def test_a_permission_is_needed_where_it_alone_allowed(statements, tmp_path):
    record(tmp_path, "s3:GetObject", grant(statements[0], 0, 1), count=3)
    record(tmp_path, "s3:GetObject", grant(statements[0], 0, 0), grant(statements[1], 0, 0))
    counts = needed(permissions(statements, tmp_path))
    assert counts["s3:GetObject", f"{BUCKET}/b/*"] == 3
    assert counts["s3:GetObject", f"{BUCKET}/a/*"] == 0
    assert counts["s3:GetObject", f"{BUCKET}/*"] == 0


def test_an_action_is_asked_for_only_on_what_it_can_be_used_on(statements, tmp_path):
    found = needed(permissions(statements, tmp_path))
    assert ("s3:ListBucket", BUCKET) in found
    assert ("s3:ListBucket", f"{BUCKET}/*") not in found


def test_a_statement_is_found_where_another_before_it_was_not_deployed(statements, tmp_path):
    record(tmp_path, "s3:ListBucket", grant(statements[1], 1, 1, index=0))
    assert needed(permissions(statements, tmp_path))["s3:ListBucket", BUCKET] == 1


def test_another_stack_does_not_count(statements, tmp_path):
    record(tmp_path, "s3:ListBucket", grant(statements[1], 1, 1), role="other-ReaderRole-h1k3BLfCFrK6")
    assert not any(needed(permissions(statements, tmp_path)).values())


def test_what_nothing_needed_is_told_unless_it_has_a_reason(statements, tmp_path):
    record(tmp_path, "s3:ListBucket", grant(statements[1], 1, 1))
    found = permissions(statements, tmp_path)
    reasons = [{"roles": ["Reader*"], "actions": ["s3:Get*", "s3:PutObject"], "reason": "not in the tests"}]
    assert unexplained(found, reasons) == []
    assert len(unexplained(found, [])) == 5
    idle = [*reasons, {"roles": ["*"], "actions": ["s3:ListBucket"], "reason": "never"}]
    assert unexplained(found, idle) == [
        "The reason for ['s3:ListBucket'] of ['*'] has no permission to explain."
    ]
    line = next(line for line in table(found, reasons).splitlines() if "ListBucket" in line)
    assert line == "| ReaderPolicy, 2 | `s3:ListBucket` | `arn:aws:s3:::bank` | Reader |  |"
