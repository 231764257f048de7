"""The reference hold-out: the user's own labelled rows, never trained on, that challenger and champion must predict.

The run's hold-out is a part of the training file, so labels that were exchanged in the file are exchanged in the
hold-out, too, and go unnoticed. The authors of training files cannot write the reference, so its labels are right.
"""

from collections import Counter
from collections.abc import Sequence

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import read_input
from autowatch.aws.uploads import Upload
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.contract import Contract
from autowatch.records.keys import reference_key
from autowatch.scoring.columns import check_block, match_columns
from autowatch.tabular.cells import PLAIN_FORM
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import Block, Table, read_table

_ROWS_AT_ONCE = 10_000

FEWEST_OF_LABEL = 10
"""With this many rows of each of two labels, or rows with a number, the comparison keeps its error rate."""


class ReferenceUnfit(AutowatchError):
    """The reference hold-out cannot be used as it is; the message says what to change. Nothing was trained."""


def write_reference(bucket: Bucket, key: str, contract: Contract) -> int:
    """Writes the reference under `key` for the gate: the contract's columns, with numbers as a model reads them.

    So challenger and champion are judged on the same version, even if another is uploaded meanwhile.

    Returns:
        The number of rows.

    Raises:
        ReferenceUnfit: it is missing, has too few rows, or does not fit the contract.
    """
    try:
        return _write(bucket, read_table(read_input(bucket, bucket.version(key))), contract)
    except (ObjectMissing, UnreadableFile, _Unfit) as error:
        raise ReferenceUnfit(
            f"The reference hold-out (the parameter ReferenceHoldout) {key} cannot be used: {error}"
        ) from error


class _Unfit(AutowatchError):
    """A fault of the reference; the message completes the sentence of `ReferenceUnfit`."""


def _write(bucket: Bucket, table: Table, contract: Contract) -> int:
    layout = match_columns(table.header, contract)
    if contract.target not in table.header:
        raise _Unfit(f"it has no column {contract.target!r}, the target. Add it with the true values.")
    target, seen = table.header.index(contract.target), Counter[str]()
    names = [*layout.names, contract.target]
    with Upload(bucket, reference_key(contract.run), "text/csv; charset=utf-8") as written:
        written.write(_csv([[name] for name in names]))
        for block in table.blocks(_ROWS_AT_ONCE):
            for index, reason in sorted(check_block(block, layout).items()):
                raise _Unfit(f"on line {block.lines[index]}: {reason} Correct or remove that row.")
            true = _true(block, target, contract)
            seen.update(true if contract.labels else ["numbers"] * len(true))
            columns = [
                layout.forms.get(place, PLAIN_FORM).plain_each(block.columns[place])
                if place in layout.numeric
                else block.columns[place]
                for place in layout.features
            ]
            written.write(_csv([*columns, true]))
        enough = sum(count >= FEWEST_OF_LABEL for count in seen.values())
        if enough < min(2, len(contract.labels) or 1):
            raise _Unfit(
                f"it has {seen.total():,} rows, and at least {FEWEST_OF_LABEL} of each of two labels are needed, or "
                "as many rows with numbers. Add rows."
            )
        written.complete()
    return seen.total()


def _true(block: Block, target: int, contract: Contract) -> Sequence[str]:
    """The true label of each row, or its true number as plain text."""
    cells = zip(block.lines, block.columns[target], strict=True)
    if not contract.labels:
        return [_number(line, text, contract) for line, text in cells]
    for line, text in cells:
        if text not in contract.labels:
            raise _Unfit(
                f"the label on line {line} is not exactly one of the {len(contract.labels)} in the training data. "
                "Correct or remove that row."
            )
    return block.columns[target]


def _number(line: int, text: str, contract: Contract) -> str:
    number = contract.target_number(text)
    if number is None:
        raise _Unfit(
            f"the target on line {line} is not a number, or may mean either of two. Write it without separators of "
            "thousands, with a point for decimals."
        )
    return repr(number)


def _csv(columns: Sequence[Sequence[str]]) -> bytes:
    return "".join(f"{line}\n" for line in csv_lines(columns)).encode()
