"""Taking in a labels file: each label goes to the day and the run of the prediction that it belongs to.

A labels file: where its ids and labels stand, and the keys of what is made of it. One that comes with the user's own
key is joined to the predictions here.
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
from autowatch.reports.text import listed, short
from autowatch.scoring.columns import MissingColumns
from autowatch.scoring.outcome import check_balance
from autowatch.scoring.output import rejected_header, rejected_rows
from autowatch.tabular.cells import differ_unseen
from autowatch.tabular.table import Block, read_table

MOST_FILES = 100_000
"""Predictions files that the labels of one file may belong to: each takes two requests to S3, some minutes in all."""


_ROWS_AT_ONCE = 50_000


_LABELS_SHOWN = 10


_LONGEST_SHOWN = 60


_ID = re.compile(r"([0-9a-f]{16})-([1-9][0-9]{0,9})", re.ASCII)


_LOGGER = logging.getLogger(__name__)


class TooManyFiles(UnreadableFile):
    """The labels belong to more predictions files than one labels file may name."""


@dataclass(frozen=True)
class TakenLabels:
    """What was taken in of one labels file.

    Attributes:
        rows: how many rows it has; each was taken or rejected.
        taken: how many labels were taken, those that a later row of the file replaces among them.
        rejected: how many rows fit no prediction.
        days: the days of the predictions that they belong to, in order.
    """

    rows: int
    taken: int
    rejected: int
    days: tuple[str, ...]


def take_labels(bucket: Bucket, arrival: Arrival) -> TakenLabels:
    """Writes the labels of one file to where the quality of their days is measured from, and rejects what fits nothing.

    Nothing is written before the whole file has been read. What is written has the same keys and the same content
    however often the file is announced, so that it does not matter how many invocations do this at once, or die.

    Raises:
        UnreadableFile: the file cannot be taken in as it is, and trying again cannot help.
        NoChampion: there can be no predictions yet.
        RowsLost: see there.
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
    """The positions of the two columns that count; the others are ignored.

    `by_key` says that the rows are named by the user's key and not by our ids.
    """

    identifier: int
    label: int
    by_key: bool = False


def _ids_of_keys(bucket: Bucket, arrival: Arrival, columns: LabelColumns, id_column: str) -> dict[str, str]:
    table = read_table(read_input(bucket, arrival.file))
    keys = {key for block in table.blocks(_ROWS_AT_ONCE) for key in block.columns[columns.identifier]}
    return find_ids(bucket, id_column, keys, arrival.time.astimezone(UTC).date())


class _Reader:
    """Finds out where the labels of a file belong.

    Attributes:
        files: the predictions files met so far, by their numbers.
    """

    def __init__(
        self, scored: ScoredFiles, columns: LabelColumns, width: int, ids: Mapping[str, str] | None
    ) -> None:
        self.files: list[ScoredFile] = []
        self._scored, self._columns, self._width, self._ids = scored, columns, width, ids
        self._known: dict[str, _Known] = {}

    def read(self, block: Block, faults: dict[int, str]) -> Iterator[tuple[int, int, float]]:
        """For each row that fits the numbers of file and row, and the label's place or the number; `faults` gets why
        the others do not."""
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
    """What a row is checked against: the file's number, its rows, its model, and the reader of what came true."""

    number: int
    rows: int
    contract: Contract
    value_of: Callable[[str], float | None]

    def fault_of(self, label: str) -> str:
        """What is wrong with a label that the model does not know, or with what is no number."""
        contract = self.contract
        if not contract.labels:
            return f"The label is not a number, and the model of run {contract.run} predicts numbers."
        labels = listed([repr(short(label, _LONGEST_SHOWN)) for label in contract.labels], _LABELS_SHOWN)
        return (
            f"The label is not one that the model of run {contract.run} knows: {labels}, to the letter."
            f"{differ_unseen([label], contract.labels)}"
        )


def _reader_of(contract: Contract) -> Callable[[str], float | None]:
    """What gives the place of a label in the contract's, or the number that is meant; None where it is neither."""
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
    """Writes a fragment for each day and run, and gives the days."""
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
    """Finds the columns by name: of the ids, and the first of `<target>_actual`, `label` and `<target>`.

    Our ids stand in `autowatch_id` or else in `id`. The user's key counts where the file has neither, and where it is
    itself called `id`. A file that has `<target>_probability` or `prediction_date` too comes from predictions, and what
    stands under `<target>` is predicted.

    Args:
        header: the file's.
        target: what is predicted.
        id_column: the user's key; empty where there is none.

    Raises:
        MissingColumns: one of them is not there.
    """
    names = (
        (OTHER_ID_COLUMN, id_column, ID_COLUMN)
        if id_column == ID_COLUMN
        else (OTHER_ID_COLUMN, ID_COLUMN, id_column)
    )
    identifier = next((name for name in names if name and name in header), None)
    if identifier is None:
        raise MissingColumns(
            f"The file has no column {ID_COLUMN}. Take over the column {ID_COLUMN} of the predictions"
            f"{f', or name your key {id_column!r}' if id_column else ', or set the parameter IdColumn to your key'}."
        )
    names_of_labels = [f"{target}_actual", "label", target]
    if {f"{target}_probability", PREDICTION_DATE_COLUMN}.intersection(header):
        names_of_labels = [name for name in names_of_labels if name != target]
    label = next((name for name in names_of_labels if name in header and name != identifier), None)
    if label is None:
        raise MissingColumns(
            f"The file has no column with labels. Name the column of what came true {' or '.join(names_of_labels)}."
        )
    return LabelColumns(header.index(identifier), header.index(label), identifier == id_column)


def keys_of_labels(arrival: Arrival) -> LabelKeys:
    """The keys of what is made of a labels file."""
    moment = arrival.time.astimezone(UTC)
    time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
    return label_keys(arrival.day, file_stem(arrival.file, LABELS_PREFIX), time)
