"""Labels and the quality of a day as metrics."""

from typing import Any

from autowatch.metrics import emit

COVERAGE = "Coverage"
QUALITY_WORSE = "QualityWorse"
MEASURES = {"auc": "AUC", "accuracy": "Accuracy", "f1": "F1", "log_loss": "LogLoss", "brier": "Brier"}
"""The metric of each figure of `quality.json` that has one."""


def emit_taken(namespace: str, stack: str, taken: int, rejected: int) -> None:
    """Emits what became of the rows of a labels file.

    A file in which nothing fits counts with those that are refused whole: no day shows that it ever came.
    """
    values = {"LabelsTaken": taken, "LabelsRejected": rejected, "LabelFilesRefused": int(taken == 0)}
    emit(namespace, values, {"Stack": stack})


def emit_quality(namespace: str, stack: str, document: dict[str, Any]) -> None:
    """Emits the figures of a `quality.json`; those that the labels do not tell are left out."""
    values: dict[str, float] = {
        COVERAGE: document["coverage"],
        QUALITY_WORSE: int(document["verdict"] == "worse"),
    }
    for measure, metric in MEASURES.items():
        if document["metrics"][measure] is not None:
            values[metric] = document["metrics"][measure]["value"]
    emit(namespace, values, {"Stack": stack})
