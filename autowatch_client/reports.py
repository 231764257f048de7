"""Downloads a stack's pages into a folder so that their links work there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autowatch_client.objects import Bucket, unheard

_READS_AT_ONCE = 8


@dataclass(frozen=True)
class Pages:
    """The downloaded pages.

    Attributes:
        index: the page of all days; None before the first daily run.
        newest_day: the page of the newest day.
        newest_run: the page of the newest run.
        fetched: number of files that were new or had changed.
    """

    folder: Path
    index: Path | None
    newest_day: Path | None
    newest_run: Path | None
    fetched: int

    @property
    def first(self) -> Path | None:
        """The page to open first: the newest day's, else the newest run's."""
        return self.newest_day or self.index or self.newest_run


def fetch_pages(bucket: Bucket, folder: Path, on_file: Callable[[str], None] = unheard) -> Pages:
    """Downloads everything under reports/ and each run's page; skips files that are unchanged locally."""
    wanted = [item for item in bucket.objects("reports/") if item["Key"].endswith((".html", ".json"))]
    runs = [item for item in bucket.objects("models/") if item["Key"].endswith("/report.html")]
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        fetched = sum(pool.map(lambda item: _fetch(bucket, item, folder, on_file), [*wanted, *runs]))
    keys = [item["Key"] for item in wanted if item["Key"].endswith("index.html")]
    days = sorted(key for key in keys if key.startswith("reports/date="))
    return Pages(
        folder=folder,
        index=folder / "reports/index.html" if "reports/index.html" in keys else None,
        newest_day=folder / days[-1] if days else None,
        newest_run=folder / max(item["Key"] for item in runs) if runs else None,
        fetched=fetched,
    )


def _fetch(bucket: Bucket, item: dict[str, Any], folder: Path, on_file: Callable[[str], None]) -> bool:
    path, modified = folder / item["Key"], item["LastModified"].timestamp()
    if path.exists() and path.stat().st_size == item["Size"] and path.stat().st_mtime >= modified:
        return False
    bucket.download(item["Key"], path)
    on_file(item["Key"])
    return True
