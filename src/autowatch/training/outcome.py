"""Ends a run: cleans up, records the outcome, and sends a mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.step_functions import Throttled
from autowatch.errors import AutowatchError
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.decision import GateDecision, read_decision, write_decision
from autowatch.records.keys import contract_key, run_page_key
from autowatch.records.problem import ProblemType
from autowatch.records.run import Run, Status, begin_ending, end_run, read_latest, run_facts
from autowatch.reports.publish import write_run_report
from autowatch.training.approval import ApprovalAnswer, with_answer
from autowatch.training.data.report import read_warnings
from autowatch.training.release.promote import CleanUp, remove_challenger, undo_run
from autowatch.training.release.retention import (
    remove_left_endpoints,
    remove_old_models,
    remove_replaced_config,
)
from autowatch.training.serving.endpoints import EndpointBusy

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient

_LAST_REQUESTS, _BETWEEN_LOOKS = 10.0, 5.0
"""Seconds."""


class RunOvertaken(AutowatchError):
    """An execution was redriven after another run had begun."""


def finish_run(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    *,
    run: str,
    endpoint_name: str,
    stack: str,
    topic_arn: str,
    keep_models: int,
    answer: ApprovalAnswer | None = None,
    unknown_to_domino: str | None = None,
    now: datetime,
) -> Run:
    """Ends a run that the gate decided on: released, or rejected, which is also a normal end.

    After a release, deletes all models except the newest `keep_models` and those in use, and the endpoints that `stack`
    no longer uses.

    Args:
        answer: the answer of a person who was asked to approve the release; None if nobody was asked.
        unknown_to_domino: why the released model could not be registered with Domino; None if it could, or need not be.

    Raises:
        EndpointBusy: an endpoint cannot be deleted yet; call again later.
        RunOvertaken: another run has begun since, which can only happen after this run's execution ended.
    """
    latest = read_latest(bucket)
    if latest.run != run:
        raise RunOvertaken(f"Run {latest.run} has begun since run {run} ended; nothing of it was touched.")
    decision = read_decision(bucket, latest.model_run)
    if answer:
        decision = with_answer(decision, answer)
        write_decision(bucket, run, decision)
    remove_challenger(sagemaker, endpoint_name, run, keep_model=decision.passed)
    if decision.passed:
        remove_old_models(bucket, sagemaker, endpoint_name, keep_models)
        remove_replaced_config(bucket, sagemaker)
        remove_left_endpoints(bucket, sagemaker, stack)
    status: Status = "released" if decision.passed else "rejected"
    ended = end_run(bucket, latest, status, decision.reason, now)
    after = (
        f"Endpoint {endpoint_name} now serves the model of run {latest.model_run}."
        if decision.passed
        else _after_rejection(bucket, run, decision)
    )
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in decision.metrics.items())
    lines = [
        f"Run {run} was {status}.",
        decision.reason,
        after,
        "",
        *run_facts(ended),
        f"Hold-out: {metrics}.",
        *_what_is_predicted(read_contract(bucket, contract_key(latest.model_run)), decision),
    ]
    if unknown_to_domino is not None:
        lines.append(
            f"This model is not registered with Domino yet: {unknown_to_domino} The daily run registers it before the "
            "first file that it has scored."
        )
    lines += read_warnings(bucket, run)
    lines.append(_report(bucket, ended))
    publish(sns, topic_arn, f"[{stack}] Model {status}: run {run}", lines)
    return ended


def fail_run(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    *,
    run: str,
    endpoint_name: str,
    stack: str,
    topic_arn: str,
    tags: dict[str, str],
    error: str,
    cause: str,
    now: datetime,
) -> None:
    """Ends a run that failed: the champion keeps serving, and only the run's record is left.

    A run that was refused before it began has nothing to clean up, and must not touch anything of another run.

    Raises:
        EndpointBusy: an endpoint is in transition; call again later.
    """
    try:
        latest = read_latest(bucket)
    except ObjectMissing:
        latest = None
    if latest is None or latest.run != run:
        lines = [f"A training run was refused: {cause}", f"({error})", "Nothing was created or changed."]
        publish(sns, topic_arn, f"[{stack}] Training run refused", lines)
        return
    left = undo_run(bucket, sagemaker, latest, endpoint_name, tags)
    ended = end_run(bucket, latest, "released" if left.released else "failed", cause, now)
    lines = [f"Run {run} failed: {cause}", f"({error})", _what_serves(left), "", *run_facts(ended)]
    lines.append(_report(bucket, ended))
    publish(sns, topic_arn, f"[{stack}] Training run failed: run {run}", lines)


@dataclass(frozen=True)
class EndedExecution:
    """An execution that did not succeed: its ARN, its status, and the cause, if Step Functions gives one."""

    execution: str
    status: str
    cause: str


def clean_up_run(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    ended: EndedExecution,
    *,
    endpoint_name: str,
    stack: str,
    topic_arn: str,
    tags: dict[str, str],
    now: Callable[[], datetime],
    wait: Callable[[float], None],
) -> None:
    """Cleans up after a run whose execution has ended for any reason and at any stage.

    If the run's own states ended it, they have cleaned up and sent a mail; then this only checks again for leftovers
    and sends none. Does nothing for an execution that does not hold the lock.

    Args:
        wait: sleeps for the given seconds, or raises if the caller has less time left.

    Raises:
        EndpointBusy, Throttled: the clean-up could not be completed in time; call again.
    """
    try:
        run = read_latest(bucket)
    except ObjectMissing:
        return
    if run.execution != ended.execution:
        return
    told = _has_ended(run)
    if not told:
        begin_ending(bucket, run)
        # The last state's function may still be running, between reading the run's record and acting on it: the Finish
        # state may yet end the run and send the ordinary mail.
        wait(_LAST_REQUESTS)
        run = read_latest(bucket)
        if run.execution != ended.execution:
            return
        told = _has_ended(run)
    left = _undo_patiently(bucket, sagemaker, run, endpoint_name, tags, wait)
    if told:
        return
    reason = f"Its execution ended {ended.status}. {ended.cause}".strip()
    done = end_run(bucket, run, "released" if left.released else "failed", reason, now())
    lines = [f"Run {run.run} was ended from outside. {reason}", _what_serves(left), "", *run_facts(done)]
    lines.append(_report(bucket, done))
    publish(sns, topic_arn, f"[{stack}] Training run ended from outside: run {run.run}", lines)


def _has_ended(run: Run) -> bool:
    """Whether the run's own last state has ended it and sent the mail."""
    return run.status not in ("running", "ending")


