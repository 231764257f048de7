"""The demo's data: a given file, the published file from UCI, or generated rows."""

import contextlib
import gzip
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests

from sandbox.demo.synthetic import PUBLISHED_ROWS, write_bank_marketing
from sandbox.errors import SandboxError

PATH_VARIABLE = "BANK_MARKETING_CSV"
PUBLISHED_URL = "https://archive.ics.uci.edu/static/public/222/bank+marketing.zip"
PUBLISHED_SHA256 = "74adfc578bf77a7ff4bb1ba4a9f8709d9e3c6907342959c2c8416847e0afb4d8"

_INNER_ARCHIVE = "bank-additional.zip"
_FILE = "bank-additional-full.csv"
_TIMEOUT_SECONDS = 20
_SEED = 20_081_123


class BankMarketingError(SandboxError):
    """The demo has no data; the message says what to do."""


class DataFileMissing(BankMarketingError):
    """The requested file does not exist or cannot be unpacked."""


class DownloadWrong(BankMarketingError):
    """The download succeeded, but is not the published file, and is not used."""


@dataclass(frozen=True)
class Source:
    """A plain CSV file, whether it is synthetic, and a sentence about its source."""

    path: Path
    synthetic: bool
    description: str


def bank_marketing_csv(
    path: str | None,
    environment: Mapping[str, str],
    cache: Path,
    url: str = PUBLISHED_URL,
    sha256: str = PUBLISHED_SHA256,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Source:
    """Returns the demo's data.

    What is made or unpacked is kept in `cache`.

    Raises:
        DataFileMissing: a named file cannot be read; no other data replaces it.
        DownloadWrong: UCI's answer is not the published file.
    """
    named = path or environment.get(PATH_VARIABLE, "")
    cache.mkdir(parents=True, exist_ok=True)
    if named:
        return _given(Path(named).expanduser(), "--data" if path else PATH_VARIABLE, cache, sha256)
    published = cache / _FILE
    if published.is_file() and _sha256(published) == sha256:
        return Source(published, False, f"the published file from UCI, downloaded earlier ({published})")
    try:
        archive = _download(url, timeout_seconds)
    except requests.RequestException as error:
        return _synthetic(cache, f"{url} cannot be downloaded: {_reason(error)}")
    _unpack_published(archive, published, url, sha256)
    return Source(published, False, f"the published file, downloaded from {url}; its SHA-256 is right")


def _given(file: Path, named_by: str, cache: Path, sha256: str) -> Source:
    if not file.is_file():
        raise DataFileMissing(f"{named_by} names {file}, which is not a file. Name a .csv or .csv.gz file.")
    plain = file
    if file.suffix == ".gz":
        # The digest in the name distinguishes files of the same name.
        digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]
        plain = cache / f"{digest}-{file.name.removesuffix('.gz')}"
        try:
            with gzip.open(file) as packed, _replacing(plain) as unpacked:
                shutil.copyfileobj(packed, unpacked)
        except (OSError, EOFError) as error:
            raise DataFileMissing(f"{named_by} names {file}, which cannot be unpacked: {error}.") from error
    verdict = (
        "its SHA-256 is that of the published file"
        if _sha256(plain) == sha256
        else "not the published file: its SHA-256 is another"
    )
    return Source(plain, False, f"{file}, named by {named_by} ({verdict})")


def _download(url: str, timeout_seconds: float) -> bytes:
    answer = requests.get(url, timeout=timeout_seconds)
    answer.raise_for_status()
    return answer.content


def _unpack_published(archive: bytes, target: Path, url: str, sha256: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as outer:
            inner_bytes = outer.read(_INNER_ARCHIVE)
        with zipfile.ZipFile(io.BytesIO(inner_bytes)) as inner:
            name = next(name for name in inner.namelist() if name.rsplit("/", 1)[-1] == _FILE)
            content = inner.read(name)
    except (zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise DownloadWrong(f"The download from {url} does not contain {_FILE}. {_OTHER_WAYS}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DownloadWrong(f"{_FILE} from {url} is not the published file (SHA-256). {_OTHER_WAYS}")
    with _replacing(target) as file:
        file.write(content)


_OTHER_WAYS = f"It was not used. Get the file yourself and name it with --data or {PATH_VARIABLE}."


def _synthetic(cache: Path, reason: str) -> Source:
    target = cache / "synthetic-bank-marketing.csv"
    unfinished = cache / f"synthetic-{os.getpid()}.part"
    write_bank_marketing(unfinished, PUBLISHED_ROWS, _SEED)
    os.replace(unfinished, target)
    return Source(target, True, f"SYNTHETIC rows of the published file's shape, since {reason}")


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file that replaces `target` when it is complete, and is removed if it is not."""
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as file:
        try:
            yield file  # type: ignore[misc]
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, target)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.HTTPError):
        return f"it answered {error.response.status_code}"
    return (
        "there is no connection to it"
        if isinstance(error, requests.ConnectionError)
        else type(error).__name__
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
