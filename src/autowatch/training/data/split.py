"""The second pass over training data: writes the two parts, and counts the values of each class on the bins.

Which rows are held out for the gate.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Literal

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import Upload
from autowatch.records.contract import Contract
from autowatch.records.keys import holdout_key, train_key
from autowatch.tabular.cells import NumberForm
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.profile import Baseline, Profile, ProfileBuilder
from autowatch.training.data.memory import Memories
from autowatch.training.data.table import TrainingTable, UnfitTrainingFile, labelled_rows


def write_split(
    bucket: Bucket,
    table: TrainingTable,
    contract: Contract,
    bins: Baseline,
    row_labels: Sequence[int],
    in_holdout: Sequence[int],
    memories: Memories,
) -> tuple[Profile, Profile]:
    """Writes train.csv and holdout.csv of the contract's run as streams, features first and the target last.

    Args:
        s3: the boto3 client.
        bucket: where to write.
        table: the rows, from their beginning.
        contract: the features and the target.
        bins: the columns to count; their own counts are not looked at.
        row_labels: for each row that has a label 0 or 1, as the survey numbered it.
        in_holdout: for each of these rows 1 if it is held out.
        memories: takes in all rows, too.

    Returns:
        The counts of the rows with label 0 and of those with label 1.
    """
    names = [*(feature.name for feature in contract.features), contract.target]
    positions = [table.header.index(name) for name in names]
    builders = (ProfileBuilder(bins), ProfileBuilder(bins))
    header = csv_lines([[name] for name in names])
    with (
        Upload(bucket, train_key(contract.run), "text/csv") as train,
        Upload(bucket, holdout_key(contract.run), "text/csv") as holdout,
    ):
        _write(train, header)
        _write(holdout, header)
        begin = 0
        for block in table.blocks():
            columns = labelled_rows(block, positions[-1])
            end = begin + len(columns[0])
            written = [
                _as_read(columns[position], feature.form)
                for position, feature in zip(positions, contract.features, strict=False)
            ]
            lines, held_out = csv_lines([*written, columns[positions[-1]]]), in_holdout[begin:end]
            _write(train, list(compress(lines, (not flag for flag in held_out))))
            _write(holdout, list(compress(lines, held_out)))
            _count(builders, table.header, columns, row_labels[begin:end])
            memories.add(dict(zip(table.header, columns, strict=True)), held_out)
            begin = end
        train.complete()
        holdout.complete()
    return builders[0].build(), builders[1].build()


def _as_read(texts: Sequence[str], form: NumberForm) -> Sequence[str]:
    """The cells as the model reads them; the contract's reader of a numeric column empties what it cannot read."""
    if form.is_plain:
        return texts
    return form.plain_each(texts, unreadable="")


def _write(upload: Upload, lines: list[str]) -> None:
    if lines:
        upload.write(("\n".join(lines) + "\n").encode())


def _count(
    builders: tuple[ProfileBuilder, ProfileBuilder],
    header: Sequence[str],
    columns: Sequence[Sequence[str]],
    labels: Sequence[int],
) -> None:
    first = [not label for label in labels]
    for builder, mask in zip(builders, (first, labels), strict=True):
        chosen = (list(compress(column, mask)) for column in columns)
        builder.add(dict(zip(header, chosen, strict=True)))


HoldoutBy = Literal["random", "newest"]


class UnfitHoldout(UnfitTrainingFile):
    """One of the two parts would lack a class."""


def choose_holdout(
    row_labels: Sequence[int], labels: Sequence[str], percent: int, by: HoldoutBy, seed: str
) -> bytearray:
    """For each row 1 if it is held out.

    Args:
        row_labels: for each row the place of its label in `labels`.
        labels: the two labels.
        percent: how many of a hundred rows are held out, rounded down.
        by: `random` takes that share of each class, at least one row; `newest` takes the last rows.
        seed: what decides the draw: the same seed always takes the same rows.

    Raises:
        UnfitHoldout: a class would be in one of the two parts only.
    """
    if by == "newest":
        train_rows = len(row_labels) - len(row_labels) * percent // 100
        in_holdout = bytearray(train_rows) + bytes([1]) * (len(row_labels) - train_rows)
    else:
        in_holdout = bytearray(_draw(row_labels, percent, random.Random(seed)))  # noqa: S311 (no secret)
    _check_parts(row_labels, labels, in_holdout)
    return in_holdout


def _draw(row_labels: Sequence[int], percent: int, generator: random.Random) -> Iterator[int]:
    """Takes exactly so many rows of each class, in one pass: Knuth's algorithm S (The Art of Computer Programming, 2,
    3.4.2), for which no list of the rows is needed."""
    left = [row_labels.count(label) for label in (0, 1)]
    wanted = [max(1, rows * percent // 100) for rows in left]
    for label in row_labels:
        taken = generator.random() * left[label] < wanted[label]
        left[label] -= 1
        wanted[label] -= taken
        yield taken


def _check_parts(row_labels: Sequence[int], labels: Sequence[str], in_holdout: bytearray) -> None:
    parts = set(zip(row_labels, in_holdout, strict=True))
    for place, label in enumerate(labels):
        for held_out, part in ((1, "newest rows, which are held out"), (0, "rows to train on")):
            if (place, held_out) not in parts:
                raise UnfitHoldout(
                    f"No row with the label {label!r} is among the {part}. Sort the rows by time, or set the "
                    "parameter HoldoutPercent to another share, or HoldoutBy to random."
                )
