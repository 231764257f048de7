"""Removes what a search found: rewrites each object without the rows, then deletes the versions that had them.

Objects are treated in the order of the traces. For each, the new version is written first, then the manifest is
updated, then the old versions are deleted. If this is interrupted, a new search still finds the remaining rows.
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
"""Key in an object's metadata: the object was rewritten, and its original upload time. It is not processed again."""


def erase(
    bucket: Bucket,
    traces: Traces,
    judge_anew: Callable[[str], object],
    on_object: Callable[[Found], None],
) -> list[str]:
    """Removes the rows, and returns a sentence for each report that still quotes a text of the person.

    Args:
        judge_anew: judges a day, `YYYY-MM-DD`, again from its present manifests.
        on_object: called after each object.

    Raises:
        RefusedError: an object changed meanwhile, or S3 retains a version. Earlier removals stay.
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
        write_without(whole, rest, found.numbers, found.key)
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
        # A regression model has no probabilities.
        document[name] = [document[name][place] for place in kept if document[name]]
    _rewrite_json(bucket, found, document)


def _csv_lines(payload: str) -> Iterable[str]:
    """The unparsed rows of a payload; a cell may contain line breaks."""
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
    """Sets the new version in the manifest. Its counts remain those of the scoring; `forgotten` is added."""
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
    # Half of a surrogate pair has no UTF-8; Python's escape for it is also JSON's.
    path.write_bytes(json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace"))
    return path


def _renew_report(bucket: Bucket, key: str, traces: Traces, judge_anew: Callable[[str], object]) -> list[str]:
    folder, day = key.removesuffix("drift.json"), key.split("/")[1].removeprefix("date=")
    reason = "it was judged together with other days, whose texts it quotes"
    if quotes_texts(bucket.read_json(key) or {}, traces.texts):
        try:
            judge_anew(day)
        except RefusedError as error:
            reason = str(error)
    pages = [each for name in ("drift.json", "index.html") for each in bucket.versions(f"{folder}{name}")]
    bucket.delete_versions([each for each in pages if not each.is_latest])
    if quotes_texts(bucket.read_json(key) or {}, traces.texts):
        return [f"{folder} still quotes a text of this person: {reason}"]
    return []


def _delete_others(bucket: Bucket, versions: Iterable[StoredVersion], written: str | None) -> None:
    """Deletes the versions with the rows; in a bucket without versioning the new object has replaced them."""
    bucket.delete_versions([each for each in versions if each.version_id != (written or "null")])
