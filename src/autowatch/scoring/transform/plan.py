"""The plan of a transform: the model, the columns and the pieces. All later states follow it.

Also: the form in which rows are sent to Batch Transform, so that its filter can pick the model's columns; the settings
for large files; and the cutting of a file into pieces: ranges of whole lines, found without reading the file.
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
    """The form of the rows of a job.

    Attributes:
        order: for each field of a row the position of its column in the file. If the file's numbers are not plain, all
            of its columns come first, followed by the model's columns as the model reads them.
        input_filter: the JSONPath expression that picks the model's columns, in the contract's order.
        as_in_file: whether the order is the file's own, so that its lines can be sent unchanged.
    """

    order: Sequence[int]
    input_filter: str
    as_in_file: bool


@dataclass(frozen=True)
class TransformPlan:
    """What `transform/<name>/plan.json` holds. It pins the champion, even if another model is released meanwhile.

    Attributes:
        name: that of the execution.
        input, time: the file, and when it was announced.
        header: the file's first lines up to the end of its header, unchanged.
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
        """The keys of the transform's work objects."""
        return Work(self.name)

    @property
    def arrival(self) -> Arrival:
        """The file that is scored."""
        return Arrival(self.input, self.time)

    @cached_property
    def layout(self) -> Layout:
        """The positions of the contract's columns in the file."""
        return match_columns(self.columns, self.contract)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the file's columns."""
        return read_table([self.header_bytes]).header

    @cached_property
    def rows(self) -> SentRows:
        """The form in which rows are sent to Batch Transform."""
        return choose_rows(self.layout, read_table([self.header_bytes]).delimiter)

    @cached_property
    def header_bytes(self) -> bytes:
        """The header as in the file."""
        return self.header.encode()


def make_plan(
    bucket: Bucket,
    work: Work,
    arrival: Arrival,
    piece_bytes: int,
    started: datetime,
    neutralise: bool = False,
) -> TransformPlan:
    """Reads the file's beginning, finds where its pieces begin, and writes the plan and the list of pieces.

    Raises:
        UnreadableFile: the file cannot be scored as it is, for the same reasons as small files.
        NoChampion: there is no model to score it with.
    """
    champion = read_champion(bucket)
    contract = read_contract(bucket, champion.contract_key)
    table = read_table(read_input(bucket, arrival.file))
    layout = match_columns(table.header, contract)
    if neutralise:
        check_written_names(layout)
    next(table.rows)  # Raises NoRows if there is none.
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
    """The bytes of a readable file up to the end of its header, as `read_table` finds it."""
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
    """The file's own rows if a filter can pick the model's columns from them; otherwise rows with these at the end.

    A filter has indices in ascending order, or one open slice. The two are not mixed, since SageMaker documents each
    alone and the library that it names rejects a mixture. A slice with an end is not used, since the two differ on
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
    """The settings for scoring large files.

    Attributes:
        bucket: the bucket of all objects.
        predictions_prefix: the key prefix of the predictions.
        max_rejected_percent: a file with a larger share of rejected rows is refused as a whole.
        max_batch_bytes: a larger row is rejected, as in small files.
        metrics_namespace: the metrics' namespace.
        stack: the stack's name, the metrics' dimension.
        neutralise_formulas: as in `ScoringSettings`.
    """

    predictions_prefix: str
    max_rejected_percent: float
    max_batch_bytes: int
    metrics_namespace: str
    stack: str
    neutralise_formulas: bool = False


MOST_PIECES = 10_000
"""The most parts of a multipart upload, since each piece becomes one part of the predictions file."""


_WINDOW_BYTES = 64 * 1024


_READERS = 16


@dataclass(frozen=True)
class Piece:
    """The bytes from `start` up to, but excluding, `end`: whole lines, unless quotes contain line breaks.

    `number` counts the pieces of a file from 1.
    """

    number: int
    start: int
    end: int


def cut_pieces(bucket: Bucket, file: ObjectVersion, start: int, piece_bytes: int) -> list[Piece]:
    """Cuts the bytes of `file` from `start`, the beginning of a line, into pieces of about `piece_bytes`.

    A piece begins after the first line end at or after its nominal place. Pieces are larger if there would be more than
    `MOST_PIECES`.

    Raises:
        InputGone: that version of the file no longer exists.
        MalformedCsv: a line is longer than the limit.
    """
    step = max(piece_bytes, -(-(file.size - start) // MOST_PIECES))
    nominal = range(start + step, file.size, step)
    with ThreadPoolExecutor(_READERS) as readers:
        found = set(readers.map(lambda place: _after_line_end(bucket, file, place), nominal))
    places = sorted({start, file.size} | found)
    return [Piece(number, *ends) for number, ends in enumerate(pairwise(places), start=1)]


def _after_line_end(bucket: Bucket, file: ObjectVersion, place: int) -> int:
    """The beginning of the line after the first line end at or after `place`; the file's end if there is none."""
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
