"""Scores the hold-out through an endpoint, also with the champion if the two models can be compared."""

import threading
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import compress
from operator import attrgetter

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import ResumedBody
from autowatch.errors import AutowatchError
from autowatch.records.champion import Champion, NoChampion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.holdout import UnseenRows, read_unseen_rows
from autowatch.records.keys import holdout_key, reference_key
from autowatch.records.problem import TYPES_IN_WORDS, ProblemType, named
from autowatch.records.smoke import SmokeTest
from autowatch.scoring.ahead import work_ahead
from autowatch.scoring.columns import Layout, MissingColumns, check_block, match_columns
from autowatch.scoring.endpoint import EndpointMissing, RowsRefused, TimedEndpoint
from autowatch.scoring.requests import Answer, Rejected, ScoringLimits, request_predictions
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import Table, read_table

_CHUNK = 1 << 20

_SMOKE_ROWS = 20


@dataclass(frozen=True)
class HoldoutScores:
    """A model's scores of the hold-out. The lists have one item for each scored row, in the hold-out's order.

    Attributes:
        row_numbers: the rows' positions in the hold-out, from 1.
        actual: the true labels, or the true numbers as text.
        predicted: the predicted labels, or numbers as text.
        probability: P(positive label) or, of several labels, P(predicted label), as the model wrote it; empty for
            numbers.
        rejected: the rows that the model did not score.
        first_rows: the features of the first few scored rows, as sent.
        seconds: the duration of each batch.
        of_labels: of several labels, in the contract's order, the probability of each in each row; otherwise empty.
    """

    row_numbers: list[int]
    actual: list[str]
    predicted: list[str]
    probability: list[str]
    rejected: list[Rejected]
    first_rows: list[Sequence[str]]
    seconds: Sequence[float]
    of_labels: tuple["array[float]", ...] = ()

    def positive(self, positive_label: str) -> np.ndarray:
        """Shape (rows scored,), bool: whether the row's true label is this one."""
        return np.array(self.actual) == positive_label

    def probabilities(self) -> np.ndarray:
        """Shape (rows scored,), float: of two labels P(positive label), of several P(predicted label)."""
        return np.array(self.probability, dtype=float)

    def label_probabilities(self) -> np.ndarray:
        """Shape (rows scored, labels), float: the probability of each of several labels, in the contract's order."""
        return np.array(self.of_labels).T

    def actual_numbers(self) -> np.ndarray:
        """Shape (rows scored,), float: the true numbers."""
        return np.array(self.actual, dtype=float)

    def predicted_numbers(self) -> np.ndarray:
        """Shape (rows scored,), float: the predicted numbers."""
        return np.array(self.predicted, dtype=float)

    def only(self, numbers: Collection[int]) -> "HoldoutScores":
        """The scores of the rows with these numbers."""
        kept = [number in numbers for number in self.row_numbers]
        return replace(
            self,
            row_numbers=list(compress(self.row_numbers, kept)),
            actual=list(compress(self.actual, kept)),
            predicted=list(compress(self.predicted, kept)),
            probability=list(compress(self.probability, kept)),
            of_labels=tuple(array("d", compress(column, kept)) for column in self.of_labels),
        )


def score_holdout(
    bucket: Bucket, key: str, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits
) -> HoldoutScores:
    """Scores the hold-out under `key` with the model that has this contract.

    The csv module reads it, since Arrow does not fit into one function with the gate's statistics packages.

    Raises:
        NoRows, MissingColumns: the hold-out is empty, or lacks columns of the contract.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    return score_table(read_holdout(bucket, key), contract, endpoint, limits)


def score_table(
    table: Table, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits
) -> HoldoutScores:
    """Scores the rows of a table in the hold-out's form; otherwise as `score_holdout`."""
    batches = _read_batches(table, match_columns(table.header, contract.of_plain_numbers), contract, limits)
    of_labels = tuple(array("d") for _ in contract.labels) if contract.problem_type == "multiclass" else ()
    scores = HoldoutScores([], [], [], [], [], [], endpoint.seconds, of_labels)
    stopped = threading.Event()
    # Once a batch has failed, the others must stop retrying.
    stoppable = replace(endpoint, seconds_left=lambda: 0.0 if stopped.is_set() else endpoint.seconds_left())

    def send(batch: _Batch) -> tuple[_Batch, Answer]:
        rows = len(batch.numbers)
        return batch, request_predictions(batch.payload, rows, stoppable, limits.max_batch_bytes)

    size = attrgetter("size")
    with closing(work_ahead(batches, send, limits.concurrency, size, stopped)) as answered:
        for batch, answer in answered:
            _add(scores, batch, answer)
    return scores