def _undo_patiently(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    run: Run,
    endpoint_name: str,
    tags: dict[str, str],
    wait: Callable[[float], None],
) -> CleanUp:
    while True:
        try:
            return undo_run(bucket, sagemaker, run, endpoint_name, tags)
        except (EndpointBusy, Throttled):
            wait(_BETWEEN_LOOKS)


def _what_is_predicted(contract: Contract, decision: GateDecision) -> list[str]:
    return _PREDICTED[contract.problem_type](contract, decision)


def _of_two_labels(contract: Contract, decision: GateDecision) -> list[str]:
    origin = {
        "parameter": ", as the parameter PositiveLabel says",
        "champion": ", as for the model in force before",
        "rarer": ", the rarer label of the training file",
    }.get(contract.positive_label_from or "", "")
    positive, negative = repr(contract.positive_label), repr(contract.negative_label)
    lines = [f"{contract.probability_column} is the probability of {positive}{origin}."]
    if threshold := contract.decision_threshold:
        lines.append(
            f"{contract.target} is {positive} if that is at least {threshold.value:.6g} ({threshold.origin})."
        )
    elif decision.challenger and decision.challenger.gives_no_positive_label:
        lines.append(
            f"The model's own label is {negative} for every row of the hold-out. To choose the lowest probability at "
            f"which a row is {positive}, set the parameter DecisionThreshold."
        )
    return lines


def _of_several_labels(contract: Contract, _decision: GateDecision) -> list[str]:
    return [
        f"{contract.target} is one of {len(contract.labels)} labels, {_chosen_by(contract)}. "
        f"{contract.probability_column} is the probability of the predicted label."
    ]


def _of_numbers(contract: Contract, _decision: GateDecision) -> list[str]:
    return [f"{contract.target} is a number, {_chosen_by(contract)}."]


def _chosen_by(contract: Contract) -> str:
    if contract.problem_type_from == "parameter":
        return "as the parameter ProblemType says"
    return "as its values in the training file suggest (set the parameter ProblemType to choose)"


_PREDICTED: Mapping[ProblemType, Callable[[Contract, GateDecision], list[str]]] = {
    "binary": _of_two_labels,
    "multiclass": _of_several_labels,
    "regression": _of_numbers,
}

_FLOORS: Mapping[str, str] = {
    "auc": "MinimumAuc",
    "macro_auc": "MinimumAuc",
    "macro_f1": "MinimumMacroF1",
    "r2": "MinimumR2",
}
"""The parameter of each measure that has a floor."""


def _after_rejection(bucket: Bucket, run: str, decision: GateDecision) -> str:
    try:
        champion = read_champion(bucket)
    except NoChampion:
        missed = [
            _FLOORS[name]
            for name, floor in decision.floors.items()
            if decision.metrics.get(name, -inf) < floor
        ]
        lower = f", or lower {' and '.join(missed)} if a weaker model is enough" if missed else ""
        return (
            "No model has been released yet, so no file is scored. "
            f"{run_page_key(run)} shows how well the model did; train on more rows or better columns{lower}."
        )
    return f"The model of run {champion.run} keeps serving. Nothing else changed."


def _what_serves(left: CleanUp) -> str:
    if left.champion is None:
        return "No model has been released yet, so no file is scored."
    if left.released:
        return "Its model had already been released, and serves."
    return f"The model of run {left.champion.run} keeps serving. What the run made was deleted."


def _report(bucket: Bucket, ended: Run) -> str:
    return f"Report: {bucket.url(write_run_report(bucket, ended))}"
