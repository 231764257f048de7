"""Releases a challenger, and undoes a run that does not get that far."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.records.champion import (
    Champion,
    NoChampion,
    mark_release,
    read_champion,
    read_champion_with_etag,
    settle_release,
    write_champion,
)
from autowatch.records.decision import read_decision
from autowatch.records.keys import baseline_key, contract_key
from autowatch.records.problem import ProblemType
from autowatch.records.run import Run, check_running, read_latest
from autowatch.records.smoke import SmokeTest, read_smoke_test
from autowatch.records.timestamps import to_text
from autowatch.scoring.endpoint import Endpoint
from autowatch.training.autopilot import job_name, stop_job
from autowatch.training.serving.endpoints import (
    EndpointBusy,
    candidate_name,
    config_name,
    delete_endpoint,
    delete_model,
    describe_endpoint,
    is_on_its_way,
    model_name,
    switch_endpoint,
)
from autowatch.training.serving.model_record import check_artefacts
from autowatch.training.serving.staging import release

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_TOLERANCE = 1e-4
"""The last digits of 32-bit numbers may differ between a batch of 8,000 rows and one of 20."""

_EVEN = 0.5
"""Within the tolerance of this probability, either label is accepted."""


class RolledBack(AutowatchError):
    """SageMaker rolled the update back: the endpoint serves, but not the released model."""


class ReleaseWithdrawn(AutowatchError):
    """The run was ended during its release, and the release was undone."""


class SmokeTestFailed(AutowatchError):
    """The endpoint's answers differ from the candidate endpoint's for the same rows."""


@dataclass(frozen=True)
class CleanUp:
    """The model in force after a run was undone, and whether it is the run's own."""

    champion: Champion | None
    released: bool


def begin_release(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    endpoint_name: str,
    config: str,
    tags: dict[str, str],
    deployment: dict[str, Any],
) -> None:
    """Starts to serve the run's endpoint config at the endpoint.

    First checks that the model's artefacts are those that the gate judged, and announces the release in
    `models/champion.json`, which scoring reads.

    Raises:
        RunEnded: the run was ended in between.
        ArtefactChanged: an artefact has another digest.
        CandidateStillThere, EndpointBusy, Throttled: call again later.
        ObjectChanged: another run changed the champion in between.
    """
    check_running(bucket, config.removeprefix(f"{endpoint_name}-"))
    check_artefacts(bucket, read_latest(bucket).model_run)
    mark_release(bucket, config)
    release(sagemaker, endpoint_name, config, tags, deployment)


def promote(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    run: str,
    config: str,
    endpoint_name: str,
    endpoint: Endpoint,
    now: datetime,
) -> Champion:
    """Makes the run's model the champion, after checking that the endpoint serves the endpoint config `config`.

    Raises:
        RolledBack: the endpoint serves another config, since a failed update is rolled back silently.
        SmokeTestFailed: its answers differ from the candidate endpoint's.
        ReleaseWithdrawn, RunEnded: the run was ended in between, and its release was undone.
        ObjectChanged: another run released a model in between.
    """
    state = describe_endpoint(sagemaker, endpoint_name)
    if state is None or state.config != config:
        raise RolledBack(
            f"The endpoint {endpoint_name} serves {state.config if state else 'nothing'} instead of {config}: "
            f"{state.failure_reason if state and state.failure_reason else 'SageMaker rolled the update back'}."
        )
    _check_answers(endpoint, read_smoke_test(bucket, run))
    decision = read_decision(bucket, run)
    previous_run = previous_config = etag = None
    releases = 0
    left: tuple[str, ...] = ()
    with suppress(NoChampion):
        current, etag = read_champion_with_etag(bucket)
        if current.endpoint_config == config:
            return current
        if current.releasing != config:
            raise ReleaseWithdrawn(f"The release of run {run} was undone; run {current.run} is in force.")
        # The same model with other settings keeps its predecessor.
        previous_run = current.previous_run if current.run == run else current.run
        # An endpoint that the stack no longer uses still has its config.
        previous_config = current.endpoint_config if current.endpoint_name == endpoint_name else None
        releases = current.releases
        served = dict.fromkeys((*current.left_endpoints, current.endpoint_name))
        left = tuple(name for name in served if name != endpoint_name)
    champion = Champion(
        run=run,
        endpoint_name=endpoint_name,
        endpoint_config=config,
        model_name=model_name(endpoint_name, run),
        contract_key=contract_key(run),
        baseline_key=baseline_key(run),
        released=to_text(now),
        metrics=decision.metrics,
        previous_run=previous_run,
        previous_config=previous_config,
        releases=releases,
        left_endpoints=left,
    )
    check_running(bucket, run)
    write_champion(bucket, champion, etag)
    return champion


