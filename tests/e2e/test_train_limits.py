"""Training runs in an account that is slow to start, eventually consistent and short of concurrency, as new ones are.

The same parts are scripted as in `test_train_branches.py`.
"""

import threading

import pytest

from sandbox.client import running_sandbox
from sandbox.faults import Fault
from sandbox.limits import Limits
from tests.e2e.test_train_branches import PARAMETERS, Walker, copy_application

pytestmark = pytest.mark.sandbox

CONCURRENCY = 4
"""Places of each endpoint, and requests of the gate at a time: the parameters' defaults."""

COLD_SECONDS = 8.0
SLOWEST_BATCH_SECONDS = 4


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    template = copy_application(tmp_path_factory.mktemp("application"))
    parameters = {name: value for name, value in PARAMETERS.items() if not name.startswith("Dmm")} | {
        "ServerlessMaxConcurrency": str(CONCURRENCY),
        "ScoringConcurrency": str(CONCURRENCY),
        "MaxBatchSeconds": str(SLOWEST_BATCH_SECONDS),
    }
    with running_sandbox(template, parameters, tmp_path_factory.mktemp("state")) as sandbox:
        yield Walker(sandbox)


@pytest.fixture(autouse=True)
def without_limits_afterwards(walker):
    yield
    walker.sandbox.limits()
    walker.sandbox.faults()


def release(walker, *faults):
    """A run on a new file, which must release its model."""
    answer = walker.train(*faults)
    assert answer["status"] == "SUCCEEDED", (answer.get("error"), answer.get("cause"))
    assert walker.latest["status"] == "released", walker.latest["reason"]
    assert walker.champion == walker.latest["run"]


def test_a_good_model_is_not_rejected_for_cold_places(walker):
    """All batches of a small hold-out would meet places that have not started."""
    walker.sandbox.limits(Limits(cold_start_seconds=COLD_SECONDS))
    release(walker)
    decision = walker.read(f"models/{walker.champion}/gate.json")
    assert decision["challenger"]["latency"]["median_seconds"] < SLOWEST_BATCH_SECONDS


def test_places_that_start_for_longer_than_a_request_may_take_are_waited_for(walker):
    """The gate's first requests time out, and the smoke test's at the new fleet."""
    walker.sandbox.limits(Limits(cold_start_seconds=4.0, invocation_seconds=3.0))
    release(walker)


def test_champion_candidate_and_new_fleet_never_take_more_places_than_a_new_account_has(walker):
    walker.sandbox.limits(Limits(serverless_concurrency=2 * CONCURRENCY + 2))
    release(walker)


def test_a_config_that_is_not_visible_at_once_is_waited_for(walker):
    walker.sandbox.limits(Limits(config_seconds=4.0))
    release(walker)


def test_a_serverless_container_writes_where_it_may(walker):
    walker.sandbox.limits(Limits(read_only_disk=True))
    release(walker)


@pytest.mark.parametrize(
    "operation", ["CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "CreateEndpointConfig"]
)
def test_a_lost_response_does_not_change_the_run(walker, operation):
    """boto3 retries, and finds the resource of its first request."""
    release(walker, Fault(f"sagemaker:{operation}", "lost_answer", times=1))
    assert walker.sandbox.faults_struck()[0] == 1


def test_busy_functions_do_not_end_a_run(walker):
    """For longer than six attempts, an earlier version's limit."""
    walker.sandbox.limits(Limits(function_concurrency=0))
    relief = threading.Timer(9.0, walker.sandbox.limits)
    relief.start()
    try:
        release(walker)
    finally:
        relief.join()