@dataclass(frozen=True)
class _Batch:
    """Consecutive rows: the numbers, lines, true labels and features of those to send, and the rejected rows."""

    numbers: Sequence[int]
    lines: Sequence[int]
    actual: Sequence[str]
    features: Sequence[Sequence[str]]
    payload: bytes
    rejected: Sequence[Rejected]

    @property
    def size(self) -> int:
        """The number of bytes to send."""
        return len(self.payload)


def _read_batches(
    table: Table, layout: Layout, contract: Contract, limits: ScoringLimits
) -> Generator[_Batch]:
    target, before = table.header.index(contract.target), 0
    for block in table.blocks(limits.max_batch_rows):
        faults, rows = check_block(block, layout), list(block.rows())
        kept = [place for place in range(len(rows)) if place not in faults]
        features = [[rows[place][position] for position in layout.features] for place in kept]
        lines = csv_lines(list(zip(*features, strict=True))) if features else []
        yield _Batch(
            numbers=[before + place + 1 for place in kept],
            lines=[block.lines[place] for place in kept],
            actual=[rows[place][target] for place in kept],
            features=features,
            payload="".join(f"{line}\n" for line in lines).encode(),
            rejected=[
                Rejected(block.lines[place], before + place + 1, faults[place], rows[place])
                for place in sorted(faults)
            ],
        )
        before += len(rows)


def _add(scores: HoldoutScores, batch: _Batch, answer: Answer) -> None:
    scored = [place for place in range(len(batch.numbers)) if place not in answer.faults]
    refused = [
        Rejected(
            batch.lines[place], batch.numbers[place], fault.reason, batch.features[place], fault.model_reason
        )
        for place, fault in answer.faults.items()
    ]
    scores.row_numbers.extend(batch.numbers[place] for place in scored)
    scores.actual.extend(batch.actual[place] for place in scored)
    scores.first_rows.extend(
        batch.features[place] for place in scored[: _SMOKE_ROWS - len(scores.first_rows)]
    )
    for part in answer.parts:
        scores.predicted.extend(part.labels)
        scores.probability.extend(part.probabilities)
        for column, probabilities in zip(scores.of_labels, part.of_labels, strict=True):
            column.extend(map(float, probabilities))
    scores.rejected.extend(sorted([*batch.rejected, *refused], key=lambda row: row.line))


def warm_up(bucket: Bucket, key: str, contract: Contract, endpoint: TimedEndpoint, places: int) -> None:
    """Starts all of the endpoint's `places` by concurrent requests with one row of the hold-out.

    Each place of a serverless endpoint starts its container at its first request, which takes half a minute or more.

    Raises:
        NoRows, MissingColumns: the hold-out is empty, or lacks columns of the contract.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict_when_started`.
    """
    table = read_holdout(bucket, key)
    block, layout = next(table.blocks(1)), match_columns(table.header, contract.of_plain_numbers)
    (line,) = csv_lines([block.columns[position][:1] for position in layout.features])
    with ThreadPoolExecutor(places) as pool:
        asked = [pool.submit(endpoint.predict_when_started, f"{line}\n".encode(), 1) for _ in range(places)]
        for each in asked:
            # Even a refusal of the row shows that the model has started; scoring handles refusals.
            with suppress(RowsRefused):
                each.result()


def read_holdout(bucket: Bucket, key: str) -> Table:
    """The hold-out under `key`, read as a stream."""
    body = ResumedBody.of_key(bucket, key)
    return read_table(iter(lambda: body.read(_CHUNK), b""), delimiter=",")


def take_smoke_test(scores: HoldoutScores) -> SmokeTest:
    """The first scored rows as sent, and the model's answers."""
    lines, rows = csv_lines(list(zip(*scores.first_rows, strict=True))), len(scores.first_rows)
    return SmokeTest(
        payload="".join(f"{line}\n" for line in lines),
        labels=scores.predicted[:rows],
        probabilities=scores.probability[:rows],
    )


_FEWEST_ROWS_SCORED = 0.5
"""The lowest share of the new rows that the champion must score to be compared."""


_FEWEST_UNSEEN_OF_CLASS = 10
"""With this many rows of the rarer class, the comparison keeps its error rate; fewer would hardly show a loss."""


class ChampionNotComparable(AutowatchError):
    """No champion can be judged on the challenger's hold-out; the message says why."""


class TooFewUnseenRows(ChampionNotComparable):
    """The champion was trained on most rows of the hold-out, so that too few are left for a comparison."""


@dataclass(frozen=True)
class ScoredChampion:
    """The champion's contract, and its scores of the rows that it was not trained on, or of all if these are unknown.

    Attributes:
        unseen_rows: how many rows of the hold-out it was not trained on; None if unknown.
        unknown: why they are unknown; otherwise empty.
    """

    contract: Contract
    scores: HoldoutScores
    unseen_rows: int | None
    unknown: str


