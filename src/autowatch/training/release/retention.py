"""Keeping the models of the last few releases, and removing the others with all that they need room for."""

from collections import defaultdict
from contextlib import suppress
from typing import Any

from autowatch.aws.objects import ObjectMissing, read_json
from autowatch.errors import AutowatchError
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.run import run_key
from autowatch.training.serving.endpoints import delete_config, delete_model, describe_endpoint, model_name

_PREFIX = "models/"
_BULKY = ("train.csv", "holdout.csv", "autopilot/")
"""What goes; a run's records stay, for they are small and predictions name the run."""

_MOST_AT_ONCE = 1000
"""Objects that one DeleteObjects request takes."""


class NotRemoved(AutowatchError):
    """S3 did not delete an object."""


def remove_old_models(s3: Any, sagemaker: Any, bucket: str, endpoint_name: str, keep: int) -> list[str]:
    """Removes models, endpoint configs and artefacts of all runs but the newest `keep` that were released.

    Never those of the champion, of the one in force before it, or of the config that the endpoint is on. Returns the
    runs whose models were removed. May be done twice: a run's objects go last, so an interrupted removal is completed
    by the next one.

    Raises:
        NotRemoved: S3 kept an object.
    """
    objects = _bulky_objects(s3, bucket)
    in_use = _runs_in_use(s3, sagemaker, bucket, endpoint_name)
    released = sorted(
        (run for run in objects if run in in_use or _was_released(s3, bucket, run)), reverse=True
    )
    removed = sorted(objects.keys() - in_use - set(released[:keep]))
    for run in removed:
        delete_model(sagemaker, model_name(endpoint_name, run))
        _delete(s3, bucket, objects[run])
    return removed


def remove_replaced_config(s3: Any, sagemaker: Any, bucket: str) -> None:
    """Removes the endpoint config that the endpoint was on before; whoever releases its model again makes another."""
    with suppress(NoChampion):
        previous = read_champion(s3, bucket).previous_config
        if previous:
            delete_config(sagemaker, previous)


def _bulky_objects(s3: Any, bucket: str) -> dict[str, list[str]]:
    """The keys of what takes room, by run."""
    found: dict[str, list[str]] = defaultdict(list)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_PREFIX):
        for item in page.get("Contents", []):
            run, _, name = item["Key"].removeprefix(_PREFIX).partition("/")
            if name.startswith(_BULKY):
                found[run].append(item["Key"])
    return found


def _runs_in_use(s3: Any, sagemaker: Any, bucket: str, endpoint_name: str) -> set[str]:
    state = describe_endpoint(sagemaker, endpoint_name)
    serving = {state.config.removeprefix(f"{endpoint_name}-")} if state else set()
    try:
        champion = read_champion(s3, bucket)
    except NoChampion:
        return serving
    return serving | {champion.run} | ({champion.previous_run} if champion.previous_run else set())


def _was_released(s3: Any, bucket: str, run: str) -> bool:
    try:
        return bool(read_json(s3, bucket, run_key(run))["status"] == "released")
    except ObjectMissing:
        return False


def _delete(s3: Any, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), _MOST_AT_ONCE):
        objects = [{"Key": key} for key in keys[start : start + _MOST_AT_ONCE]]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors", []):
            raise NotRemoved(f"S3 did not delete {error['Key']}: {error['Code']} {error['Message']}")
