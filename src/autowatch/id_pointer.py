"""The pointers from the ids of scored rows to the predictions files that they are in."""

from typing import Any

from autowatch.objects import ObjectMissing, read_json, write_json


def write_pointer(s3: Any, bucket: str, id_prefix: str, predictions_key: str) -> None:
    """Says which predictions file the ids are in that begin with the 16 digits `id_prefix`.

    Whoever scores the file says the same, so it does not matter how often, and by how many, it is written.
    """
    write_json(s3, bucket, _pointer_key(id_prefix), {"predictions_key": predictions_key})


def read_pointer(s3: Any, bucket: str, id_prefix: str) -> str | None:
    """The key of the predictions file with these ids, which may not be committed; None if there never was one."""
    try:
        key: str = read_json(s3, bucket, _pointer_key(id_prefix))["predictions_key"]
    except ObjectMissing:
        return None
    return key


def _pointer_key(id_prefix: str) -> str:
    return f"monitoring/ids/{id_prefix}.json"