def score_champion(
    bucket: Bucket, challenger: Contract, endpoint: TimedEndpoint, rows: int, limits: ScoringLimits
) -> ScoredChampion:
    """Scores the challenger's hold-out with the champion.

    Args:
        challenger: the challenger's contract.
        endpoint: the champion's, set to return P(the challenger's positive label).
        rows: the number of rows of the hold-out.

    Raises:
        ChampionNotComparable: no champion serves, or it predicts something else, or it cannot score these rows.
        TooFewUnseenRows: it was trained on nearly all of them.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    contract, scores = _score_with_champion(
        bucket, holdout_key(challenger.run), challenger, endpoint, rows, limits
    )
    unseen = read_unseen_rows(bucket, challenger.run, contract.run)
    if unseen.rows is None:
        return ScoredChampion(contract, scores, None, unseen.unknown)
    numbers = unseen.numbers()
    fair = scores.only(numbers)
    _check_unseen(unseen, fair, challenger, rows)
    return ScoredChampion(contract, fair, len(numbers), "")


def score_champion_on_reference(
    bucket: Bucket, challenger: Contract, endpoint: TimedEndpoint, rows: int, limits: ScoringLimits
) -> ScoredChampion:
    """Scores the reference hold-out, on which no model was trained, with the champion; see `score_champion`."""
    key = reference_key(challenger.run)
    contract, scores = _score_with_champion(bucket, key, challenger, endpoint, rows, limits)
    return ScoredChampion(contract, scores, rows, "")


def _score_with_champion(
    bucket: Bucket,
    key: str,
    challenger: Contract,
    endpoint: TimedEndpoint,
    rows: int,
    limits: ScoringLimits,
) -> tuple[Contract, HoldoutScores]:
    try:
        champion = read_champion(bucket)
    except NoChampion:
        raise ChampionNotComparable("no model has been released yet") from None
    contract = read_contract(bucket, champion.contract_key)
    _check_comparable(champion, contract, challenger, endpoint.name)
    try:
        scores = score_holdout(bucket, key, contract, endpoint, limits)
    except MissingColumns as error:
        raise ChampionNotComparable(f"the champion cannot score the hold-out. {error}") from error
    except EndpointMissing as error:
        raise ChampionNotComparable(f"the champion, run {champion.run}, does not serve. {error}") from error
    if len(scores.row_numbers) < _FEWEST_ROWS_SCORED * rows:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, could score only {len(scores.row_numbers):,} of {rows:,} rows"
        )
    return contract, scores


def _check_unseen(unseen: UnseenRows, scores: HoldoutScores, challenger: Contract, rows: int) -> None:
    # All numbers count as one class.
    counts = Counter(scores.actual if challenger.labels else [challenger.target] * len(scores.actual))
    needed = min(2, len(challenger.labels)) or 1
    enough = sum(count >= _FEWEST_UNSEEN_OF_CLASS for count in counts.values())
    if enough < needed:
        raise TooFewUnseenRows(
            f"only {len(scores.row_numbers):,} of the {rows:,} hold-out rows were also held out from the champion, run "
            f"{unseen.champion}{_SHORTAGES[challenger.problem_type](counts, challenger)}. So whether the challenger is "
            "worse is unknown. If you changed IdColumn, DropColumns or HoldoutBy, the next run can compare again; "
            "otherwise add newer rows"
        )


def _shortage_of_two(counts: Counter[str], challenger: Contract) -> str:
    fewest = min(challenger.labels, key=lambda label: counts[label])
    return (
        f", {counts[fewest]:,} of them with the label {named([fewest])}; {_FEWEST_UNSEEN_OF_CLASS} of each label are "
        "needed"
    )


_SHORTAGES: Mapping[ProblemType, Callable[[Counter[str], Contract], str]] = {
    "binary": _shortage_of_two,
    "multiclass": lambda *_: f"; {_FEWEST_UNSEEN_OF_CLASS} of each of two labels are needed",
    "regression": lambda *_: f"; {_FEWEST_UNSEEN_OF_CLASS} are needed",
}


def _check_comparable(
    champion: Champion, contract: Contract, challenger: Contract, endpoint_name: str
) -> None:
    if contract.target != challenger.target:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, predicts {contract.target}, the challenger {challenger.target}"
        )
    if contract.problem_type != challenger.problem_type:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, predicts {TYPES_IN_WORDS[contract.problem_type]}, the challenger "
            f"{TYPES_IN_WORDS[challenger.problem_type]}"
        )
    if set(contract.labels) != set(challenger.labels):
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, has the labels {named(contract.labels)}, the challenger "
            f"{named(challenger.labels)}"
        )
    if champion.endpoint_name != endpoint_name:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, serves at {champion.endpoint_name}, not at {endpoint_name}"
        )
