"""Registers every new predictions file with a model monitor, once, and keeps a receipt for each."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.domino import DominoCredentialsRefused, DominoError, Outcome
from autowatch.errors import AutowatchError
from autowatch.objects import ObjectChanged, read_json, write_json_if_absent
from autowatch.timestamps import to_text

_MANIFEST_ENDING = ".manifest.json"
_RECEIPTS_PREFIX = "monitoring/domino/"
_RECEIPT_ENDING = ".json"
_READ_AT_ONCE = 8
_FILES_NAMED_IN_MESSAGE = 5

_LOGGER = logging.getLogger(__name__)


class RegistrationFailed(AutowatchError):
    """Some files are not registered although they were tried; the next run tries them again."""


class ManifestUnusable(AutowatchError):
    """A manifest does not say what a manifest says."""


class NoTimeToRegister(AutowatchError):
    """The run had too little time for even one file, so that no run ever would get on."""


@dataclass(frozen=True)
class RegistrationSummary:
    """What one run did: files registered, files the monitor knew already, files refused, files still waiting.

    `failed` files are waiting too.
    """

    registered: int
    already_registered: int
    failed: int
    waiting: int


@dataclass(frozen=True)
class _Commit:
    """One committed predictions file: what its manifest says of it."""

    predictions_key: str
    finished: str


def register_new_predictions(
    s3: Any,
    bucket: str,
    prefix: str,
    register: Callable[[str], Outcome],
    has_time: Callable[[], bool],
    publish: Callable[[RegistrationSummary], None],
) -> RegistrationSummary:
    """Registers every committed predictions file under `prefix` that has no receipt yet, oldest first.

    `register` gets a predictions key. `has_time` is asked before each file; when it says no, the rest waits
    for the next run. `publish` gets the summary whether the run fails or not.

    A receipt is written after the registration, not before. A crash between the two, or a second loader at
    the same moment, thus costs one repeated call for that file; the other order would lose files silently.

    Raises:
        RegistrationFailed: after all files were tried (or at once, when the credentials were refused).
        NoTimeToRegister: `has_time` said no before the first file.
    """
    manifests = _new_manifests(s3, bucket, prefix)
    commits, failures = _read_commits(s3, bucket, manifests)
    if commits and not has_time():
        raise NoTimeToRegister(
            f"{len(manifests)} predictions file(s) wait, but the time does not suffice for one. "
            "Raise the Timeout of LoadDmmFunction."
        )
    outcomes: list[Outcome] = []
    for commit in commits:
        if not has_time():
            break
        try:
            outcome = register(commit.predictions_key)
        except DominoError as error:
            failures.append((commit.predictions_key, error))
            _LOGGER.error(
                "Predictions file not registered", extra={"key": commit.predictions_key, "reason": str(error)}
            )
            if isinstance(error, DominoCredentialsRefused):
                break
            continue
        _write_receipt(s3, bucket, commit.predictions_key, outcome)
        outcomes.append(outcome)
        _LOGGER.info("Predictions file %s", outcome, extra={"key": commit.predictions_key})

    summary = RegistrationSummary(
        registered=outcomes.count("registered"),
        already_registered=outcomes.count("already registered"),
        failed=len(failures),
        waiting=len(manifests) - len(outcomes),
    )
    publish(summary)
    if failures:
        raise RegistrationFailed(_failure_message(failures, summary))
    return summary


def _new_manifests(s3: Any, bucket: str, prefix: str) -> list[str]:
    """The keys of the manifests whose predictions have no receipt."""
    receipts = {
        key.removeprefix(_RECEIPTS_PREFIX).removesuffix(_RECEIPT_ENDING)
        for key in _keys(s3, bucket, _RECEIPTS_PREFIX)
    }
    return [
        key
        for key in _keys(s3, bucket, prefix)
        if key.endswith(_MANIFEST_ENDING) and _predictions_key(key) not in receipts
    ]


def _read_commits(
    s3: Any, bucket: str, manifests: list[str]
) -> tuple[list[_Commit], list[tuple[str, AutowatchError]]]:
    """What the manifests say, oldest first, and the manifests that cannot be used: those stop no other."""
    commits: list[_Commit] = []
    failures: list[tuple[str, AutowatchError]] = []
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        for read in [pool.submit(_read_commit, s3, bucket, key) for key in manifests]:
            try:
                commits.append(read.result())
            except AutowatchError as error:
                failures.append((manifests[len(commits) + len(failures)], error))
    return sorted(commits, key=lambda commit: (commit.finished, commit.predictions_key)), failures


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield item["Key"]


def _read_commit(s3: Any, bucket: str, manifest_key: str) -> _Commit:
    try:
        manifest = read_json(s3, bucket, manifest_key)
        commit = _Commit(manifest["predictions_key"], manifest["finished"])
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestUnusable(
            f"s3://{bucket}/{manifest_key} is no manifest ({type(error).__name__}). Restore it or remove it."
        ) from error
    if commit.predictions_key != _predictions_key(manifest_key):
        raise ManifestUnusable(
            f"s3://{bucket}/{manifest_key} speaks of another file. Restore it or remove it."
        )
    return commit


def _predictions_key(manifest_key: str) -> str:
    return f"{manifest_key.removesuffix(_MANIFEST_ENDING)}.csv"


def _write_receipt(s3: Any, bucket: str, predictions_key: str, outcome: Outcome) -> None:
    receipt = {
        "predictions_key": predictions_key,
        "outcome": outcome,
        "registered": to_text(datetime.now(UTC)),
    }
    try:
        write_json_if_absent(s3, bucket, f"{_RECEIPTS_PREFIX}{predictions_key}{_RECEIPT_ENDING}", receipt)
    except ObjectChanged:
        _LOGGER.info("Another loader registered the same file", extra={"key": predictions_key})


def _failure_message(failures: list[tuple[str, AutowatchError]], summary: RegistrationSummary) -> str:
    named = ", ".join(key for key, _ in failures[:_FILES_NAMED_IN_MESSAGE])
    more = len(failures) - _FILES_NAMED_IN_MESSAGE
    return (
        f"{summary.failed} predictions file(s) could not be registered: {named}"
        f"{f' and {more} more' if more > 0 else ''}. {summary.waiting} file(s) wait for the next run. "
        f"The first reason: {failures[0][1]}"
    )
