"""Autopilot jobs: CreateAutoMLJobV2 and related operations."""

import json
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.sagemaker.autopilot.automl_request import check_job_request
from sandbox.sagemaker.children import Child
from sandbox.sagemaker.platform import Platform, split_s3_uri
from sandbox.sagemaker.wire.errors import ResourceInUse, ResourceNotFound, ValidationException
from sandbox.sagemaker.wire.listing import page, select
from sandbox.sagemaker.wire.tags import Tags

_ALGORITHMS = ("lightgbm", "catboost", "xgboost", "extra-trees", "randomforest", "linear-learner")
_DEFAULT_CANDIDATES = 250
_DEFAULT_RUNTIME_SECONDS = 3600
# The worker observes the time limit; this ends one that hangs.
_SECONDS_BEYOND_LIMIT = 60
_DEFAULT_VALIDATION_FRACTION = 0.2
_INFERENCE_OUTPUTS = "predicted_label,probability,probabilities,labels"
_MINIMISED = {"MSE", "RMSE", "MAE"}
_OF_NUMBERS = {*_MINIMISED, "R2"}


@dataclass
class _Job:
    request: dict[str, Any]
    arn: str
    directory: Path
    child: Child | None
    watchdog: threading.Timer | None
    created: float
    modified: float
    stopping: bool = False
    ended: float | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        return str(self.request["AutoMLJobName"])


@dataclass(frozen=True)
class _State:
    status: str
    secondary_status: str
    failure_reason: str | None
    ended: float | None
    progress: dict[str, Any]


