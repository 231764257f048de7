"""Training runs that are stopped or whose functions are killed at moments drawn at random, with fixed seeds.

After any end of a run the endpoint serves the champion, nothing of the run is left over, and people are notified. The
variable ENDED_RUNS sets the number of runs; `make soak` ends 40 and prints each outcome.
"""

import os
import random
import time
from pathlib import Path

import pytest

from sandbox.client import running_sandbox
from sandbox.faults import Fault
from tests.support.train_walker import (
    CANDIDATE,
    ENDPOINT,
    PARAMETERS,
    SLOW,
    Walker,
    copy_application,
    wait_for,
)

pytestmark = pytest.mark.sandbox

RUNS = int(os.environ.get("ENDED_RUNS", "4"))
LONGEST_RUN = 14.0
FUNCTIONS = (
    "PrepareFunction",
    "StartAutopilotFunction",
    "DescribeAutopilotFunction",
    "StageFunction",
    "DescribeEndpointFunction",
    "GateFunction",
    "ReleaseFunction",
    "PromoteFunction",
    "FinishFunction",
    "FailFunction",
)
REQUESTS = {
    "DescribeAutopilotFunction": ("sagemaker:DescribeAutoMLJobV2", 2),
    "DescribeEndpointFunction": ("sagemaker:DescribeEndpoint", 4),
}
"""The requests of functions that use neither S3 nor the endpoint, with their number in a run."""


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    template = copy_application(tmp_path_factory.mktemp("application"))
    with running_sandbox(
        template, PARAMETERS | {"KeepModels": "2"}, tmp_path_factory.mktemp("state")
    ) as sandbox:
        walker = Walker(sandbox)
        walker.train()
        assert walker.champion
        yield walker
        walker.sandbox.faults()


def end_somehow(walker, chance):
    """Starts a run and ends it, or tries to; returns what was done, and the execution."""
    arn = walker.start({"training_key": walker.new_file()}, *walker.job(SLOW))
    after = chance.uniform(0, LONGEST_RUN)
    if chance.random() < 0.5:
        time.sleep(after)
        state = walker.states(arn)[-1:]
        walker.stepfunctions.stop_execution(executionArn=arn, cause="The test wanted it.")
        return f"stopped after {after:.1f} s in {''.join(state)}", arn
    function = chance.choice(FUNCTIONS)
    times = chance.choice((1, 3))
    operation, requests = REQUESTS.get(function, ("*", 8))
    after = chance.randrange(requests)
    kill = Fault(operation, "kill_after", function=function, by=function, after=after, times=times)
    also = [Fault("InvokeEndpoint", "kill_before", begins=CANDIDATE, function="GateFunction")]
    walker.sandbox.faults(*walker.job(kill, *(also if function == "FailFunction" else []), SLOW))
    return f"{function} killed {times} x from request {after} of its own", arn


def settle(walker, arn):
    """Waits until the execution and its follow-up work have ended."""
    wait_for(lambda: walker.stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING", 240)
    walker.sandbox.wait_until_idle(240)


def note(*cells):
    """A line of the table that `make soak` prints."""
    if table := os.environ.get("ENDED_RUNS_TABLE"):
        with Path(table).open("a", encoding="utf-8") as lines:
            lines.write(f"| {' | '.join(str(cell) for cell in cells)} |\n")


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_endpoint_serves_the_champion_and_nothing_is_left_over(walker, seed):
    champion, models = walker.champion, walker.models()
    done, arn = end_somehow(walker, random.Random(seed))
    settle(walker, arn)
    status = walker.stepfunctions.describe_execution(executionArn=arn)["status"]
    walker.sandbox.faults()
    record = walker.read("models/champion.json")
    endpoint = walker.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    began = walker.latest["execution"] == arn
    subjects = [mail.subject for mail in walker.sandbox.mailbox.messages()[walker.mails :]]
    left = sorted(walker.models() - models - {walker.champion})
    told = [subject.partition("] ")[2].partition(":")[0] for subject in subjects]
    note(
        seed,
        done,
        status,
        endpoint["EndpointConfigName"].removeprefix(f"{ENDPOINT}-"),
        f"{walker.champion}{' (new)' if walker.champion != champion else ''}",
        ", ".join(left) or "nothing",
        "; ".join(told) or "nobody",
    )
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == record["endpoint_config"] == f"{ENDPOINT}-{walker.champion}"
    assert record["releasing"] is None
    assert [item["EndpointName"] for item in walker.sagemaker.list_endpoints()["Endpoints"]] == [ENDPOINT]
    assert not left
    assert walker.latest["status"] not in ("running", "ending")
    assert bool(subjects) == began
    assert len(subjects) <= 1
    if walker.champion != champion:
        assert walker.latest["status"] == "released"


def test_the_next_run_is_unaffected(walker):
    assert walker.train()["status"] == "SUCCEEDED"
    assert walker.champion == walker.latest["run"]
