"""The plan of a transform: which model, which columns, which pieces. All later states work by it.

The form in which rows are handed to Batch Transform, so that its filter can pick the model's columns.

How large files are scored.

Cutting a file into pieces: ranges of whole lines, found without reading the file.
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import read_input
from autowatch.records.arrival import Arrival
from autowatch.records.champion import Champion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.keys import Work
from autowatch.records.timestamps import to_text
from autowatch.scoring.columns import Layout, check_written_names, match_columns
from autowatch.tabular.table import LARGEST_FIELD, MalformedCsv, is_separator_line, read_table


@dataclass(frozen=True)
class SentRows:
    """What the rows of a job look like.

    Attributes:
        order: for each field of a row the position of its column in the file. Where the model reads numbers otherwise
            than the file writes them, all of the file's columns come first and the model's follow, as it reads them.
        input_filter: the JSONPath expression that picks the model's columns, in the contract's order.
        as_in_file: whether the order is the file's own, so that its lines can be sent as they are.
    """

    order: Sequence[int]
    input_filter: str
    as_in_file: bool


@dataclass(frozen=True)
class TransformPlan:
    """What `transform/<name>/plan.json` holds: the champion is pinned, even if another model is released meanwhile.

    Attributes:
        name: the execution's.
        input, time: the file, and when it was announced.
        header: the file's first lines up to the end of its header, as they came.
        started: when the transform began, ISO 8601.
        neutralise: whether predictions are written without formulas.
    """

    name: str
    input: ObjectVersion
    time: datetime
    champion: Champion
    contract: Contract
    header: str
    started: str
    neutralise: bool = False

    @property
    def work(self) -> Work:
        """Where the transform's work objects lie."""
        return Work(self.name)

    @property
    def arrival(self) -> Arrival:
        """The file that is scored."""
        return Arrival(self.input, self.time)

    @cached_property
    def layout(self) -> Layout:
        """Where the contract's columns stand in the file."""
        return match_columns(self.columns, self.contract)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the file's columns."""
        return read_table([self.header_bytes]).header

    @cached_property
    def rows(self) -> SentRows:
        """The form in which rows are handed to Batch Transform."""
        return choose_rows(self.layout, read_table([self.header_bytes]).delimiter)

    @cached_property
    def header_bytes(self) -> bytes:
        """The header as it stands in the file."""
        return self.header.encode()


def make_plan(
    bucket: Bucket,
    work: Work,
    arrival: Arrival,
    piece_bytes: int,
    started: datetime,
    neutralise: bool = False,
) -> TransformPlan:
    """Looks at the file's beginning and at where its pieces begin, and writes the plan and the list of pieces.

    Raises:
        UnreadableFile: the file cannot be scored as it is; for the same reasons as on the other path.
        NoChampion: there is no model to score it with.
    """
    champion = read_champion(bucket)
    contract = read_contract(bucket, champion.contract_key)
    table = read_table(read_input(bucket, arrival.file))
    layout = match_columns(table.header, contract)
    if neutralise:
        check_written_names(layout)
    next(table.rows)  # It raises NoRows where there is none.
    header = cut_header(read_input(bucket, arrival.file))
    pieces = cut_pieces(bucket, arrival.file, len(header), piece_bytes)
    plan = TransformPlan(
        work.name,
        arrival.file,
        arrival.time,
        champion,
        contract,
        header.decode(),
        to_text(started),
        neutralise,
    )
    bucket.write_json(work.pieces, pieces)
    bucket.write_json(work.plan, plan)
    return plan


def read_plan(bucket: Bucket, name: str) -> TransformPlan:
    """The plan of the transform `name`.

    Raises:
        ObjectMissing: there is none.
    """
    return bucket.read_as(Work(name).plan, TransformPlan)


def cut_header(chunks: Iterable[bytes]) -> bytes:
    """The bytes of a readable file up to the end of its header, which ends where `read_table` finds it ends."""
    read, end, quotes = b"", 0, 0
    for chunk in chunks:
        read += chunk
        while (found := read.find(b"\n", end)) >= 0:
            line, end = read[end : found + 1], found + 1
            quotes += line.count(b'"')
            if line.removeprefix(BOM_UTF8).strip(b"\r\n") and quotes % 2 == 0 and not is_separator_line(line):
                return read[:end]
    return read