def remove_challenger(
    sagemaker: "SageMakerClient", endpoint_name: str, run: str, *, keep_model: bool
) -> None:
    """Deletes the run's candidate endpoint and, unless `keep_model`, its model and endpoint config.

    Raises:
        EndpointBusy: the candidate endpoint cannot be deleted yet; call again later.
    """
    candidate = candidate_name(endpoint_name)
    state = describe_endpoint(sagemaker, candidate)
    # All runs share the candidate's name; that of another run stays.
    if state and state.config == config_name(endpoint_name, run):
        delete_endpoint(sagemaker, candidate)
    if not keep_model:
        delete_model(sagemaker, model_name(endpoint_name, run))


def undo_run(
    bucket: Bucket, sagemaker: "SageMakerClient", run: Run, endpoint_name: str, tags: dict[str, str]
) -> CleanUp:
    """Removes all that `run` made and restores the champion; if `run` has released, its model and config stay.

    The model of an earlier run that `run` was to release again also stays. Idempotent: call it until it succeeds.

    Raises:
        EndpointBusy: an endpoint is in transition; call again later.
    """
    stop_job(sagemaker, job_name(run.run))
    try:
        champion = read_champion(bucket)
    except NoChampion:
        champion = None
    config = config_name(endpoint_name, run.run)
    released = champion is not None and champion.endpoint_config == config
    if not released:
        _restore(sagemaker, champion, endpoint_name, config, tags)
        settle_release(bucket, config)
    remove_challenger(sagemaker, endpoint_name, run.run, keep_model=released)
    return CleanUp(champion, released)


def _check_answers(endpoint: Endpoint, smoke_test: SmokeTest) -> None:
    # These are the new fleet's first requests, so it may still be starting.
    answers = endpoint.predict_when_started(smoke_test.payload.encode(), len(smoke_test.labels))
    staged = zip(smoke_test.labels, map(float, smoke_test.figures), strict=True)
    now = zip(answers.labels, map(float, answers.figures), strict=True)
    tolerance, may_differ = _TOLERANCE * smoke_test.scale, _LABEL_MAY_DIFFER[endpoint.problem.type]
    if not all(
        abs(figure - other_figure) <= tolerance and (label == other_label or may_differ(figure))
        for (label, figure), (other_label, other_figure) in zip(now, staged, strict=True)
    ):
        raise SmokeTestFailed(
            f"The endpoint {endpoint.name} gives other answers than the candidate endpoint for the same "
            f"{len(smoke_test.labels)} hold-out rows."
        )


_LABEL_MAY_DIFFER: dict[ProblemType, Callable[[float], bool]] = {
    "binary": lambda probability: abs(probability - _EVEN) <= _TOLERANCE,
    "multiclass": lambda probability: probability <= _EVEN + _TOLERANCE,
    "regression": lambda _number: True,
}
"""Whether the label may differ if the figure is the same.

If two labels are about equally probable, rounding decides; for numbers, the figure is compared instead.
"""


def _restore(
    sagemaker: "SageMakerClient",
    champion: Champion | None,
    endpoint_name: str,
    config: str,
    tags: dict[str, str],
) -> None:
    """Restores the champion's config at the endpoint; deletes the endpoint if no champion serves there."""
    state = describe_endpoint(sagemaker, endpoint_name)
    if state and is_on_its_way(state):
        raise EndpointBusy(f"The endpoint {endpoint_name} is {state.status}.")
    if state and state.config != config:
        return
    if champion is None or champion.endpoint_name != endpoint_name:
        delete_endpoint(sagemaker, endpoint_name)
    else:
        switch_endpoint(sagemaker, endpoint_name, champion.endpoint_config, tags)
        raise EndpointBusy(f"The endpoint {endpoint_name} is going back to {champion.endpoint_config}.")
