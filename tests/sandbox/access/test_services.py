"""The table of operations agrees with AWS's Service Authorization Reference."""

import pytest

from sandbox.access.services import OPERATIONS, Action
from tests.permissions.reference import resource_form

ROWS = [
    (f"{service}.{operation}", clause)
    for service, operations in OPERATIONS.items()
    for operation, clauses in operations.items()
    for clause in clauses
    if isinstance(clause, Action)
]


@pytest.mark.parametrize(("operation", "action"), ROWS, ids=lambda value: getattr(value, "name", value))
def test_each_action_has_the_resource_type_that_the_reference_gives_it(operation, action):
    form = resource_form(action.name, action.kind)
    if not action.kind:
        assert form is None, f"{operation}: {action.name} has resource types"
        return
    assert form, f"{operation}: {action.name} has no resource type {action.kind}"
    if "{" in action.resource and "QueueUrl" not in action.resource and "QueueName" not in action.resource:
        literal = action.resource.split("{")[0]
        assert form.split(":", 5)[5].startswith(literal), (form, action.resource)
