"""Reads a labels file and writes each label to the day and the run of its prediction.

Rows are matched by Autowatch's id or by the user's own key.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import read_input
from autowatch.aws.uploads import Upload
from autowatch.errors import UnreadableFile
from autowatch.monitoring.quality.fragments import GatheredLabels, write_fragment
from autowatch.monitoring.quality.keys import DAYS_LOOKED_BACK, find_ids
from autowatch.monitoring.quality.scored_files import ScoredFile, ScoredFiles
from autowatch.records.arrival import Arrival, check_name, file_stem
from autowatch.records.champion import read_champion
from autowatch.records.contract import (
    ID_COLUMN,
    OTHER_ID_COLUMN,
    PREDICTION_DATE_COLUMN,
    Contract,
    read_contract,
)
from autowatch.records.keys import LABELS_PREFIX, LabelKeys, label_keys
from autowatch.records.problem import named
from autowatch.scoring.columns import MissingColumns
from autowatch.scoring.outcome import check_balance
from autowatch.scoring.output import rejected_header, rejected_rows
from autowatch.tabular.cells import differ_unseen
from autowatch.tabular.table import Block, read_table

MOST_FILES = 100_000
"""The most predictions files that one labels file may refer to: each needs two requests to S3, some minutes in all."""


_ROWS_AT_ONCE = 50_000


_ID = re.compile(r"([0-9a-f]{16})-([1-9][0-9]{0,9})", re.ASCII)


_LOGGER = logging.getLogger(__name__)


class TooManyFiles(UnreadableFile):
    """The labels belong to more predictions files than one labels file may refer to."""


@dataclass(frozen=True)
class TakenLabels:
    """The result of one labels file.

    Attributes:
        rows: the number of rows; each was accepted or rejected.
        taken: the number of accepted labels, including those that a later row of the file replaces.
        rejected: the number of rows without a matching prediction or with an invalid label.
        days: the days of the predictions that the labels belong to, in order.
    """

    rows: int
    taken: int
    rejected: int
    days: tuple[str, ...]


def take_labels(bucket: Bucket, arrival: Arrival) -> TakenLabels:
    """Writes the labels of one file as fragments, and the rows that match no prediction as rejects.

    Nothing is written before the whole file has been read. The call is idempotent: it always writes the same objects
    with the same content, so concurrent or killed invocations do no harm.

    Raises:
        UnreadableFile: the file is malformed, and a retry cannot help.
        NoChampion: there can be no predictions yet.
        RowsLost: the numbers of rows read, accepted and rejected do not add up.
    """
    check_name(arrival.file)
    contract = read_contract(bucket, read_champion(bucket).contract_key)
    table = read_table(read_input(bucket, arrival.file))
    columns = find_label_columns(table.header, contract.target, contract.id_column)
    keys = keys_of_labels(arrival)
    ids = _ids_of_keys(bucket, arrival, columns, contract.id_column) if columns.by_key else None
    reader = _Reader(ScoredFiles(bucket), columns, len(table.header), ids)
    gathered = GatheredLabels()
    taken = rejected = 0
    with Upload(bucket, keys.rejected, "text/csv; charset=utf-8") as rejects:
        for block in table.blocks(_ROWS_AT_ONCE):
            faults: dict[int, str] = {}
            taken += gathered.add(reader.read(block, faults))
            if faults and not rejected:
                rejects.write(rejected_header(table.header))
            rejects.write(rejected_rows(_with_reasons(block, faults)))
            rejected += len(faults)
        check_balance(table.rows_read, taken, rejected)
        days = _write(bucket, gathered, reader.files, keys.fragment)
        if rejected:
            rejects.complete()
    _LOGGER.info(
        "labels taken in",
        extra={"key": arrival.file.key, "taken": taken, "rejected": rejected, "days": len(days)},
    )
    return TakenLabels(table.rows_read, taken, rejected, days)


@dataclass(frozen=True)
class LabelColumns:
    """The positions of the two columns that are read; the others are ignored.

    `by_key` says whether the identifier is the user's key instead of Autowatch's id.
    """

    identifier: int
    label: int
    by_key: bool = False


def _ids_of_keys(bucket: Bucket, arrival: Arrival, columns: LabelColumns, id_column: str) -> dict[str, str]:
    table = read_table(read_input(bucket, arrival.file))
    keys = {key for block in table.blocks(_ROWS_AT_ONCE) for key in block.columns[columns.identifier]}
    return find_ids(bucket, id_column, keys, arrival.time.astimezone(UTC).date())


class _Reader:
    """Matches the labels of a file to predictions.

    Attributes:
        files: the predictions files found so far; the index is the file's number.
    """

    def __init__(
        self, scored: ScoredFiles, columns: LabelColumns, width: int, ids: Mapping[str, str] | None
    ) -> None:
        self.files: list[ScoredFile] = []
        self._scored, self._columns, self._width, self._ids = scored, columns, width, ids
        self._known: dict[str, _Known] = {}

    def read(self, block: Block, faults: dict[int, str]) -> Iterator[tuple[int, int, float]]:
        """Yields (number of the file, number of the row, index of the label or the number) for each matching row.

        The reasons of the other rows are added to `faults`, by index in the block.
        """
        for index, fields in block.misfits.items():
            faults[index] = f"The row has {len(fields)} fields, the header {self._width}."
        places = (index for index in range(len(block.lines)) if index not in block.misfits)
        labels = block.columns[self._columns.label]
        names: Iterable[str] = block.columns[self._columns.identifier]
        if self._ids is not None:
            names = (self._ids.get(key, "") for key in names)
        matches = list(map(_ID.fullmatch, names))
        self._look_for({match[1] for match in matches if match})
        for index, match, label in zip(places, matches, labels, strict=True):
            if match is None:
                faults[index] = (
                    "The id is not 16 digits (0-9, a-f), a hyphen and a number, as in predictions."
                    if self._ids is None
                    else f"No row with this key was scored in the {DAYS_LOOKED_BACK} days before."
                )
                continue
            file, row = self._known.get(match[1]), int(match[2])
            if file is None or row > file.rows:
                faults[index] = "No prediction has this id."
            elif (value := file.value_of(label)) is not None:
                yield file.number, row, value
            elif label:
                faults[index] = file.fault_of(label)
            else:
                faults[index] = "The label is missing."

    def _look_for(self, id_prefixes: set[str]) -> None:
        new = sorted(id_prefixes - self._known.keys())
        if len(self._scored) + len(new) > MOST_FILES:
            raise TooManyFiles(
                f"The file has labels of more than {MOST_FILES:,} predictions files. Split it into several files."
            )
        self._scored.look_for(new)
        for id_prefix in new:
            file = self._scored[id_prefix]
            if file is not None:
                self._known[id_prefix] = _Known(
                    len(self.files), file.rows, file.contract, _reader_of(file.contract)
                )
                self.files.append(file)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row is checked against: the file's number, its rows, its contract, and the parser of labels."""

    number: int
    rows: int
    contract: Contract
    value_of: Callable[[str], float | None]

    def fault_of(self, label: str) -> str:
        """The reason to reject an unknown label or, in regression, text that is not a number."""
        contract = self.contract
        if not contract.labels and contract.target_readings(label):
            return (
                "The label may mean two numbers. Write it without separators of thousands, or with decimals."
            )
        if not contract.labels:
            return f"The label is not a number, and the model of run {contract.run} predicts numbers."
        return (
            f"The label is not one that the model of run {contract.run} knows: {named(contract.labels)}, to the letter."
            f"{differ_unseen([label], contract.labels)}"
        )


