"""The AutoML job: starts it, polls it, and reads its best candidate.

Also: its leaderboard, with the metrics of every candidate and the location of Autopilot's explanation of the best.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from autowatch.aws.objects import Bucket
from autowatch.aws.step_functions import naming_throttling, next_wait
from autowatch.errors import AutowatchError
from autowatch.records.contract import Contract
from autowatch.records.keys import autopilot_folder, leaderboard_key, train_key
from autowatch.records.parameters import objective_of
from autowatch.records.problem import INFERENCE_OUTPUTS, ProblemType
from autowatch.settings import Network

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import AutoMLMetricEnumType, AutoMLModeType, ProblemTypeType
    from mypy_boto3_sagemaker.type_defs import (
        AutoMLCandidateTypeDef,
        AutoMLContainerDefinitionTypeDef,
        AutoMLOutputDataConfigTypeDef,
        MetricDatumTypeDef,
    )

_ENDED_BADLY = ("Failed", "Stopped")


_ONLY_EXPLAINED_BADLY = ("ExplainabilityError", "ModelInsightsError")
"""States of a job whose models are complete although it failed afterwards."""


_GRACE_SECONDS = 3600
"""Autopilot exceeds its own limit to finish candidates that it has begun; a job that exceeds it by more hangs."""


_PROBLEM_TYPES: "Mapping[ProblemType, ProblemTypeType]" = {
    "binary": "BinaryClassification",
    "multiclass": "MulticlassClassification",
    "regression": "Regression",
}


class AutopilotFailed(AutowatchError):
    """The AutoML job failed, was stopped, or ended without a candidate."""


class AutopilotOverdue(AutowatchError):
    """The AutoML job still runs long after its own time limit."""


@dataclass(frozen=True)
class Limits:
    """What a run may cost: the number of candidates, and the seconds for the whole job."""

    candidates: int
    seconds: int


@dataclass(frozen=True)
class JobProgress:
    """The progress of an AutoML job; `best_value` is the objective metric of the best candidate so far."""

    done: bool
    wait_seconds: int
    status: str
    best_candidate: str | None
    best_value: float | None


def job_name(run: str) -> str:
    """The job's name: recognisable, as unique as the run's, and within Autopilot's 32 characters."""
    return f"autowatch-{run}"


@naming_throttling()
def start_job(
    sagemaker: "SageMakerClient",
    bucket: Bucket,
    contract: Contract,
    *,
    role_arn: str,
    mode: str,
    objective: str,
    limits: Limits,
    kms_key: str,
    network: Network,
    tags: dict[str, str],
) -> str:
    """Starts the AutoML job of the contract's run and returns its name; idempotent.

    Args:
        mode: Autopilot's, `ENSEMBLING` or `HYPERPARAMETER_TUNING`.
        objective: the metric that ranks candidates; `auto` is the default of the problem type.
        kms_key: ARN of the key that encrypts the job's disks and output; if empty, S3 and SageMaker use their defaults.
    """
    name = job_name(contract.run)
    security: dict[str, Any] = ({"VolumeKmsKeyId": kms_key} if kms_key else {}) | network.vpc
    secured: dict[str, Any] = {"SecurityConfig": security} if security else {}
    output: AutoMLOutputDataConfigTypeDef = {"S3OutputPath": bucket.url(autopilot_folder(contract.run))}
    if kms_key:
        output["KmsKeyId"] = kms_key
    # If the state ran twice, the job of this name is this run's own: no other run uses the name.
    with suppress(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_auto_ml_job_v2(
            AutoMLJobName=name,
            AutoMLJobInputDataConfig=[
                {
                    "ChannelType": "training",
                    "ContentType": "text/csv;header=present",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": bucket.url(train_key(contract.run)),
                        }
                    },
                }
            ],
            OutputDataConfig=output,
            AutoMLProblemTypeConfig={
                "TabularJobConfig": {
                    "TargetAttributeName": contract.target,
                    "Mode": cast("AutoMLModeType", mode),
                    "ProblemType": _PROBLEM_TYPES[contract.problem_type],
                    "CompletionCriteria": {
                        "MaxCandidates": limits.candidates,
                        "MaxAutoMLJobRuntimeInSeconds": limits.seconds,
                    },
                }
            },
            AutoMLJobObjective={
                "MetricName": cast("AutoMLMetricEnumType", objective_of(contract.problem_type, objective))
            },
            RoleArn=role_arn,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **secured,
        )
    return name


@naming_throttling()
def describe_job(
    sagemaker: "SageMakerClient", name: str, *, limit_seconds: int, poll_seconds: int, now: datetime
) -> JobProgress:
    """The progress of the job. A job that reached its limit with a candidate counts as done.

    So does a job that failed to explain its best candidate, or that still explains it long after the limit.

    Raises:
        AutopilotFailed: it failed, was stopped, or has no candidate, with SageMaker's own reason.
        AutopilotOverdue: it is long past its limit and has no candidate.
    """
    job = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
    status, best = job["AutoMLJobStatus"], job.get("BestCandidate")
    explained_badly = bool(best) and job["AutoMLJobSecondaryStatus"] in _ONLY_EXPLAINED_BADLY
    if (status in _ENDED_BADLY and not explained_badly) or (status == "Completed" and not best):
        reason = job.get("FailureReason") or job["AutoMLJobSecondaryStatus"]
        raise AutopilotFailed(f"The AutoML job {name} ended as {status}: {reason}")
    elapsed = (now - job["CreationTime"]).total_seconds()
    overdue = elapsed > limit_seconds + _GRACE_SECONDS
    if overdue and not best:
        raise AutopilotOverdue(
            f"The AutoML job {name} is still {status} after {elapsed:.0f} s; its limit is {limit_seconds} s. "
            "Look at it in SageMaker and stop it there."
        )
    metric = (best or {}).get("FinalAutoMLJobObjectiveMetric", {})
    return JobProgress(
        done=status in ("Completed", *_ENDED_BADLY) or overdue,
        wait_seconds=next_wait(elapsed, poll_seconds),
        status=job["AutoMLJobSecondaryStatus"],
        best_candidate=best["CandidateName"] if best else None,
        best_value=metric.get("Value"),
    )


