"""Taking out what a search has found: each object is written anew without the rows, and their versions are deleted.

The order is the traces's. An object's new version is written first, then the manifest names it, then the versions with
the rows go: whatever breaks off in between, the rows are still found, or are gone.
"""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from autowatch_client.errors import RefusedError
from autowatch_client.forgetting.rows import write_without
from autowatch_client.forgetting.search import Found, Traces, manifest_key, quoted_texts, quotes_texts
from autowatch_client.objects import Bucket, StoredVersion

MARK = "autowatch-forgotten"
"""In an object's metadata: it was written anew, and when it had been uploaded. It is not scored or taken in again."""


def erase(
    bucket: Bucket,
    traces: Traces,
    judge_anew: Callable[[str], object],
    on_object: Callable[[Found], None],
) -> list[str]:
    """Takes the rows out, and gives a sentence for each report that still quotes a text of the person.

    Args:
        judge_anew: judges a day, `YYYY-MM-DD`, by its manifests as they are now.
        on_object: called after each object.

    Raises:
        RefusedError: an object changed in between, or S3 keeps a version. What was done stays done.
    """
    left: list[str] = []
    for found in traces.objects:
        if found.action == "take out":
            _take_out(bucket, found)
        elif found.action == "take out of smoke test":
            _take_out_of_smoke_test(bucket, found)
        elif found.action == "take out of profile":
            _take_out_of_profile(bucket, found, traces)
        elif found.action == "judge anew":
            left += _renew_report(bucket, found.key, traces, judge_anew)
        else:
            bucket.delete_versions(found.stale)
        on_object(found)
    return left


def _take_out(bucket: Bucket, found: Found) -> None:
    if found.live is None:
        bucket.delete_versions(found.stale)
        return
    with tempfile.TemporaryDirectory() as folder:
        whole, rest = Path(folder) / "whole.csv", Path(folder) / "rest.csv"
        bucket.download(found.key, whole, found.live.version_id)
        write_without(whole, rest, found.numbers)
        written = bucket.rewrite(found.live, rest, MARK)
    _name_in_manifest(bucket, found.key, written, len(found.numbers))
    _delete_others(bucket, (found.live, *found.stale), written)


def _take_out_of_smoke_test(bucket: Bucket, found: Found) -> None:
    if found.live is None:
        bucket.delete_versions(found.stale)
        return
    document = bucket.read_json(found.key, found.live.version_id) or {}
    lines = list(_csv_lines(document["payload"]))
    kept = [place for place in range(len(lines)) if place + 1 not in found.numbers]
    if not kept:
        bucket.delete_versions((found.live, *found.stale))
        return
    document["payload"] = "".join(lines[place] for place in kept)
    for name in ("labels", "probabilities"):
        # A model of numbers has no probabilities.
        document[name] = [document[name][place] for place in kept if document[name]]
    _rewrite_json(bucket, found, document)


def _csv_lines(payload: str) -> Iterable[str]:
    """The rows of a payload as they stand there, line breaks in cells among them."""
    taken: list[str] = []

    def lines() -> Iterable[str]:
        for line in io.StringIO(payload, newline="\n"):
            taken.append(line)
            yield line

    for _ in csv.reader(lines()):
        yield "".join(taken)
        taken.clear()


def _take_out_of_profile(bucket: Bucket, found: Found, traces: Traces) -> None:
    if found.live is None:
        bucket.delete_versions(found.stale)
        return
    document = bucket.read_json(found.key, found.live.version_id) or {}
    sketches = (document.get("counts") or document)["sketches"]
    for column, text in quoted_texts(document, traces.texts):
        del sketches[column]["unknown"][text]
    _rewrite_json(bucket, found, document)


def _rewrite_json(bucket: Bucket, found: Found, document: dict[str, Any]) -> None:
    if found.live is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        written = bucket.rewrite(found.live, _written(document, Path(folder)), MARK)
    _name_in_manifest(bucket, found.key, written, 0)
    _delete_others(bucket, (found.live, *found.stale), written)


def _name_in_manifest(bucket: Bucket, key: str, written: str | None, rows: int) -> None:
    """Has the manifest name the new version. Its counts stay what was scored, but for `forgotten`."""
    if not key.startswith(("predictions/", "rejected/")) or key.endswith(".manifest.json"):
        return
    place = manifest_key(key)
    newest = next((each for each in bucket.versions(place) if each.key == place and each.is_latest), None)
    manifest = bucket.read_json(place) if newest else None
    if newest is None or manifest is None:
        return
    for name in ("predictions", "profile", "rejected"):
        if manifest.get(f"{name}_key") == key:
            manifest[f"{name}_version_id"] = written
            manifest["forgotten"] = manifest.get("forgotten", 0) + rows
    with tempfile.TemporaryDirectory() as folder:
        bucket.rewrite(newest, _written(manifest, Path(folder)), MARK)


def _written(document: dict[str, Any], folder: Path) -> Path:
    path = folder / "document.json"
    # Half of a surrogate pair has no UTF-8; Python's escape for it is JSON's too.
    path.write_bytes(json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace"))
    return path


def _renew_report(bucket: Bucket, key: str, traces: Traces, judge_anew: Callable[[str], object]) -> list[str]:
    folder, day = key.removesuffix("drift.json"), key.split("/")[1].removeprefix("date=")
    reason = "it was judged with rows of other days, whose texts it quotes"
    if quotes_texts(bucket.read_json(key) or {}, traces.texts):
        try:
            judge_anew(day)
        except RefusedError as error:
            reason = str(error)
    pages = [each for name in ("drift.json", "index.html") for each in bucket.versions(f"{folder}{name}")]
    bucket.delete_versions([each for each in pages if not each.is_latest])
    if quotes_texts(bucket.read_json(key) or {}, traces.texts):
        return [f"{folder} still quotes a text of theirs: {reason}"]
    return []


def _delete_others(bucket: Bucket, versions: Iterable[StoredVersion], written: str | None) -> None:
    """Deletes the versions with the rows; in a bucket without versions the new object has taken their place."""
    bucket.delete_versions([each for each in versions if each.version_id != (written or "null")])
