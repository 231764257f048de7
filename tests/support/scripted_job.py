"""A scripted AutoML job that takes no time: faults give SageMaker's answers, and a given model is its candidate."""

import json
import time

from sandbox.faults import Fault


def scripted(operation, answer, **when):
    return Fault(f"sagemaker:{operation}", "answer", answer=json.dumps(answer), **when)


def automl_job(
    model,
    status="Completed",
    secondary="Completed",
    reason=None,
    created=None,
    candidate=True,
    looks_in_progress=1,
):
    """In progress at the first polls (None: at all), then in the given state; `model`: a container and its artefact."""
    created = created or time.time()
    best = {
        "CandidateName": "best",
        "CandidateStatus": "Completed",
        "ObjectiveStatus": "Succeeded",
        "CandidateSteps": [],
        "CreationTime": created,
        "EndTime": created + 5,
        "LastModifiedTime": created + 5,
        "FinalAutoMLJobObjectiveMetric": {"MetricName": "AUC", "Value": 0.9},
        "InferenceContainers": [{**model, "Environment": {}}],
    }
    running = {
        "AutoMLJobStatus": "InProgress",
        "AutoMLJobSecondaryStatus": "TrainingModels",
        "CreationTime": created,
    }
    running |= {"BestCandidate": best} if candidate else {}
    ended = running | {"AutoMLJobStatus": status, "AutoMLJobSecondaryStatus": secondary}
    ended |= {"FailureReason": reason} if reason else {}
    return (
        scripted("CreateAutoMLJobV2", {"AutoMLJobArn": "arn:aws:sagemaker:::automl-job/scripted"}),
        scripted("DescribeAutoMLJobV2", running, times=looks_in_progress),
        scripted("DescribeAutoMLJobV2", ended),
        scripted("ListCandidatesForAutoMLJob", {"Candidates": [best]}),
        scripted("StopAutoMLJob", {}),
    )
