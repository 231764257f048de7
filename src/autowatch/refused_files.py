"""The input files that were refused whole."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from autowatch.objects import read_json

_READERS = 16
_UNREADABLE = "unreadable"


def count_refused(s3: Any, bucket: str, keys: Iterable[str]) -> dict[str, int]:
    """How many files were refused for which error, by its name; an object that is damaged counts as `unreadable`.

    Raises:
        ObjectMissing: an object has gone since it was listed; call again.
    """

    def error_of(key: str) -> str:
        try:
            return str(read_json(s3, bucket, key)["error"])
        except (KeyError, TypeError, ValueError):
            return _UNREADABLE

    with ThreadPoolExecutor(_READERS) as readers:
        return dict(sorted(Counter(readers.map(error_of, keys)).items()))
