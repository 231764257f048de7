"""Takes away each permission and each statement in turn: some recorded request is refused then.

The requests were recorded under enforced permissions (`make permissions`) and are judged here by the evaluator that the
sandbox enforces them with, against the policies as the template has them today.
"""

import copy

import pytest

from tests.permissions.coverage import (
    cover,
    is_allowed,
    permissions_by_role,
    read_reasons,
    read_requests,
    without_use,
)
from tests.permissions.statements import deployed_roles


@pytest.fixture(scope="module")
def coverage(translated):
    return cover(translated, read_requests())


def test_every_permission_is_needed_or_has_its_reason(coverage):
    assert without_use(coverage, read_reasons()) == []


def test_without_a_permission_or_its_statement_a_request_is_refused(translated, coverage):
    deployed = [permissions_by_role(statements) for statements in deployed_roles(translated)]
    survived = []
    for permission, request in coverage.needed.items():
        roles = [role[permission.owner] for role in deployed if permission in role[permission.owner]]
        refused = [
            is_allowed(request, role)
            and not is_allowed(request, [each for each in role if each != permission])
            and not is_allowed(request, [each for each in role if each.statement != permission.statement])
            for role in roles
        ]
        if not any(refused):
            survived.append(permission.name)
    assert len(coverage.needed) > 300
    assert survived == []


def test_removed_and_added_statements_are_noticed(translated):
    changed = copy.deepcopy(translated)
    statements = changed["Resources"]["RemoveOwned"]["Properties"]["PolicyDocument"]["Statement"]
    del statements[0]
    statements.append({"Effect": "Allow", "Action": "sagemaker:DeleteApp", "Resource": "*"})
    told = without_use(cover(changed, read_requests()), read_reasons())
    assert "FinishFunctionRole may not sagemaker:ListEndpoints on * any more, which a test needed." in told
    assert "Nothing needs sagemaker:DeleteApp on * (FinishFunctionRole, RemoveOwned[2])." in told
