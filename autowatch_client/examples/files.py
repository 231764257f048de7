"""The examples and their files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from autowatch_client.examples import rents, telco, tickets
from autowatch_client.tables import write_table


@dataclass(frozen=True)
class Example:
    """A made-up table.

    Attributes:
        columns: their names, the key first and the target last.
        draw: returns a row; its second argument is 1, or `change` in July.
        rows, target, after: in words what a row is, what the target says, and what has changed in July.
    """

    columns: tuple[str, ...]
    draw: Callable[[Random, float], list[str]]
    change: float
    rows: str
    target: str
    after: str


EXAMPLES = {
    "telco": Example(
        telco.COLUMNS,
        telco.draw_customer,
        1.3,
        "customers",
        "whether they left",
        "a rise of all prices by 30 %",
    ),
    "tickets": Example(
        tickets.COLUMNS,
        tickets.draw_ticket,
        1.6,
        "messages",
        "which team answered",
        "they have become longer",
    ),
    "rents": Example(rents.COLUMNS, rents.draw_flat, 1.3, "flats", "their rents", "flats have become larger"),
}


@dataclass(frozen=True)
class ExampleFiles:
    """The files of one example.

    Attributes:
        training: rows with the target.
        june: other rows, without it.
        june_labels: their keys and true labels.
        july: rows after something has changed, without the target.
    """

    training: Path
    june: Path
    june_labels: Path
    july: Path


def write_example(folder: Path, name: str, rows: int = 4000, seed: int = 7) -> ExampleFiles:
    """Writes the four files of one of `EXAMPLES`; the same seed gives the same bytes.

    Args:
        rows: of the training file.
    """
    random = Random(seed)  # noqa: S311 (reproducible, not secret)
    example = EXAMPLES[name]
    key, target = example.columns[0], example.columns[-1]
    files = ExampleFiles(*(folder / f"{name}{part}.csv" for part in ("", "-june", "-june-labels", "-july")))
    write_table(files.training, example.columns, [example.draw(random, 1.0) for _ in range(rows)])
    june = [example.draw(random, 1.0) for _ in range(1500)]
    write_table(files.june, example.columns[:-1], [row[:-1] for row in june])
    write_table(files.june_labels, (key, target), [(row[0], row[-1]) for row in june])
    july = [example.draw(random, example.change)[:-1] for _ in range(1500)]
    write_table(files.july, example.columns[:-1], july)
    return files