@naming_throttling()
def best_containers(sagemaker: "SageMakerClient", name: str) -> list[dict[str, Any]]:
    """The containers of the job's best candidate, in CreateModel's form, set to return all four inference outputs.

    HYPERPARAMETER_TUNING has three: one prepares the features, one predicts, one turns numbers back into labels. Each
    declares in SAGEMAKER_INFERENCE_SUPPORTED which outputs it can return, and needs a setting that says which ones it
    receives from the container before. The containers of a model that predicts numbers return the number only; they
    have no such outputs and stay unchanged.
    """
    job = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
    containers = job["BestCandidate"]["InferenceContainers"]
    tabular = job.get("AutoMLProblemTypeConfig", {}).get("TabularJobConfig", {})
    if tabular.get("ProblemType") == _PROBLEM_TYPES["regression"]:
        return [_asked_for(container, "", "") for container in containers]
    asked, before = [], ""
    for container in containers:
        outputs = ",".join(INFERENCE_OUTPUTS if len(containers) == 1 else _supported(container))
        asked.append(_asked_for(container, before, outputs))
        before = outputs
    return asked


@naming_throttling()
def stop_job(sagemaker: "SageMakerClient", name: str) -> None:
    """Stops the job if it still runs."""
    try:
        job = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
        if job["AutoMLJobStatus"] == "InProgress":
            sagemaker.stop_auto_ml_job(AutoMLJobName=name)
    except sagemaker.exceptions.ResourceNotFound:
        return


def _supported(container: "AutoMLContainerDefinitionTypeDef") -> list[str]:
    declared = container.get("Environment", {}).get("SAGEMAKER_INFERENCE_SUPPORTED", "").split(",")
    supported = {name.strip() for name in declared}
    return [name for name in INFERENCE_OUTPUTS if name in supported]


def _asked_for(container: "AutoMLContainerDefinitionTypeDef", inputs: str, outputs: str) -> dict[str, Any]:
    environment = dict(container.get("Environment", {}))
    if inputs and outputs:
        environment["SAGEMAKER_INFERENCE_INPUT"] = inputs
    if outputs:
        environment["SAGEMAKER_INFERENCE_OUTPUT"] = outputs
    return {
        "Image": container["Image"],
        "ModelDataUrl": container["ModelDataUrl"],
        "Environment": environment,
    }


@dataclass(frozen=True)
class Candidate:
    """One candidate. `value` is its objective metric; `metrics` are by name and data set (`AUC (Validation)`)."""

    name: str
    status: str
    value: float | None
    metrics: dict[str, float]
    seconds: float | None


@dataclass(frozen=True)
class Leaderboard:
    """What `models/<run>/leaderboard.json` holds; the best candidate comes first.

    `artefacts` are S3 locations by name: the best candidate's explainability and insights, and the job's notebooks.
    `partial_failures` are Autopilot's own messages about the steps that it could not do.
    """

    job_name: str
    objective: str | None
    best_candidate: str
    candidates: tuple[Candidate, ...]
    artefacts: dict[str, str]
    partial_failures: tuple[str, ...] = ()


def keep_leaderboard(bucket: Bucket, sagemaker: "SageMakerClient", run: str, job_name: str) -> None:
    """Writes the job's leaderboard as the run's `leaderboard.json`."""
    bucket.write_json(leaderboard_key(run), read_leaderboard(sagemaker, job_name))


def read_leaderboard(sagemaker: "SageMakerClient", job_name: str) -> Leaderboard:
    """All candidates of a job that has a best one, and the locations of its artefacts."""
    job = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=job_name)
    best = job["BestCandidate"]
    pages = sagemaker.get_paginator("list_candidates_for_auto_ml_job").paginate(AutoMLJobName=job_name)
    candidates = [_candidate(item) for page in pages for item in page["Candidates"]]
    candidates.sort(
        key=lambda item: (item.name != best["CandidateName"], item.value is None, -(item.value or 0))
    )
    artefacts = best.get("CandidateProperties", {}).get("CandidateArtifactLocations", {})
    return Leaderboard(
        job_name=job_name,
        objective=best.get("FinalAutoMLJobObjectiveMetric", {}).get("MetricName"),
        best_candidate=best["CandidateName"],
        candidates=tuple(candidates),
        artefacts=cast(dict[str, str], {**artefacts, **job.get("AutoMLJobArtifacts", {})}),
        partial_failures=tuple(
            reason["PartialFailureMessage"]
            for reason in job.get("PartialFailureReasons", [])
            if "PartialFailureMessage" in reason
        ),
    )


def _candidate(item: "AutoMLCandidateTypeDef") -> Candidate:
    ended = item.get("EndTime")
    return Candidate(
        name=item["CandidateName"],
        status=item["CandidateStatus"],
        value=item.get("FinalAutoMLJobObjectiveMetric", {}).get("Value"),
        metrics={
            _metric_name(metric): metric["Value"]
            for metric in item.get("CandidateProperties", {}).get("CandidateMetrics", [])
            if "Value" in metric
        },
        seconds=(ended - item["CreationTime"]).total_seconds() if ended else None,
    )


def _metric_name(metric: "MetricDatumTypeDef") -> str:
    name = metric.get("StandardMetricName") or metric.get("MetricName", "")
    return f"{name} ({metric['Set']})" if "Set" in metric else str(name)
