"""Scores local files, and fetches their predictions."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autowatch_client.errors import FolderUnfitError, RefusedError
from autowatch_client.frames import read_frame
from autowatch_client.objects import Bucket, Version, short_digest, unheard

if TYPE_CHECKING:
    from pandas import DataFrame

_LONGEST_NAME_BYTES = 900


@dataclass(frozen=True)
class Scored:
    """The downloaded results of a scored file.

    Attributes:
        predictions: the local file with the rows and their predictions.
        rejected: the local file with the rows that could not be scored, with line and reason; None without such rows.
        run: the run whose model scored it.
        seconds: from the upload to the commit.
    """

    source: Path
    predictions: Path
    rejected: Path | None
    rows_in: int
    rows_scored: int
    rows_rejected: int
    run: str
    day: str
    seconds: float

    def frame(self) -> "DataFrame":
        """The predictions as a DataFrame."""
        return read_frame(self.predictions)

    def rejected_frame(self) -> "DataFrame | None":
        """The rejected rows as a DataFrame; None without such rows."""
        return read_frame(self.rejected) if self.rejected else None


def output_paths(source: Path, folder: Path | None) -> tuple[Path, Path]:
    """The local files for a file's predictions and rejected rows: beside it, or in `folder`.

    Raises:
        FolderUnfitError: the folder cannot be written.
    """
    folder = folder or source.parent
    check_writable(folder)
    return folder / f"{source.stem}.predictions.csv", folder / f"{source.stem}.rejected.csv"


def check_writable(folder: Path) -> None:
    """Creates a folder if missing, and checks that it can be written.

    Raises:
        FolderUnfitError: the folder cannot be written.
    """
    trial = folder / f".autowatch-{time.time_ns()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise FolderUnfitError(
            f"Nothing can be written into {folder} ({error.strerror}). Name another folder with --out."
        ) from error


def await_scored(
    bucket: Bucket,
    upload: Version,
    started: float,
    paths: tuple[Path, Path],
    source: Path,
    timeout_seconds: float,
    on_look: Callable[[float], None] = unheard,
) -> Scored:
    """Waits until a file is scored or refused, and downloads the results.

    Args:
        started: the value of `time.monotonic` when the upload began.
        on_look: called at each poll with the seconds that have passed.

    Raises:
        RefusedError: the file was refused, or the time ran out.
    """
    while True:
        for stem in _result_stems(upload):
            if manifest := bucket.read_json(f"predictions/{stem}.manifest.json"):
                return _fetch(bucket, manifest, paths, source, time.monotonic() - started)
            if refusal := bucket.read_json(f"rejected/{stem}.error.json"):
                raise RefusedError(f"{source} was refused ({refusal['error']}): {refusal['reason']}")
        passed = time.monotonic() - started
        on_look(passed)
        if passed > timeout_seconds:
            raise RefusedError(
                f"{source} was not scored within {timeout_seconds:.0f} s. `autowatch doctor` "
                "looks for the reason. Fetch later results with `autowatch score` on the same "
                "file, or set a longer --timeout."
            )
        time.sleep(min(3.0, 0.2 + passed / 20))


def _result_stems(upload: Version) -> Iterator[str]:
    """`date=D/<name>-<version>` for the days on which the event may have been announced."""
    name = upload.key.removeprefix("inference/").removesuffix(".csv")
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        return
    mark = short_digest(upload.mark)
    now = datetime.now(UTC)
    days = {(now - timedelta(days=back)).date().isoformat() for back in (0, 1)}
    for day in sorted(days, reverse=True):
        yield f"date={day}/{name}-{mark}"


def _fetch(
    bucket: Bucket, manifest: dict[str, Any], paths: tuple[Path, Path], source: Path, seconds: float
) -> Scored:
    predictions, rejected = paths
    bucket.download(manifest["predictions_key"], predictions, manifest.get("predictions_version_id"))
    if manifest.get("rejected_key"):
        bucket.download(manifest["rejected_key"], rejected, manifest.get("rejected_version_id"))
    else:
        # Remove the rejected rows of an earlier version: they would seem to belong to this one.
        rejected.unlink(missing_ok=True)
    rows = manifest["rows"]
    return Scored(
        source=source,
        predictions=predictions,
        rejected=rejected if manifest.get("rejected_key") else None,
        rows_in=rows["in"],
        rows_scored=rows["scored"],
        rows_rejected=rows["rejected"],
        run=manifest["run"],
        day=manifest["predictions_key"].split("/")[1].removeprefix("date="),
        seconds=seconds,
    )
