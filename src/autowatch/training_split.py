"""The second pass over training data: writes the two parts, and counts the values of each class on the bins."""

from collections.abc import Sequence
from itertools import compress
from typing import Any

from autowatch.contract import Contract
from autowatch.csv_lines import csv_lines
from autowatch.profile import Baseline, Profile, ProfileBuilder
from autowatch.runs import holdout_key, train_key
from autowatch.training_table import TrainingTable, labelled_rows
from autowatch.upload import Upload


def write_split(
    s3: Any,
    bucket: str,
    table: TrainingTable,
    contract: Contract,
    bins: Baseline,
    row_labels: Sequence[int],
    in_holdout: Sequence[int],
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

    Returns:
        The counts of the rows with label 0 and of those with label 1.
    """
    names = [*(feature.name for feature in contract.features), contract.target]
    positions = [table.header.index(name) for name in names]
    builders = (ProfileBuilder(bins), ProfileBuilder(bins))
    header = csv_lines([[name] for name in names])
    with (
        Upload(s3, bucket, train_key(contract.run), "text/csv") as train,
        Upload(s3, bucket, holdout_key(contract.run), "text/csv") as holdout,
    ):
        _write(train, header)
        _write(holdout, header)
        begin = 0
        for block in table.blocks():
            columns = labelled_rows(block, positions[-1])
            end = begin + len(columns[0])
            lines, held_out = csv_lines([columns[position] for position in positions]), in_holdout[begin:end]
            _write(train, list(compress(lines, (not flag for flag in held_out))))
            _write(holdout, list(compress(lines, held_out)))
            _count(builders, table.header, columns, row_labels[begin:end])
            begin = end
        train.complete()
        holdout.complete()
    return builders[0].build(), builders[1].build()


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
