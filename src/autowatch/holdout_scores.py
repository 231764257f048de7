"""Scoring the hold-out through an endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from autowatch.contract import Contract
from autowatch.csv_lines import csv_lines
from autowatch.gate_decision import SmokeTest
from autowatch.scoring import Rejected, ScoredBatch, ScoringLimits, score_table
from autowatch.table import read_table
from autowatch.timed_endpoint import TimedEndpoint

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
    s3: Any, bucket: str, key: str, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits
) -> HoldoutScores:
    """Scores the hold-out under `key` with the model that has this contract.

    Raises:
        NoRows, MissingColumns: the hold-out is empty, or lacks columns of the contract.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
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
