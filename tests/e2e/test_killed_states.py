"""A kill in every state of the training machine: the process is killed once, and the run continues unharmed.

Each is killed right after it has changed something, before it could report that: the retried state finds its work done.
`test_train_branches.py` says what is scripted.
"""

from dataclasses import replace

import pytest

from sandbox.client import running_sandbox
from sandbox.faults import Fault
from tests.support.train_walker import (
    CANDIDATE,
    DEFINITION,
    ENDPOINT,
    PARAMETERS,
    SLOW,
    Walker,
    copy_application,
    refused,
    wait_for,
)

pytestmark = pytest.mark.sandbox

KILLS = {
    "PreparePromotion": Fault("sagemaker:CreateEndpointConfig", "kill_after"),
    "Prepare": Fault("PutObject", "kill_after", begins="models/latest.json"),
    # A request that reaches the sandbox would train for minutes.
    "StartAutopilot": Fault("sagemaker:CreateAutoMLJobV2", "kill_before"),
    "DescribeAutopilot": Fault("sagemaker:DescribeAutoMLJobV2", "kill_before"),
    "Stage": Fault("sagemaker:CreateEndpoint", "kill_after", begins=CANDIDATE),
    "DescribeCandidate": Fault("sagemaker:DescribeEndpoint", "kill_before", begins=CANDIDATE),
    "Gate": Fault("PutObject", "kill_after", ends="/gate.json"),
    "AskForApproval": Fault("PutObject", "kill_after", ends="/approval.json"),
    "Release": Fault("sagemaker:UpdateEndpoint", "kill_after"),
    "DescribeEndpoint": Fault("sagemaker:DescribeEndpoint", "kill_before", ends=ENDPOINT),
    "Promote": Fault("PutObject", "kill_after", begins="models/champion.json"),
    "RegisterModel": Fault("domino:register_model", "kill_after"),
    "Finish": Fault("PutObject", "kill_after", ends="/run.json"),
    "Fail": Fault("sagemaker:DeleteModel", "kill_after"),
    "GiveUp": Fault("PutObject", "kill_after", begins="models/latest.json"),
}
LOST = [
    Fault("PutObject", "lost_answer", begins=key, after=after, times=1)
    for key in ("models/latest.json", "models/champion.json")
    for after in (0, 2)
]
"""The answers to the first writes of both are lost: each takes effect, and boto3 repeats it."""
RELEASE = [name for name in KILLS if name not in ("PreparePromotion", "AskForApproval", "Fail", "GiveUp")]


def function(state):
    """The logical id of the function behind a state; empty where there is none."""
    name = DEFINITION["States"][state].get("Parameters", {}).get("FunctionName", "")
    return name.removeprefix("${").removesuffix("Arn}")


def kill(*states):
    """Kills the functions behind these states, each once."""
    killed = {state: function(state) for state in states}
    return [replace(KILLS[state], function=name, by=name, times=1) for state, name in killed.items()]


class Runs:
    """The runs: the answer of each and the states that were killed."""

    def __init__(self, sandbox):
        self.walker = walker = Walker(sandbox)
        walker.train()
        self.first = walker.champion
        self.killed = set()
        self.release = self._walk({"training_key": walker.new_file()}, *kill(*RELEASE), SLOW)
        self.released, self.mail_of_release = walker.champion, walker.mail()
        self.promotion = self._walk({"promote": self.first}, *kill("PreparePromotion"), *LOST)
        self.promoted = walker.champion
        self.rejection = self._ask()
        no_update = refused("UpdateEndpoint", "The alarm is in the state ALARM.", times=1)
        self.failure = self._walk({"training_key": walker.new_file()}, *kill("Fail"), no_update)
        self.mail_of_failure = walker.mail()
        self.after_failure = walker.bystanders()
        no_update = refused("UpdateEndpoint", "The alarm is in the state ALARM.", times=1)
        no_removal = refused("DeleteModel", "You may not.")
        self.given_up = self._walk(
            {"training_key": walker.new_file()}, *kill("GiveUp"), no_update, no_removal
        )
        self.mail_of_giving_up = walker.mail()

    def _ask(self):
        """A run that drift starts waits for approval; one mail asks for it, and a person rejects it."""
        walker = self.walker
        walker.new_file()
        arn = walker.start({"trigger": "drift"}, *walker.job(*kill("AskForApproval")))
        wait_for(lambda: walker.sandbox.mailbox.messages()[walker.mails :])
        assert "waits for your approval" in walker.mail().subject
        _, answer = walker.answer(arn, approved=False, by="ann", reason="No.")
        self.killed |= walker.states_that_were_tried_again(arn, "Runtime.ExitError")
        return answer

    def _walk(self, document, *faults):
        arn = self.walker.start(document, *self.walker.job(*faults))
        answer = self.walker.end(arn)
        self.killed |= self.walker.states_that_were_tried_again(arn, "Runtime.ExitError")
        return answer


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    template = copy_application(tmp_path_factory.mktemp("application"))
    parameters = PARAMETERS | {"KeepModels": "2"}
    with running_sandbox(template, parameters, tmp_path_factory.mktemp("state")) as sandbox:
        yield Runs(sandbox)
        sandbox.faults()


def test_there_is_a_kill_for_every_state_with_a_function():
    assert {state for state in DEFINITION["States"] if function(state)} == KILLS.keys()


@pytest.mark.parametrize("state", KILLS)
def test_the_state_is_tried_again_and_gets_through(runs, state):
    assert state in runs.killed


def test_a_run_with_eleven_kills_is_released(runs):
    assert runs.release["status"] == "SUCCEEDED", runs.release.get("cause")
    assert runs.released != runs.first
    assert "Model released" in runs.mail_of_release.subject
    assert runs.walker.domino_models().keys() == {f"{ENDPOINT}-{run}" for run in (runs.first, runs.released)}


def test_a_promotion_with_kills_is_released(runs):
    assert runs.promotion["status"] == "SUCCEEDED", runs.promotion
    assert runs.walker.read("models/champion.json")["run"] == runs.promoted
    assert runs.promoted != runs.released


def test_an_answer_to_the_second_request_counts(runs):
    assert runs.rejection["status"] == "SUCCEEDED", runs.rejection
    assert runs.promoted == runs.after_failure[0]


def test_a_failure_leaves_only_the_champion(runs):
    assert (runs.failure["status"], runs.failure["error"]) == ("FAILED", "ClientError")
    champion, endpoints, models, configs = runs.after_failure
    assert champion == runs.promoted
    assert endpoints.keys() == {ENDPOINT}
    assert endpoints[ENDPOINT] == ("InService", runs.walker.read("models/champion.json")["endpoint_config"])
    assert models == {runs.first, runs.released}
    assert len(configs) == 1
    assert "Training run failed" in runs.mail_of_failure.subject


def test_an_abandoned_run_is_reported_once(runs):
    assert runs.given_up["status"] == "FAILED"
    assert "Clean-up failed" in runs.mail_of_giving_up.subject
