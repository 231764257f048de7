"""What a run's model is made of, kept with the run so that the model can be made again."""

from typing import Any

from autowatch.objects import read_json, write_json


def model_record_key(run: str) -> str:
    """Where the record lies."""
    return f"models/{run}/model.json"


def write_model_record(s3: Any, bucket: str, run: str, containers: list[dict[str, Any]]) -> None:
    """Keeps the containers, as CreateModel takes them."""
    write_json(s3, bucket, model_record_key(run), {"run": run, "containers": containers})


def read_model_record(s3: Any, bucket: str, run: str) -> list[dict[str, Any]]:
    """The containers of the run's model.

    Raises:
        ObjectMissing: the run has not got as far as a model.
    """
    containers: list[dict[str, Any]] = read_json(s3, bucket, model_record_key(run))["containers"]
    return containers
