"""Scoring the hold-out through an endpoint.

The champion on the challenger's hold-out, where the two can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.records.champion import Champion, NoChampion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.run import holdout_key
from autowatch.records.smoke import SmokeTest
from autowatch.scoring.batches import Rejected, ScoredBatch, ScoringLimits, score_table
from autowatch.scoring.columns import MissingColumns
from autowatch.scoring.endpoint import EndpointMissing, TimedEndpoint
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import read_table

_CHUNK = 1 << 20


_SMOKE_ROWS = 20


@dataclass(frozen=True)
class HoldoutScores:
    """What a model says of the hold-out's rows. The lists have one item for each row that it scored, in their order.

    Attributes:
        row_numbers: the rows' places in the hold-out, from 1.
        actual: their true labels.
        predicted: the labels predicted.
        probability: P(positive label), as the model wrote it.
        rejected: the rows that it did not score.
        first_batch: the first rows with all their columns.
        seconds: how long each batch took.
    """

    row_numbers: Sequence[int]
    actual: Sequence[str]
    predicted: Sequence[str]
    probability: Sequence[str]
    rejected: Sequence[Rejected]
    first_batch: ScoredBatch
    seconds: Sequence[float]

    def positive(self, positive_label: str) -> np.ndarray:
        """Shape (rows scored,), bool: whether the row's true label is this one."""
        return np.array(self.actual) == positive_label

    def probabilities(self) -> np.ndarray:
        """Shape (rows scored,), float."""
        return np.array(self.probability, dtype=float)


def score_holdout(
    bucket: Bucket, key: str, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits
) -> HoldoutScores:
    """Scores the hold-out under `key` with the model that has this contract.

    Raises:
        NoRows, MissingColumns: the hold-out is empty, or lacks columns of the contract.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    body = bucket.get(key)["Body"]
    row_numbers: list[int] = []
    rejected: list[Rejected] = []
    actual, predicted, probability = list[str](), list[str](), list[str]()
    batches = score_table(read_table(body.iter_chunks(_CHUNK)), contract, endpoint, limits)
    first_batch = next(batches)
    for batch in chain([first_batch], batches):
        columns = batch.columns
        row_numbers.extend(batch.row_numbers)
        rejected.extend(batch.rejected)
        actual.extend(columns[contract.actual_column])
        predicted.extend(columns[contract.target])
        probability.extend(columns[contract.probability_column])
    return HoldoutScores(
        row_numbers, actual, predicted, probability, rejected, first_batch, tuple(endpoint.seconds)
    )


def take_smoke_test(scores: HoldoutScores, contract: Contract) -> SmokeTest:
    """The first rows as they were sent, and the model's answers to them."""
    columns = scores.first_batch.columns
    features = [columns[feature.name][:_SMOKE_ROWS] for feature in contract.features]
    return SmokeTest(
        payload="".join(f"{line}\n" for line in csv_lines(features)),
        labels=list(columns[contract.target][:_SMOKE_ROWS]),
        probabilities=list(columns[contract.probability_column][:_SMOKE_ROWS]),
    )


_FEWEST_ROWS_SCORED = 0.5
"""A share: a champion that cannot score more of the new rows is of no use on them."""


class ChampionNotComparable(AutowatchError):
    """There is no champion that could be judged on the challenger's hold-out; the message says why."""


@dataclass(frozen=True)
class ScoredChampion:
    """The champion's run and its scores."""

    run: str
    scores: HoldoutScores


def score_champion(
    bucket: Bucket, challenger: Contract, endpoint: TimedEndpoint, rows: int, limits: ScoringLimits
) -> ScoredChampion:
    """Scores the challenger's hold-out with the champion.

    Args:
        challenger: the challenger's contract.
        endpoint: the champion's, which gives P of the challenger's positive label.
        rows: how many rows the hold-out has.

    Raises:
        ChampionNotComparable: none serves, it predicts something else, or it cannot score these rows.
        EndpointError, AnswerMismatch, AnswerUnreadable: it should have answered and did not.
    """
    try:
        champion = read_champion(bucket)
    except NoChampion:
        raise ChampionNotComparable("no model has been released yet") from None
    contract = read_contract(bucket, champion.contract_key)
    _check_comparable(champion, contract, challenger, endpoint.name)
    try:
        scores = score_holdout(bucket, holdout_key(challenger.run), contract, endpoint, limits)
    except MissingColumns as error:
        raise ChampionNotComparable(f"the champion cannot score the hold-out. {error}") from error
    except EndpointMissing as error:
        raise ChampionNotComparable(f"the champion, run {champion.run}, does not serve. {error}") from error
    if len(scores.row_numbers) < _FEWEST_ROWS_SCORED * rows:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, could score only {len(scores.row_numbers):,} of {rows:,} rows"
        )
    return ScoredChampion(champion.run, scores)


def _check_comparable(
    champion: Champion, contract: Contract, challenger: Contract, endpoint_name: str
) -> None:
    if contract.target != challenger.target:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, predicts {contract.target}, the challenger {challenger.target}"
        )
    if set(contract.labels) != set(challenger.labels):
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, has the labels {', '.join(contract.labels)}, "
            f"the challenger {', '.join(challenger.labels)}"
        )
    if champion.endpoint_name != endpoint_name:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, serves at {champion.endpoint_name}, not at {endpoint_name}"
        )
