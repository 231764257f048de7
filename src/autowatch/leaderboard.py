"""The leaderboard of an AutoML job: every candidate with its metrics, and where Autopilot explains the best one."""

from dataclasses import asdict, dataclass
from typing import Any

from autowatch.objects import write_json


@dataclass(frozen=True)
class Candidate:
    """One candidate. `value` is the objective metric's, `metrics` are by name and set (`AUC (Validation)`)."""

    name: str
    status: str
    value: float | None
    metrics: dict[str, float]
    seconds: float | None


@dataclass(frozen=True)
class Leaderboard:
    """What `models/<run>/leaderboard.json` holds; the best candidate stands first.

    `artefacts` are S3 locations by name: the best candidate's explainability and insights, the job's notebooks.
    """

    job_name: str
    objective: str | None
    best_candidate: str
    candidates: tuple[Candidate, ...]
    artefacts: dict[str, str]


def leaderboard_key(run: str) -> str:
    """Where the run's leaderboard lies."""
    return f"models/{run}/leaderboard.json"


def keep_leaderboard(s3: Any, sagemaker: Any, bucket: str, run: str, job_name: str) -> None:
    """Writes the job's leaderboard as the run's `leaderboard.json`."""
    document = asdict(read_leaderboard(sagemaker, job_name))
    write_json(s3, bucket, leaderboard_key(run), document)


def read_leaderboard(sagemaker: Any, job_name: str) -> Leaderboard:
    """All candidates of a job that has a best one, and where its artefacts are."""
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
        artefacts={**artefacts, **job.get("AutoMLJobArtifacts", {})},
    )


def _candidate(item: dict[str, Any]) -> Candidate:
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


def _metric_name(metric: dict[str, Any]) -> str:
    name = metric.get("StandardMetricName") or metric.get("MetricName", "")
    return f"{name} ({metric['Set']})" if "Set" in metric else str(name)
