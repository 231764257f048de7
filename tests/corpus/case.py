"""The files of the corpus, and the expected outcome of each."""

from dataclasses import dataclass

DEFAULT_FEATURES = (("age", "numeric"), ("job", "categorical"))


@dataclass(frozen=True)
class Scored:
    """A file that is scored.

    `rows` are the expected cells and, if some rows are rejected, `numbers` their places among all rows, from 1.
    `rejected` are the rejected rows: line, reason, fields. `features` are the model's columns.
    """

    content: bytes
    rows: list[tuple[str, ...]]
    header: tuple[str, ...] = ("age", "job")
    rejected: tuple[tuple[str, ...], ...] = ()
    numbers: tuple[int, ...] = ()
    features: tuple[tuple[str, str], ...] = DEFAULT_FEATURES
    max_rejected_percent: float = 40


@dataclass(frozen=True)
class Refused:
    """A file that is refused as a whole: the error's name, and a pattern that its reason must contain."""

    content: bytes
    error: str
    reason: str
    max_rejected_percent: float = 40
    features: tuple[tuple[str, str], ...] = DEFAULT_FEATURES
