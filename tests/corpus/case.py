"""The files of the corpus, and the expected outcome of each."""

from dataclasses import dataclass

DEFAULT_FEATURES = (("age", "numeric"), ("job", "categorical"))


@dataclass(frozen=True)
class Scored:
    """A file that is scored.

    `rows` are the input's cells as they must come out, and `numbers` their places among all rows, from 1, where some
    rows are rejected; `rejected` are these: line, reason, fields. The model takes `features`.
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
    """A file that is refused whole: the error's name, and what its reason must say (`.*` stands for anything)."""

    content: bytes
    error: str
    reason: str
    max_rejected_percent: float = 40
    features: tuple[tuple[str, str], ...] = DEFAULT_FEATURES
