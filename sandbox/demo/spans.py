"""Cuts two spans of the Bank Marketing file into rows to train on and rows to score."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TARGET = "y"
POSITIVE_LABEL = "yes"

_EARLY_SHARE = 0.655
"""The file's rows are in time order; after about this share of them the economy turns, and the calls with it."""


class UnfitSourceError(Exception):
    """The file cannot be used for the story."""


@dataclass(frozen=True)
class Batch:
    """A file of rows to score, without the target, and the rows' true labels."""

    path: Path
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """One span of time: labelled rows to train on, and other rows of the same span to score."""

    training: Path
    batch: Batch


def cut_spans(source: Path, folder: Path, batch_rows: int) -> tuple[Span, Span]:
    """Writes the files of the early and of the late span into `folder`.

    Each span's rows are shuffled, `batch_rows` of them are to be scored, and the others to be trained on, so that no
    row is both. The files keep the source's delimiter and quotes as far as the `csv` module writes them.

    Raises:
        UnfitSourceError: the file has no column `y`, or a span would have fewer than twice `batch_rows`.
    """
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    header = rows.pop(0) if rows else []
    if TARGET not in header:
        raise UnfitSourceError(f"{source} has no column {TARGET!r}. Name the file bank-additional-full.csv.")
    border = int(len(rows) * _EARLY_SHARE)
    if min(border, len(rows) - border) < 2 * batch_rows:
        raise UnfitSourceError(
            f"{source} has {len(rows)} rows, too few for two spans with batches of {batch_rows} rows each."
        )
    generator = random.Random(2014)  # noqa: S311 (the same cut every time, no secret)
    folder.mkdir(parents=True, exist_ok=True)
    return (
        _write_span(folder, "early", header, generator.sample(rows[:border], border), batch_rows),
        _write_span(folder, "late", header, generator.sample(rows[border:], len(rows) - border), batch_rows),
    )


@dataclass(frozen=True)
class Fit:
    """How predictions compare with the true labels.

    Attributes:
        promised: the mean of the probabilities; `came_true` is the share of positive rows.
        best_tenth_won: how many of the tenth with the highest probabilities are positive.
        lift: their share, as a multiple of that of all rows.
    """

    auc: float
    promised: float
    came_true: float
    best_tenth_rows: int
    best_tenth_won: int
    lift: float


def fit_of(labels: Sequence[str], probabilities: Sequence[float]) -> Fit:
    """Compares the probabilities of rows with their labels, which must include both kinds."""
    positives = sum(label == POSITIVE_LABEL for label in labels)
    ranked = sorted(zip(probabilities, labels, strict=True), key=lambda pair: pair[0], reverse=True)
    tenth = ranked[: max(1, len(ranked) // 10)]
    won = sum(label == POSITIVE_LABEL for _, label in tenth)
    came_true = positives / len(labels)
    return Fit(
        auc=area_under_curve(labels, probabilities),
        promised=sum(probabilities) / len(probabilities),
        came_true=came_true,
        best_tenth_rows=len(tenth),
        best_tenth_won=won,
        lift=won / len(tenth) / came_true,
    )


def area_under_curve(labels: Sequence[str], probabilities: Sequence[float]) -> float:
    """The chance that a positive row got a higher probability than a negative one, ties counting half."""
    ordered = sorted(zip(probabilities, labels, strict=True))
    positives = sum(label == POSITIVE_LABEL for label in labels)
    rank_sum, position = 0.0, 0
    while position < len(ordered):
        end = position
        while end < len(ordered) and ordered[end][0] == ordered[position][0]:
            end += 1
        rank = (position + 1 + end) / 2
        rank_sum += rank * sum(label == POSITIVE_LABEL for _, label in ordered[position:end])
        position = end
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


def _write_span(folder: Path, name: str, header: list[str], rows: list[list[str]], batch_rows: int) -> Span:
    target = header.index(TARGET)
    scored, training = rows[:batch_rows], rows[batch_rows:]
    training_path, batch_path = folder / f"{name}-training.csv", folder / f"{name}-batch.csv"
    _write(training_path, header, training)
    without_target = [row[:target] + row[target + 1 :] for row in (header, *scored)]
    _write(batch_path, without_target[0], without_target[1:])
    return Span(training_path, Batch(batch_path, tuple(row[target] for row in scored)))


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows(rows)
