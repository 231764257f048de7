"""Every branch of the training machine, run in the sandbox by moto's interpreter.

Real: the template, the functions in their processes, the state machine, S3, mail, and SageMaker's models and endpoints.
Scripted, so that a run takes seconds:

- the AutoML job: SageMaker's answers about it are written here, and its best candidate is a model that needs no
  training (`stub_model`). The training files hold the labels that this model predicts, or their opposites;
- the failures: faults on the wire, as `sandbox/faults.py` has them;
- the waits before a retry: the definition that is deployed has a second where `statemachine/train.asl.json` has more.

The tests run in the order of this file, on one stack; the last one checks the states that all of them entered.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from sandbox.client import running_sandbox
from sandbox.faults import Fault
from sandbox.install import REPOSITORY
from tests.support.mail_text import text_of
from tests.support.scripted_job import scripted
from tests.support.train_walker import (
    CANDIDATE,
    DEFINITION,
    ENDPOINT,
    PARAMETERS,
    SLOW,
    SPOILT,
    Walker,
    copy_application,
    refused,
    wait_for,
)

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    template = copy_application(tmp_path_factory.mktemp("application"))
    with running_sandbox(template, PARAMETERS, tmp_path_factory.mktemp("state")) as sandbox:
        yield Walker(sandbox)


@pytest.fixture
def fails_without_a_trace(walker):
    """Checks a failed run: the champion still serves, nothing is left over, and the mail says why."""
    before = walker.bystanders()

    def judge(answer, error, words):
        walker.sandbox.faults()
        assert answer["status"] == "FAILED"
        assert answer["error"] == error
        assert words in answer["cause"]
        assert walker.bystanders() == before
        assert walker.latest["status"] == "failed"
        mail = walker.mail()
        assert words in text_of(mail)
        assert "Training run failed" in mail.subject
        assert ("keeps serving" in text_of(mail)) == (walker.champion is not None)

    return judge


class TestBeforeAnyModel:
    def test_a_failed_job_leaves_nothing(self, walker, fails_without_a_trace):
        answer = walker.train(
            status="Failed", secondary="Failed", reason="The data has no signal.", candidate=False
        )
        fails_without_a_trace(answer, "AutopilotFailed", "ended as Failed: The data has no signal.")
        assert walker.models() == set()


class TestReleases:
    def test_the_first_model_is_released_through_throttling_and_slow_endpoints(self, walker):
        # One more than boto3's own attempts: the state is tried again.
        throttled = Fault("sagemaker:DescribeAutoMLJobV2", "throttle", after=1, times=4)
        lost = Fault("domino:register_model", "lost_answer", times=1)
        assert walker.domino_model_id() == "none"
        answer = walker.train(throttled, SLOW, lost)
        assert answer["status"] == "SUCCEEDED", answer
        assert walker.sandbox.faults_struck()[0] == 4
        assert walker.champion == walker.latest["run"]
        assert walker.models() == {walker.champion}
        assert "Model released" in walker.mail().subject
        assert "Domino" not in text_of(walker.mail())
        known = walker.domino_models()
        assert known == {f"autowatch-{walker.champion}": walker.domino_model_id()}
        assert walker.read(f"monitoring/domino/models/{walker.champion}.json")["model_id"] in known.values()
        board = walker.read(f"models/{walker.champion}/leaderboard.json")
        assert [item["name"] for item in board["candidates"]] == ["best"]

    def test_the_next_model_replaces_it_under_the_alarms(self, walker):
        first = walker.champion
        # Refused at once: a Domino that does not answer would be retried.
        refusal = Fault("domino:*", "refuse", status=401)
        assert walker.train(SLOW, refusal)["status"] == "SUCCEEDED"
        assert walker.champion == walker.latest["run"] != first
        assert walker.latest["status"] == "released"
        mail = walker.mail()
        assert "Model released" in mail.subject
        assert "This model is not registered with Domino yet" in text_of(mail)
        assert "DmmTokenSecretArn" in text_of(mail)
        assert list(walker.domino_models()) == [f"autowatch-{first}"]
        endpoint = walker.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        deployment = endpoint["LastDeploymentConfig"]
        assert deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
        alarms = {item["AlarmName"] for item in deployment["AutoRollbackConfiguration"]["Alarms"]}
        there = walker.sandbox.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert alarms <= {alarm["AlarmName"] for alarm in there}
        assert len(alarms) == 2
        tags = walker.sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
        assert {"Key": "team", "Value": "risk"} in tags
        assert walker.models() == {first, walker.champion}
        assert walker.configs() == {f"{ENDPOINT}-{walker.champion}"}

    def test_a_model_that_is_not_good_enough_is_rejected(self, walker):
        before = walker.bystanders()
        assert walker.train(good=False)["status"] == "SUCCEEDED"
        assert walker.latest["status"] == "rejected"
        assert walker.bystanders() == before
        assert "Model rejected" in walker.mail().subject


class TestPromotions:
    def test_a_removed_earlier_model_is_released_again(self, walker):
        newer = walker.champion
        earlier = walker.read("models/champion.json")["previous_run"]
        walker.sagemaker.delete_model(ModelName=f"{ENDPOINT}-{earlier}")
        assert walker.run({"promote": earlier}, SLOW)["status"] == "SUCCEEDED"
        assert walker.champion == earlier
        latest = walker.latest
        config = f"{ENDPOINT}-{latest['run']}"
        assert walker.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"] == config
        assert walker.configs() == {config}
        assert walker.read("models/champion.json")["previous_run"] == newer
        assert (latest["trigger"], latest["promotes"], latest["status"]) == ("promote", earlier, "released")
        assert f"now serves the model of run {earlier}" in text_of(walker.mail())
        assert walker.domino_models() == {f"autowatch-{earlier}": walker.domino_model_id()}

    def test_the_champion_is_served_again(self, walker):
        """Useful after a change of parameters; here they are the same."""
        champion, models = walker.read("models/champion.json"), walker.models()
        assert walker.run({"promote": champion["run"]}, SLOW)["status"] == "SUCCEEDED"
        served = walker.read("models/champion.json")
        assert walker.configs() == {served["endpoint_config"]} != {champion["endpoint_config"]}
        anew = ("releases", "endpoint_config", "previous_config", "released")
        assert served == champion | {name: served[name] for name in anew}
        assert walker.models() == models

    def test_a_rejected_model_is_not_released(self, walker):
        before, latest = walker.bystanders(), walker.latest
        runs = walker.s3.get_paginator("list_objects_v2").paginate(Bucket=walker.bucket, Prefix="models/")
        gates = [
            item["Key"] for page in runs for item in page["Contents"] if item["Key"].endswith("/gate.json")
        ]
        (rejected,) = [key.split("/")[1] for key in gates if not walker.read(key)["passed"]]
        answer = walker.run({"promote": rejected})
        assert (answer["status"], answer["error"]) == ("FAILED", "NeverPassed")
        assert "did not pass its gate" in text_of(walker.mail())
        assert (walker.bystanders(), walker.latest) == (before, latest)

    def test_a_model_that_cannot_be_created_again_leaves_the_champion(self, walker, fails_without_a_trace):
        earlier = walker.read("models/champion.json")["previous_run"]
        answer = walker.run({"promote": earlier}, refused("CreateModel", "Could not access the artefact."))
        fails_without_a_trace(answer, "ClientError", "Could not access the artefact.")


class TestApprovals:
    """A run that drift started waits for approval, as does one whose champion ranks rows the wrong way round."""

    @pytest.fixture
    def asking(self, walker):
        before = walker.bystanders()
        walker.new_file()
        arn = walker.start({"trigger": "drift"}, *walker.job())
        wait_for(lambda: walker.requests().get(arn) and walker.sandbox.mailbox.messages()[walker.mails :])
        yield arn
        assert walker.end(arn)["status"] == "SUCCEEDED"
        assert (walker.bystanders(), walker.latest["status"]) == (before, "rejected")

    def test_a_person_is_asked_and_rejects_it(self, walker, asking):
        mail = walker.mail()
        run = walker.latest["run"]
        assert "A model waits for your approval" in mail.subject
        assert f"autowatch approve {run}" in text_of(mail)
        assert walker.requests()[asking]["token"] not in text_of(mail)
        command = [
            sys.executable,
            "-m",
            "autowatch_client",
            "reject",
            run,
            "--reason",
            "The labels are wrong.",
        ]
        environment = {"PATH": os.environ["PATH"], **walker.sandbox.environment}
        assert subprocess.run(command, cwd=REPOSITORY, env=environment).returncode == 0
        walker.end(asking)
        assert re.search(r"arn:aws:\S+ rejected the release: The labels are wrong.", walker.latest["reason"])
        assert subprocess.run(command, cwd=REPOSITORY, env=environment).returncode == 4
        audit = [each for each in walker.audit() if each["run"] == run]
        assert [each["what"] for each in audit] == ["train", "reject", "reject", "too-late"]
        assert (audit[0]["trigger"], audit[1]["reason"]) == ("drift", "The labels are wrong.")
        answer = walker.run({"promote": run})
        assert (answer["status"], answer["error"]) == ("FAILED", "NeverPassed")

    def test_nobody_answers_in_time(self, walker):
        functions, name = walker.sandbox.client("lambda"), walker.sandbox.outputs["GateFunctionName"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        before = walker.bystanders()
        walker.new_file()
        soon = {"Variables": variables | {"APPROVAL_HOURS": "0.003"}}
        functions.update_function_configuration(FunctionName=name, Environment=soon)
        answer = walker.run({"trigger": "drift"}, *walker.job())
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        assert answer["status"] == "SUCCEEDED"
        assert "Nobody approved the release in time." in walker.latest["reason"]
        assert (walker.bystanders(), walker.latest["status"]) == (before, "rejected")

    def test_a_run_that_cannot_ask_fails(self, walker, fails_without_a_trace):
        walker.new_file()
        kill = Fault("PutObject", "kill_before", ends="approval.json", function="AskForApprovalFunction")
        answer = walker.run({"trigger": "drift"}, *walker.job(kill))
        fails_without_a_trace(answer, "Runtime.ExitError", "exited")


class TestFailures:
    def test_a_file_without_the_target(self, walker, fails_without_a_trace):
        walker.s3.put_object(Bucket=walker.bucket, Key="training/x.csv", Body=b"age;job\n" + b"1;2\n" * 600)
        answer = walker.run({"training_key": "training/x.csv"})
        fails_without_a_trace(answer, "TargetMissing", "no column 'y'")

    def test_a_job_that_sagemaker_refuses(self, walker, fails_without_a_trace):
        answer = walker.train(refused("CreateAutoMLJobV2", "The role cannot be assumed."))
        fails_without_a_trace(answer, "ClientError", "The role cannot be assumed.")

    def test_a_stopped_job(self, walker, fails_without_a_trace):
        answer = walker.train(status="Stopped", secondary="Stopped", candidate=False)
        fails_without_a_trace(answer, "AutopilotFailed", "ended as Stopped")

    def test_a_job_that_never_ends_is_stopped(self, walker, fails_without_a_trace):
        job = {"status": "InProgress", "secondary": "TrainingModels", "candidate": False}
        stop = Fault("sagemaker:StopAutoMLJob", "answer", answer="{}")
        answer = walker.train(stop, created=time.time() - 86_400, **job)
        assert walker.sandbox.faults_struck()[0] >= 1
        fails_without_a_trace(answer, "AutopilotOverdue", "its limit is 7200 s")

    def test_a_candidate_endpoint_that_sagemaker_refuses(self, walker, fails_without_a_trace):
        answer = walker.train(refused("CreateEndpoint", "The account-level limit is reached."))
        fails_without_a_trace(answer, "ClientError", "The account-level limit is reached.")

    def test_a_candidate_endpoint_that_does_not_come_up(self, walker, fails_without_a_trace):
        answer = walker.train(SPOILT)
        fails_without_a_trace(answer, "EndpointFailed", f"The endpoint {CANDIDATE} is Failed")

    def test_a_function_that_is_killed(self, walker, fails_without_a_trace):
        kill = Fault("InvokeEndpoint", "kill_before", begins=CANDIDATE, function="GateFunction")
        answer = walker.train(kill)
        fails_without_a_trace(answer, "Runtime.ExitError", "exited")

    def test_an_update_that_sagemaker_refuses(self, walker, fails_without_a_trace):
        answer = walker.train(refused("UpdateEndpoint", "The alarm is in the state ALARM.", times=1))
        fails_without_a_trace(answer, "ClientError", "The alarm is in the state ALARM.")

    def test_an_update_that_fails(self, walker, fails_without_a_trace):
        arn = walker.start({"training_key": walker.new_file()}, *walker.job(SLOW))
        walker.wait_for_state(arn, "WaitForEndpoint")
        failed = {"EndpointStatus": "Failed", "EndpointConfigName": "x", "FailureReason": "No capacity."}
        walker.sandbox.faults(*walker.job(scripted("DescribeEndpoint", failed, ends=ENDPOINT, times=1)))
        fails_without_a_trace(
            walker.end(arn), "EndpointFailed", f"The endpoint {ENDPOINT} is Failed: No capacity."
        )

    def test_an_update_that_is_rolled_back_silently(self, walker, fails_without_a_trace):
        """The candidate's container starts, the endpoint's does not: SageMaker keeps the previous model."""
        answer = walker.train(replace(SPOILT, after=1))
        fails_without_a_trace(
            answer,
            "RolledBack",
            f"The endpoint {ENDPOINT} serves {walker.read('models/champion.json')['endpoint_config']}",
        )

    def test_an_endpoint_that_answers_differently_from_the_candidate(self, walker, fails_without_a_trace):
        arn = walker.start({"training_key": walker.new_file()}, *walker.job(SLOW))
        walker.wait_for_state(arn, "WaitForEndpoint")
        line = "no,0.75,\"[0.75, 0.25]\",\"['no', 'yes']\"\n"
        other = Fault("InvokeEndpoint", "answer", ends=ENDPOINT, answer=20 * line)
        walker.sandbox.faults(*walker.job(other))
        fails_without_a_trace(walker.end(arn), "SmokeTestFailed", "20 hold-out rows")

    def test_a_run_that_fails_after_its_release_stays_released(self, walker):
        before = walker.champion
        kill = Fault("PutObject", "kill_before", ends="run.json", times=3, function="FinishFunction")
        answer = walker.train(kill)
        assert (answer["status"], answer["error"]) == ("FAILED", "Runtime.ExitError")
        assert walker.champion == walker.latest["run"] != before
        assert walker.latest["status"] == "released"
        assert "Its model had already been released, and serves." in text_of(walker.mail())
        assert walker.models() == {before, walker.champion}

    def test_a_failed_clean_up_says_what_to_check(self, walker):
        champion, before = walker.champion, walker.models()
        kill = Fault("InvokeEndpoint", "kill_before", begins=CANDIDATE, function="GateFunction")
        answer = walker.train(kill, refused("DeleteEndpoint", "You may not.", ends=CANDIDATE))
        assert (answer["status"], answer["error"]) == ("FAILED", "Runtime.ExitError")
        assert walker.champion == champion
        assert walker.latest["status"] == "failed"
        mail = walker.mail()
        assert "Clean-up failed" in mail.subject
        assert "You may not." in text_of(mail)
        assert walker.models() - before == {walker.latest["run"]}


class TestDrift:
    def test_two_concurrent_triggers_start_one_run_which_cleans_up_after_the_last_one(self, walker):
        left_over = walker.latest["run"]
        assert left_over in walker.models()
        walker.new_file()
        create = scripted("CreateAutoMLJobV2", {"AutoMLJobArn": "arn:aws:sagemaker:::automl-job/scripted"})
        walker.sandbox.faults(*walker.job(create))
        arns = [walker.begin({"trigger": "drift"}) for _ in range(2)]
        wait_for(lambda: walker.requests().keys() & set(arns))
        (asking,) = walker.requests()
        walker.answer(asking, approved=True, by="arn:aws:iam::123456789012:user/ann", reason="Seen.")
        assert "user/ann approved the release: Seen." in walker.latest["reason"]
        answers = [walker.end(arn) for arn in arns]
        assert walker.sandbox.faults_struck()[0] == 1
        assert [answer["status"] for answer in answers] == ["SUCCEEDED", "SUCCEEDED"]
        assert sorted(walker.states(arn)[-1] for arn in arns) == ["Done", "Skipped"]
        assert walker.champion == walker.latest["run"]
        assert left_over not in walker.models()

    def test_drift_without_new_rows_trains_nothing(self, walker):
        before = walker.bystanders()
        arn = walker.start({"trigger": "drift"})
        assert walker.end(arn)["status"] == "SUCCEEDED"
        assert walker.states(arn)[-1] == "Skipped"
        assert "the champion was trained on" in text_of(walker.mail())
        assert walker.bystanders() == before


class TestAfterAll:
    def test_only_the_champion_and_the_one_before_it_are_kept(self, walker):
        champion = walker.read("models/champion.json")
        kept = {champion["run"], champion["previous_run"]}
        assert walker.models() == kept
        pages = walker.s3.get_paginator("list_objects_v2").paginate(Bucket=walker.bucket, Prefix="models/")
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        assert {key.split("/")[1] for key in keys if key.endswith("/train.csv")} == kept

    def test_every_state_was_entered_and_every_transition_taken(self, walker):
        walked = set()
        for arn in walker.executions:
            states = walker.states(arn)
            walked |= {(None, states[0]), *pairwise(states)}
        expected = {(None, DEFINITION["StartAt"])}
        for name, state in DEFINITION["States"].items():
            following = [state.get("Next"), state.get("Default")]
            following += [item["Next"] for item in (*state.get("Choices", []), *state.get("Catch", []))]
            expected |= {(name, other) for other in following if other}
        assert walked == expected
        assert {name for _, name in walked} == DEFINITION["States"].keys()
