"""The policy and commands in docs/deploy.md."""

import json
import re

import pytest

from tests.permissions.reference import faults
from tests.permissions.statements import Statement
from tests.support.repository import ROOT

POLICY = json.loads((ROOT / "docs" / "deploy-policy.json").read_text())
_LONGEST_MANAGED_POLICY = 6144


@pytest.mark.parametrize("body", POLICY["Statement"], ids=lambda body: body["Sid"])
def test_every_action_of_the_deployers_policy_exists_and_can_be_used_on_its_resources(body):
    concrete = json.loads(json.dumps(body).replace(":*:*:", ":us-east-1:123456789012:"))
    if body["Sid"] == "Stacks":
        # The reference does not have it, and CreateChangeSet asks for it.
        concrete["Resource"] = [each for each in concrete["Resource"] if ":transform/" not in each]
    assert not list(faults(Statement("deployer", body["Sid"], 0, concrete)))


def test_the_deployers_policy_fits_into_a_managed_policy():
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= _LONGEST_MANAGED_POLICY


def test_no_page_has_a_function_run_twice_by_an_impatient_client():
    """The aws CLI gives up after a minute and asks again; functions here take up to fifteen."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    calls = [line for page in pages for line in page.read_text().splitlines() if "aws lambda invoke" in line]
    assert calls
    assert [line for line in calls if not re.search("aws lambda invoke --cli-read-timeout 0", line)] == []
