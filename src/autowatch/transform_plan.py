"""The plan of a transform: which model, which columns, which pieces. All later states work by it."""

from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from autowatch.arrival import Arrival
from autowatch.champion import Champion, read_champion
from autowatch.contract import Contract, read_contract
from autowatch.input_file import read_input
from autowatch.layout import Layout, match_columns
from autowatch.objects import ObjectVersion, read_json, write_json
from autowatch.pieces import cut_pieces
from autowatch.table import read_table
from autowatch.timestamps import from_text, to_text
from autowatch.transform_rows import SentRows, choose_rows
from autowatch.transform_work import Work


@dataclass(frozen=True)
class TransformPlan:
    """What `transform/<name>/plan.json` holds: the champion is pinned, whoever is released meanwhile.

    Attributes:
        header: the file's first lines up to the end of its header, as they came.
        started: when the transform began, ISO 8601.
    """

    work: Work
    arrival: Arrival
    champion: Champion
    contract: Contract
    header: str
    started: str

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

    def to_json(self) -> dict[str, Any]:
        """The document for `plan.json`."""
        return {
            "name": self.work.name,
            "input": self.arrival.file.to_json(),
            "time": self.arrival.time.isoformat(),
            "champion": asdict(self.champion),
            "contract": self.contract.to_json(),
            "header": self.header,
            "started": self.started,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "TransformPlan":
        """The inverse of `to_json`."""
        return cls(
            work=Work(document["name"]),
            arrival=Arrival(ObjectVersion.from_json(document["input"]), from_text(document["time"])),
            champion=Champion(**document["champion"]),
            contract=Contract.from_json(document["contract"]),
            header=document["header"],
            started=document["started"],
        )


def make_plan(
    s3: Any, bucket: str, work: Work, arrival: Arrival, piece_bytes: int, started: datetime
) -> TransformPlan:
    """Looks at the file's beginning and at where its pieces begin, and writes the plan and the list of pieces.

    Raises:
        UnreadableFile: the file cannot be scored as it is; for the same reasons as on the other path.
        NoChampion: there is no model to score it with.
    """
    champion = read_champion(s3, bucket)
    contract = read_contract(s3, bucket, champion.contract_key)
    table = read_table(read_input(s3, bucket, arrival.file))
    match_columns(table.header, contract)
    next(table.rows)  # It raises NoRows where there is none.
    header = cut_header(read_input(s3, bucket, arrival.file))
    pieces = cut_pieces(s3, bucket, arrival.file, len(header), piece_bytes)
    plan = TransformPlan(work, arrival, champion, contract, header.decode(), to_text(started))
    write_json(s3, bucket, work.pieces, [piece.to_json() for piece in pieces])
    write_json(s3, bucket, work.plan, plan.to_json())
    return plan


def read_plan(s3: Any, bucket: str, name: str) -> TransformPlan:
    """The plan of the transform `name`.

    Raises:
        ObjectMissing: there is none.
    """
    return TransformPlan.from_json(read_json(s3, bucket, Work(name).plan))


def cut_header(chunks: Iterable[bytes]) -> bytes:
    """The bytes of a readable file up to the end of its header, which ends where `read_table` finds it ends."""
    read, end, quotes = b"", 0, 0
    for chunk in chunks:
        read += chunk
        while (found := read.find(b"\n", end)) >= 0:
            line, end = read[end : found + 1], found + 1
            quotes += line.count(b'"')
            if line.removeprefix(BOM_UTF8).strip(b"\r\n") and quotes % 2 == 0:
                return read[:end]
    return read
