"""The list of training runs: start, trigger, data, quality and outcome."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from autowatch_client.errors import RunUnknownError
from autowatch_client.nearest import suggestion
from autowatch_client.objects import Bucket

_READS_AT_ONCE = 8


@dataclass(frozen=True)
class RunSummary:
    """One line of the list. Fields are None if the run did not get that far, or an earlier version did not record them.

    Attributes:
        rows: of the training data.
        started_by: the ARN of the caller or the name of the event that started it; `start_reason` is the reason.
        promotes: the earlier run whose model this one released again, if it did not train.
        best_candidate: the name of Autopilot's best model, `best_value` its value of the metric `best_metric`.
        auc: on the hold-out, for two labels. `passed`: whether the model passed the gate.
        measure: the name of the figure that compares models; `value`: that figure on the hold-out.
        status: `running`, `released`, `rejected`, `failed` or None where nothing is recorded.
        serving: this run's model is in force.
    """

    run: str
    started: str | None
    trigger: str | None
    started_by: str | None
    start_reason: str | None
    promotes: str | None
    training_key: str | None
    rows: int | None
    best_candidate: str | None
    best_metric: str | None
    best_value: float | None
    auc: float | None
    measure: str | None
    value: float | None
    passed: bool | None
    status: str | None
    reason: str | None
    serving: bool


_MEASURES = {
    "auc": "AUC",
    "macro_auc": "macro AUC",
    "balanced_accuracy": "balanced accuracy",
    "rmse": "RMSE",
    "mae": "MAE",
}
"""The measures that compare models, in words."""


def main_measure(document: Mapping[str, Any]) -> dict[str, Any]:
    """The members `measure` and `value` of the figures of a gate or a day; None if nothing was measured.

    A day's value is a document with `value`, `lower` and `upper`.
    """
    metrics = document.get("metrics") or {}
    judged = (document.get("judged") or {}).get("measure")
    names = (document.get("decided_by"), judged, *_MEASURES)
    name = next((each for each in names if each and metrics.get(each) is not None), None)
    return {"measure": _MEASURES.get(name or "", name), "value": metrics[name] if name else None}


def list_runs(bucket: Bucket, limit: int) -> tuple[list[RunSummary], int]:
    """The newest `limit` runs, newest first, and how many older ones there are.

    Raises:
        ObjectUnreadableError: an object of a run is not JSON.
    """
    latest = bucket.read_json("models/latest.json") or {}
    champion = bucket.read_json("models/champion.json") or {}
    names = run_names(bucket, latest)
    summarize = partial(_summarize, bucket, latest, champion.get("run"))
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        return list(pool.map(summarize, names[:limit])), max(0, len(names) - limit)


def run_names(bucket: Bucket, latest: dict[str, Any] | None = None) -> list[str]:
    """The names of all runs, newest first: a name begins with the run's start time.

    Args:
        latest: the content of `models/latest.json`, if already read.
    """
    latest = latest if latest is not None else bucket.read_json("models/latest.json") or {}
    # A run that has just claimed the lock has no object of its own yet.
    return sorted({*bucket.folders("models/"), *filter(None, [latest.get("run")])}, reverse=True)


def read_run(bucket: Bucket, run: str) -> dict[str, Any]:
    """The record of a run, `models/<run>/run.json`, or of one that has just started.

    Raises:
        RunUnknownError: no run has that name.
    """
    if "/" not in run and (record := bucket.read_json(f"models/{run}/run.json")):
        return record
    latest = bucket.read_json("models/latest.json") or {}
    if latest.get("run") == run:
        return latest
    raise RunUnknownError(
        f"There is no run {run}. {suggestion(run, run_names(bucket, latest), 'runs')} `autowatch runs` lists them."
    )


def _summarize(bucket: Bucket, latest: dict[str, Any], champion: str | None, run: str) -> RunSummary:
    def read(name: str) -> dict[str, Any]:
        return bucket.read_json(f"models/{run}/{name}") or {}

    record = read("run.json") or (latest if latest.get("run") == run else {})
    gate, contract = read("gate.json"), read("contract.json")
    leaderboard = read("leaderboard.json")
    best: dict[str, Any] = next(iter(leaderboard.get("candidates", ())), {})
    return RunSummary(
        run=run,
        started=record.get("started"),
        trigger=record.get("trigger"),
        started_by=record.get("started_by"),
        start_reason=record.get("start_reason"),
        promotes=record.get("promotes"),
        training_key=(record.get("training") or contract.get("training") or {}).get("key"),
        rows=contract.get("rows"),
        best_candidate=leaderboard.get("best_candidate"),
        best_metric=leaderboard.get("objective"),
        best_value=best.get("value"),
        auc=gate.get("metrics", {}).get("auc"),
        **main_measure(gate),
        passed=gate.get("passed"),
        status=record.get("status"),
        reason=record.get("reason"),
        serving=run == champion,
    )