LONGEST_FILTER = 63
"""Characters in an InputFilter (CreateTransformJob, DataProcessing)."""


def choose_rows(layout: Layout, delimiter: str) -> SentRows:
    """The file's own rows where a filter can pick the model's columns from them; else these moved to the end.

    A filter takes indices in ascending order, or one open slice. The two are not mixed, since SageMaker documents each
    alone and the library that it names refuses the mixture; and a slice with an end is not used, since they differ on
    whether the end is included.
    """
    features = list(layout.features)
    if layout.forms:
        return SentRows([*range(layout.width), *features], f"$[{layout.width}:]", as_in_file=False)
    own_filter = _filter(features, layout.width)
    if delimiter == "," and features == sorted(features) and len(own_filter) <= LONGEST_FILTER:
        return SentRows(range(layout.width), own_filter, as_in_file=True)
    others = sorted(set(range(layout.width)) - set(features))
    return SentRows([*others, *features], f"$[{len(others)}:]" if others else "$", as_in_file=False)


def _filter(features: Sequence[int], width: int) -> str:
    first = features[0]
    if list(features) == list(range(first, width)):
        return f"$[{first}:]" if first else "$"
    return f"$[{','.join(map(str, features))}]"


@dataclass(frozen=True)
class TransformSettings:
    """How large files are scored.

    Attributes:
        bucket: where everything lies.
        predictions_prefix: under which key prefix the predictions go.
        max_rejected_percent: a file with a larger part of rejected rows is refused whole.
        max_batch_bytes: a row that is larger by itself is rejected, as on the other path.
        metrics_namespace: where the metrics go.
        stack: the stack's name, the metrics' dimension.
        neutralise_formulas: as in the other path's settings.
    """

    predictions_prefix: str
    max_rejected_percent: float
    max_batch_bytes: int
    metrics_namespace: str
    stack: str
    neutralise_formulas: bool = False


MOST_PIECES = 10_000
"""As many parts as a multipart upload has, since each piece becomes one part of the predictions file."""


_WINDOW_BYTES = 64 * 1024


_READERS = 16


@dataclass(frozen=True)
class Piece:
    """The bytes from `start` up to, not including, `end`: whole lines, unless quotes have line breaks in them.

    `number` counts the pieces of a file from 1.
    """

    number: int
    start: int
    end: int


def cut_pieces(bucket: Bucket, file: ObjectVersion, start: int, piece_bytes: int) -> list[Piece]:
    """Cuts the bytes of `file` from `start` on, the beginning of a line, into pieces of about `piece_bytes`.

    A piece begins behind the first line end at or after its nominal place. Where there would be more than
    `MOST_PIECES` they are made larger.

    Raises:
        InputGone: that version of the file is not there any more.
        MalformedCsv: a line is longer than the longest that is read.
    """
    step = max(piece_bytes, -(-(file.size - start) // MOST_PIECES))
    nominal = range(start + step, file.size, step)
    with ThreadPoolExecutor(_READERS) as readers:
        found = set(readers.map(lambda place: _after_line_end(bucket, file, place), nominal))
    places = sorted({start, file.size} | found)
    return [Piece(number, *ends) for number, ends in enumerate(pairwise(places), start=1)]


def _after_line_end(bucket: Bucket, file: ObjectVersion, place: int) -> int:
    """Where the line behind the first line end at or after `place` begins; the file's end if there is none."""
    for offset in _windows(place, min(file.size, place + LARGEST_FIELD)):
        end = min(offset + _WINDOW_BYTES, file.size)
        found = b"".join(read_input(bucket, file, offset, end)).find(b"\n")
        if found >= 0:
            return offset + found + 1
    if file.size - place > LARGEST_FIELD:
        raise MalformedCsv(
            f"A line of the file is longer than {LARGEST_FIELD} bytes. End each row with a line feed."
        )
    return file.size


def _windows(start: int, end: int) -> Iterator[int]:
    yield from range(start, end, _WINDOW_BYTES)