class AutoMLJobs:
    """Autopilot: every job trains in a process of its own."""

    def __init__(self, platform: Platform, tags: Tags) -> None:
        self._platform = platform
        self._tags = tags
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateAutoMLJobV2.

        Raises:
            ResourceInUse: the name is taken.
            ValidationException: SageMaker refuses the request, or the sandbox does not support it.
        """
        check_job_request(request)
        name = request["AutoMLJobName"]
        arn = self._platform.arn("automl-job", name)
        with self._lock:
            if name in self._jobs:
                raise ResourceInUse(
                    f'An AutoML job with the name "{arn}" exists already. Choose another name.'
                )
            self._jobs[name] = self._start(request, arn)
        self._tags.start(arn, request.get("Tags"))
        return {"AutoMLJobArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeAutoMLJobV2."""
        job = self._find(request["AutoMLJobName"])
        state = self._state(job)
        candidates = [self._candidate(job, item) for item in state.progress["candidates"]]
        best = max(candidates, key=_goodness, default=None)
        tabular = job.request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
        return {
            **job.request,
            **self._summary(job),
            "AutoMLProblemTypeConfigName": "Tabular",
            "BestCandidate": best,
            "ResolvedAttributes": {
                "AutoMLJobObjective": {"MetricName": state.progress["objective"]},
                "CompletionCriteria": tabular.get("CompletionCriteria", {}),
                "AutoMLProblemTypeResolvedAttributes": {
                    "TabularResolvedAttributes": {"ProblemType": state.progress["problem_type"]}
                },
            }
            if "problem_type" in state.progress
            else None,
        }

    def list_candidates(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCandidatesForAutoMLJob: those trained so far."""
        job = self._find(request["AutoMLJobName"])
        candidates = [self._candidate(job, item) for item in self._state(job).progress["candidates"]]
        chosen = [
            candidate
            for candidate in candidates
            if request.get("StatusEquals", "Completed") == "Completed"
            and request.get("CandidateNameEquals", candidate["CandidateName"]) == candidate["CandidateName"]
        ]
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            chosen.sort(key=_objective_value)
        else:
            chosen.sort(key=lambda candidate: candidate["CreationTime"])
        if request.get("SortOrder", "Descending") == "Descending":
            chosen.reverse()
        return page(chosen, request, "Candidates")

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopAutoMLJob: the job is Stopping until its process has ended.

        Raises:
            ValidationException: the job has ended.
        """
        job = self._find(request["AutoMLJobName"])
        state = self._state(job)
        if state.status not in ("InProgress", "Stopping"):
            raise ValidationException(
                f"The request was rejected because the AutoML job is in status {state.status}."
            )
        job.stopping = True
        threading.Thread(target=self._end, args=(job,), daemon=True).start()
        return {}

    def list_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListAutoMLJobs."""
        with self._lock:
            jobs = list(self._jobs.values())
        return page(select(map(self._summary, jobs), request, "AutoMLJob"), request, "AutoMLJobSummaries")

    def close(self) -> None:
        """Ends every training process."""
        with self._lock:
            for job in self._jobs.values():
                self._end(job)

    def _start(self, request: dict[str, Any], arn: str) -> _Job:
        name = request["AutoMLJobName"]
        directory = self._platform.state_dir / "automl" / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        now = time.time()
        job = _Job(request, arn, directory, None, None, now, now)
        try:
            description = self._describe_for_worker(request)
        except _ChannelUnusable as error:
            job.failure, job.ended = str(error), now
            return job
        (directory / "job.json").write_text(json.dumps(description, allow_nan=False))
        job.child = Child(
            self._platform.model_python,
            "train.py",
            [str(directory)],
            self._environment(request["RoleArn"]),
            self._platform.state_dir / "logs" / "automl" / f"{name}.log",
        )
        job.watchdog = threading.Timer(description["max_runtime"] + _SECONDS_BEYOND_LIMIT, job.child.end)
        job.watchdog.daemon = True
        job.watchdog.start()
        return job

    def _describe_for_worker(self, request: dict[str, Any]) -> dict[str, Any]:
        tabular = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
        limits = tabular.get("CompletionCriteria", {})
        algorithms = [
            algorithm
            for config in tabular.get("CandidateGenerationConfig", {}).get("AlgorithmsConfig", ())
            for algorithm in config["AutoMLAlgorithms"]
        ]
        return {
            "name": request["AutoMLJobName"],
            "endpoint_url": self._platform.endpoint_url,
            "region": self._platform.region,
            "channels": {
                channel.get("ChannelType", "training"): self._objects(
                    channel["DataSource"]["S3DataSource"]["S3Uri"], request["RoleArn"]
                )
                for channel in request["AutoMLJobInputDataConfig"]
            },
            "target": tabular["TargetAttributeName"],
            "problem_type": tabular.get("ProblemType"),
            "objective": request.get("AutoMLJobObjective", {}).get("MetricName"),
            "algorithms": algorithms or _ALGORITHMS,
            "max_candidates": limits.get("MaxCandidates", _DEFAULT_CANDIDATES),
            "max_runtime_per_candidate": limits.get("MaxRuntimePerTrainingJobInSeconds"),
            "max_runtime": limits.get("MaxAutoMLJobRuntimeInSeconds", _DEFAULT_RUNTIME_SECONDS),
            "validation_fraction": request.get("DataSplitConfig", {}).get(
                "ValidationFraction", _DEFAULT_VALIDATION_FRACTION
            ),
            "output_path": request["OutputDataConfig"]["S3OutputPath"],
        }

    def _environment(self, role_arn: str) -> dict[str, str]:
        access_key, secret_key = self._platform.assume(role_arn)
        keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        return {**self._platform.child_environment(), **keys}

    def _objects(self, uri: str, role_arn: str) -> list[str]:
        bucket, prefix = split_s3_uri(uri)
        try:
            s3 = self._platform.s3(role_arn)
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [item["Key"] for answer in pages for item in answer.get("Contents", ()) if item["Size"]]
        except (ClientError, BotoCoreError) as error:
            raise _ChannelUnusable(f"{uri} could not be listed: {error}") from error
        if not found:
            raise _ChannelUnusable(f"There is no data under {uri}.")
        return [f"s3://{bucket}/{key}" for key in found]

    def _end(self, job: _Job) -> None:
        if job.watchdog:
            job.watchdog.cancel()
        if job.child:
            job.child.end()

    def _find(self, name: str) -> _Job:
        with self._lock:
            if name not in self._jobs:
                raise ResourceNotFound(
                    f'Could not find AutoML job "{self._platform.arn("automl-job", name)}".'
                )
            return self._jobs[name]

    def _state(self, job: _Job) -> _State:
        # Check first whether the process runs: once it has ended, all of its output exists.
        running = job.child is not None and job.child.running
        progress = self._progress(job)
        if progress["status"] != "InProgress" and not (job.stopping and running):
            if job.watchdog:
                job.watchdog.cancel()
            return _State(
                progress["status"],
                progress["secondary_status"],
                progress.get("failure_reason"),
                progress["ended"],
                progress,
            )
        if running:
            status = "Stopping" if job.stopping else "InProgress"
            secondary = "Stopping" if job.stopping else progress["secondary_status"]
            return _State(status, secondary, None, None, progress)
        job.ended = job.ended or time.time()
        if job.stopping:
            return _State("Stopped", "Stopped", None, job.ended, progress)
        reason = job.failure or (
            "The training process ended before the job was done"
            f" (exit code {job.child.exit_code if job.child else None}). Its log is {job.child and job.child.log}."
        )
        return _State("Failed", "Failed", reason, job.ended, progress)

    def _progress(self, job: _Job) -> dict[str, Any]:
        path = job.directory / "progress.json"
        if not path.exists():
            return {"status": "InProgress", "secondary_status": "Starting", "candidates": []}
        job.modified = path.stat().st_mtime
        progress: dict[str, Any] = json.loads(path.read_text())
        return progress

    def _summary(self, job: _Job) -> dict[str, Any]:
        state = self._state(job)
        return {
            "AutoMLJobName": job.name,
            "AutoMLJobArn": job.arn,
            "AutoMLJobStatus": state.status,
            "AutoMLJobSecondaryStatus": state.secondary_status,
            "CreationTime": job.created,
            "LastModifiedTime": state.ended or job.modified,
            "EndTime": state.ended,
            "FailureReason": state.failure_reason and state.failure_reason[:1024],
        }

    def _candidate(self, job: _Job, item: dict[str, Any]) -> dict[str, Any]:
        objective = item["objective"]
        containers = [
            {
                "Image": self._platform.image,
                "ModelDataUrl": item["model_data_url"],
                "Environment": {}
                if objective["name"] in _OF_NUMBERS
                else {
                    "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
                    "SAGEMAKER_INFERENCE_SUPPORTED": _INFERENCE_OUTPUTS,
                },
            }
            for _ in range("model_data_url" in item)
        ]
        return {
            "CandidateName": item["name"],
            "CandidateStatus": "Completed",
            "ObjectiveStatus": "Succeeded",
            "FinalAutoMLJobObjectiveMetric": {
                "Type": "Minimize" if objective["name"] in _MINIMISED else "Maximize",
                "MetricName": objective["name"],
                "StandardMetricName": objective["name"],
                "Value": objective["value"],
            },
            "CandidateSteps": [
                {
                    "CandidateStepType": "AWS::SageMaker::TrainingJob",
                    "CandidateStepArn": self._platform.arn("training-job", f"{job.name}-{item['name']}"),
                    "CandidateStepName": f"{job.name}-{item['name']}"[:64],
                }
            ],
            "InferenceContainers": containers,
            "InferenceContainerDefinitions": {"CPU": containers} if containers else None,
            "CandidateProperties": {
                "CandidateMetrics": [
                    {
                        # The objective names lack LogLoss, so SageMaker gives it only its standard name.
                        "MetricName": None if name == "LogLoss" else name,
                        "StandardMetricName": name,
                        "Value": value,
                        "Set": "Validation",
                    }
                    for name, value in item.get("metrics", {}).items()
                ],
                "CandidateArtifactLocations": {"Explainability": item["explainability"]}
                if "explainability" in item
                else None,
            },
            "CreationTime": item["created"],
            "EndTime": item["ended"],
            "LastModifiedTime": item["ended"],
        }


class _ChannelUnusable(Exception):
    """A channel's data cannot be listed; the message is the job's FailureReason."""


def _goodness(candidate: dict[str, Any]) -> float:
    metric = candidate["FinalAutoMLJobObjectiveMetric"]
    return -_objective_value(candidate) if metric["Type"] == "Minimize" else _objective_value(candidate)


def _objective_value(candidate: dict[str, Any]) -> float:
    return float(candidate["FinalAutoMLJobObjectiveMetric"]["Value"])
