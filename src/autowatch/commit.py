"""The commit of a result: whoever writes the manifest first has made it, everybody else takes back what they wrote."""

import logging
from typing import Any

from botocore.exceptions import ClientError

from autowatch.arrival import Arrival, OutputKeys
from autowatch.id_pointer import write_pointer
from autowatch.manifest import Manifest, manifest_document
from autowatch.objects import ObjectChanged, ObjectMissing, read_json, write_json_if_absent
from autowatch.profile import Profile

_LOGGER = logging.getLogger(__name__)
_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")


def commit(
    s3: Any, bucket: str, arrival: Arrival, keys: OutputKeys, manifest: Manifest, counts: Profile
) -> Manifest:
    """Writes the manifest, unless another run was first: then gives that one and takes back what this run wrote.

    The pointer of the rows' ids goes first, so that labels find the rows of every file that is committed.

    Args:
        counts: of the scored rows; the manifest carries them.
    """
    write_pointer(s3, bucket, arrival.id_prefix, keys.predictions)
    try:
        write_json_if_absent(s3, bucket, keys.manifest, manifest_document(manifest, counts))
    except ObjectChanged:
        # It may be this very manifest, where the answer to a first attempt got lost.
        committed = Manifest.from_json(read_json(s3, bucket, keys.manifest))
        for written in manifest.written:
            if written.version_id is not None and written not in committed.written:
                s3.delete_object(Bucket=bucket, Key=written.key, VersionId=written.version_id)
        return committed
    return manifest


def find_committed(s3: Any, bucket: str, keys: OutputKeys) -> Manifest | None:
    """What has been committed already, None if nothing has."""
    try:
        return Manifest.from_json(read_json(s3, bucket, keys.manifest))
    except ObjectMissing:
        return None


def withdraw_others(s3: Any, bucket: str, keys: OutputKeys, manifest: Manifest) -> None:
    """Deletes what runs that came too late, or died, have put above the versions of the commit."""
    if manifest.predictions.version_id is None:
        return
    committed = {written.key: written.version_id for written in manifest.written}
    for key in (keys.predictions, keys.profile, keys.rejected):
        while (current := _current_version(s3, bucket, key)) not in (None, committed.get(key)):
            s3.delete_object(Bucket=bucket, Key=key, VersionId=current)
            _LOGGER.info("withdrew a duplicate", extra={"key": key, "version_id": current})


def _current_version(s3: Any, bucket: str, key: str) -> str | None:
    try:
        version: str | None = s3.head_object(Bucket=bucket, Key=key).get("VersionId")
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise
    return version