def _reader_of(contract: Contract) -> Callable[[str], float | None]:
    """A parser of labels that returns the index in the contract's labels, or the number; None if it is neither."""
    if not contract.labels:
        return contract.target_number
    places = {label: place for place, label in enumerate(contract.labels)}
    return places.get


def _with_reasons(block: Block, faults: dict[int, str]) -> Iterator[tuple[int, str, list[str]]]:
    if faults:
        for index, (line, fields) in enumerate(zip(block.lines, block.rows(), strict=True)):
            if index in faults:
                yield line, faults[index], fields


def _write(bucket: Bucket, gathered: GatheredLabels, files: list[ScoredFile], name: str) -> tuple[str, ...]:
    """Writes a fragment for each day and run, and returns the days."""
    by_file = gathered.by_file()
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in by_file:
        groups[files[number].day, files[number].contract.run].append(number)
    for (day, _), numbers in groups.items():
        in_order = sorted(numbers, key=lambda number: files[number].id_prefix)
        write_fragment(
            bucket,
            day=day,
            name=name,
            contract=files[numbers[0]].contract,
            labels=((files[number].id_prefix, by_file[number]) for number in in_order),
        )
    return tuple(sorted({day for day, _ in groups}))


def find_label_columns(header: Sequence[str], target: str, id_column: str = "") -> LabelColumns:
    """Finds the identifier's column, and the first of `<target>_actual`, `label` and `<target>`.

    Autowatch's ids are in `autowatch_id` or else in `id`. The user's key is used if the file has neither column, or if
    the key itself is called `id`. If the file also has `<target>_probability` or `prediction_date`, it comes from
    predictions, so its column `<target>` is ignored.

    Args:
        header: the file's header.
        target: the name of the target.
        id_column: the user's key column; empty if there is none.

    Raises:
        MissingColumns: one of the columns is missing.
    """
    names = (
        (OTHER_ID_COLUMN, id_column, ID_COLUMN)
        if id_column == ID_COLUMN
        else (OTHER_ID_COLUMN, ID_COLUMN, id_column)
    )
    identifier = next((name for name in names if name and name in header), None)
    if identifier is None:
        raise MissingColumns(
            f"The file has no column {ID_COLUMN}. Copy the column {ID_COLUMN} of the predictions"
            f"{f', or name your key {id_column!r}' if id_column else ', or set the parameter IdColumn to your key'}."
        )
    names_of_labels = [f"{target}_actual", "label", target]
    if {f"{target}_probability", PREDICTION_DATE_COLUMN}.intersection(header):
        names_of_labels = [name for name in names_of_labels if name != target]
    label = next((name for name in names_of_labels if name in header and name != identifier), None)
    if label is None:
        raise MissingColumns(
            f"The file has no column with labels. Name the column of actual values {' or '.join(names_of_labels)}."
        )
    return LabelColumns(header.index(identifier), header.index(label), identifier == id_column)


def keys_of_labels(arrival: Arrival) -> LabelKeys:
    """The keys of the objects that are written for a labels file."""
    moment = arrival.time.astimezone(UTC)
    time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
    return label_keys(arrival.day, file_stem(arrival.file, LABELS_PREFIX), time)
