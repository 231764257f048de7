"""One file that Domino is to know of, and what it is called there."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

DatasetKind = Literal["predictions", "labels"]

_MOST_CHARACTERS_OF_THE_KEY = 80
_DIGITS = 16


@dataclass(frozen=True)
class Dataset:
    """One file to register.

    Attributes:
        kind: what it holds.
        key: where it lies in the bucket.
        run: the run that scored its rows.
        version_id: which version of the object was committed, where the bucket keeps versions.
    """

    kind: DatasetKind
    key: str
    run: str
    version_id: str | None = None

    @property
    def name(self) -> str:
        """A name that no other version of any object has: the end of the key in ASCII letters, digits, `-` and `_`, and
        hexadecimal digits of the SHA-256 of key and version. The same on every retry."""
        digest = hashlib.sha256(f"{self.key}\n{self.version_id or ''}".encode()).hexdigest()[:_DIGITS]
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", self.key.removesuffix(".csv"))
        return f"{readable[-_MOST_CHARACTERS_OF_THE_KEY:].strip('-')}-{digest}"
