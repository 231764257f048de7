"""The importance of a challenger's columns: from Autopilot, or by shuffling the hold-out's columns one at a time."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from scipy.special import stdtrit

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.evaluation.figures import Estimate
from autowatch.evaluation.intervals import mean_estimate
from autowatch.evaluation.judged import JudgedRows
from autowatch.evaluation.measures import MEASURES
from autowatch.evaluation.numbers import ErrorMeasure
from autowatch.evaluation.threshold import deal_to_folds
from autowatch.records.contract import Contract, read_contract
from autowatch.records.importance import (
    ColumnImportance,
    ModelImportance,
    ranked,
    share_of,
    write_importance,
)
from autowatch.records.keys import contract_key, holdout_key
from autowatch.scoring.columns import match_columns
from autowatch.scoring.endpoint import TimedEndpoint
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import Table, read_table
from autowatch.training.gate.explanation import read_explanation
from autowatch.training.gate.holdout import read_holdout, score_table
from autowatch.training.gate.judge import Endpoints
from autowatch.training.gate.rows import judged_rows

_MOST_ROWS, _FEWEST_ROWS = 5_000, 100
"""Bounds for the number of hold-out rows: more add hardly any precision, and fewer measure nothing."""


_MOST_CELLS = 2_000_000
"""The most cells of these rows, which are held in memory."""


_MOST_FULL_REQUESTS = 48
"""The most rows, and the most bytes, to send: those of this many full requests.

Each request but the last is full of rows or of bytes, so there are at most 100: some minutes of the candidate endpoint.
"""


_FOLDS, _FEWEST_OF_LABEL = 5, 10
"""The number of parts of the rows that give the interval, and the rows of a label needed to have two in each part."""


_SEED = 0

_LONGEST_REQUEST = 70.0
"""Seconds reserved of the caller's time, so that a hanging request cannot fail a run whose gate has decided."""


_Result = TypeVar("_Result")


class ImportanceUnknown(AutowatchError):
    """Which columns the model uses cannot be measured; the message says why."""


def explain_challenger(
    bucket: Bucket, run: str, endpoints: Endpoints, limits: ScoringLimits, error: ErrorMeasure = "rmse"
) -> None:
    """Records the importance of the model's columns with the run and in its contract.

    Autopilot's own explanation is used if there is one; else the columns are shuffled. The gate has decided by now, and
    a missing explanation does not fail the run: the record says what went wrong.
    """
    contract = read_contract(bucket, contract_key(run))
    importance, note = _try(lambda: read_explanation(bucket, contract))
    if importance is None:
        hasty = replace(endpoints, seconds_left=lambda: endpoints.seconds_left() - _LONGEST_REQUEST)
        candidate = hasty.timed(endpoints.candidate, contract)
        importance, failure = _try(lambda: shuffle_columns(bucket, contract, candidate, limits, error))
        importance = importance or ModelImportance(run, None)
        importance = replace(importance, note=" ".join(filter(None, [note, failure])))
    write_importance(bucket, importance)
    if importance.shares:
        bucket.write_json(contract_key(run), replace(contract, importance=importance.shares))


def _try(work: Callable[[], _Result]) -> tuple[_Result | None, str]:
    """The result of `work`, or why it failed."""
    try:
        return work(), ""
    except AutowatchError as error:
        return None, str(error)
    except ClientError as error:
        return None, f"{error.operation_name} was refused: {error.response['Error']['Code']}."
    except BotoCoreError as error:
        return None, f"AWS could not be reached ({type(error).__name__})."


def shuffle_columns(
    bucket: Bucket, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits, error: ErrorMeasure
) -> ModelImportance:
    """Permutation importance on the hold-out (Breiman 2001; Fisher, Rudin and Dominici 2019).

    The importance of a column is the loss in the deciding measure if the column's values are shuffled among the rows:
    the column keeps its distribution and loses its information. The values are shuffled within each of five parts of
    the rows, and the five losses give the interval. Deterministic for the same hold-out.

    Args:
        error: the error measure that compares models of numbers.

    Raises:
        ImportanceUnknown: there is no time left, there are too many columns for the requests allowed, or no column
            matters.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    if endpoint.seconds_left() <= 0:
        # Drawing rows reads the whole hold-out, which may take longer than what was kept back.
        raise ImportanceUnknown("The gate's scoring left no time to shuffle columns.")
    sample = _draw(read_holdout(bucket, holdout_key(contract.run)), contract, limits)
    of_fold = _deal(sample, contract)
    table = read_table(_in_requests(_with_each_column_shuffled(sample, of_fold), limits), delimiter=",")
    scores = score_table(table, contract, endpoint, limits)
    if scores.rejected:
        raise ImportanceUnknown(f"The model refused {len(scores.rejected):,} rows with a shuffled column.")
    rows = judged_rows(scores, contract, contract, error)
    losses = shuffling_losses(rows, of_fold)
    values = [loss.value for loss in losses]
    if not np.isfinite(values).all():
        raise ImportanceUnknown("The model's errors are too large to be compared.")
    if max(values) <= 0:
        raise ImportanceUnknown(
            f"Shuffling single columns of {len(of_fold):,} hold-out rows has no measurable effect on the model."
        )
    columns = (
        ColumnImportance(feature.name, loss.value, share_of(loss.value, values), loss.lower, loss.upper)
        for feature, loss in zip(contract.features, losses, strict=True)
    )
    return ModelImportance(
        contract.run, "permutation", ranked(columns), measure=rows.decided_by, rows=len(of_fold)
    )


@dataclass(frozen=True)
class _Sample:
    """Some rows of the hold-out, column by column: the contract's features, and their true labels or numbers.

    `header` names the columns as the hold-out does, the target last.
    """

    header: Sequence[str]
    features: Sequence[Sequence[str]]
    actual: Sequence[str]


def _draw(table: Table, contract: Contract, limits: ScoringLimits) -> _Sample:
    """As many random rows as the requests allow, if all are sent once for each column."""
    columns, target = len(contract.features), table.header.index(contract.target)
    layout = match_columns(table.header, contract.of_plain_numbers)
    chosen = random.Random(_SEED)  # noqa: S311 (draws rows, keeps no secret)
    most = min(_MOST_ROWS, _MOST_CELLS // columns)
    if contract.labels:
        rows = _draw_of_each(table.rows, target, max(1, most // len(contract.labels)), chosen)
    else:
        rows = _draw_of_each(table.rows, None, most, chosen)
    chosen.shuffle(rows)
    size = sum(len(",".join(row).encode()) + 1 for row in rows) / len(rows)
    fits = min(limits.max_batch_rows, limits.max_batch_bytes / size) * _MOST_FULL_REQUESTS // (columns + 1)
    if fits < min(len(rows), _FEWEST_ROWS):
        raise ImportanceUnknown(
            f"The model has {columns:,} columns: shuffling each of them would take too many requests."
        )
    drawn = list(zip(*rows[: int(fits)], strict=True))
    return _Sample(
        [*layout.names, contract.target],
        [drawn[place] for place in layout.features],
        drawn[target],
    )


def _draw_of_each(
    rows: Iterable[list[str]], target: int | None, most: int, chosen: random.Random
) -> list[list[str]]:
    """At most `most` random rows of each label, which is at the position `target`; without labels, of all rows.

    So no label of a long hold-out takes more than an equal part: the AUC does not depend on how frequent a label is,
    but with a handful of rows of the rarer label it would be mostly chance.
    """
    kept: dict[str, list[list[str]]] = {}
    seen: Counter[str] = Counter()
    for row in rows:
        label = "" if target is None else row[target]
        # Each row so far is kept with the same probability (reservoir sampling, Vitter 1985).
        place = seen[label] if seen[label] < most else chosen.randrange(seen[label] + 1)
        seen[label] += 1
        if place < most:
            kept.setdefault(label, [])[place : place + 1] = [row]
    return [row for of_label in kept.values() for row in of_label]


def _deal(sample: _Sample, contract: Contract) -> np.ndarray:
    """The part of each row, from 0; shape (n,). All rows form one part if several would be too small."""
    labels = np.array(sample.actual) if contract.labels else np.zeros(len(sample.actual))
    _, rows = np.unique(labels, return_counts=True)
    return deal_to_folds(labels, _FOLDS if min(rows) >= _FEWEST_OF_LABEL else 1)


def _with_each_column_shuffled(sample: _Sample, of_fold: np.ndarray) -> Iterator[str]:
    """The lines of a CSV: all rows unchanged, then for each column all rows with its values shuffled in each part."""
    yield from csv_lines([[name] for name in sample.header])
    yield from csv_lines([*sample.features, sample.actual])
    folds = [np.flatnonzero(of_fold == fold) for fold in range(of_fold.max() + 1)]
    drawn = np.random.default_rng(_SEED)
    for place, column in enumerate(sample.features):
        shuffled = list(column)
        for rows in folds:
            for to, origin in zip(rows, drawn.permutation(rows), strict=True):
                shuffled[to] = column[origin]
        columns = [*sample.features[:place], shuffled, *sample.features[place + 1 :]]
        yield from csv_lines([*columns, sample.actual])


def _in_requests(lines: Iterator[str], limits: ScoringLimits) -> Iterator[bytes]:
    """The header, then the rows in chunks of one request each, since a table is sent chunk by chunk."""
    yield f"{next(lines)}\n".encode()
    taken: list[bytes] = []
    size = 0
    for line in lines:
        row = f"{line}\n".encode()
        if taken and (len(taken) == limits.max_batch_rows or size + len(row) > limits.max_batch_bytes):
            yield b"".join(taken)
            taken, size = [], 0
        taken.append(row)
        size += len(row)
    yield b"".join(taken)


def shuffling_losses(rows: JudgedRows, of_fold: np.ndarray) -> list[Estimate]:
    """The loss from shuffling each column, averaged over the parts of the rows.

    Args:
        rows: the sample's rows unchanged, then all of them again for each column.
        of_fold: the part of each row of the sample.
    """
    folds = [np.flatnonzero(of_fold == fold) for fold in range(of_fold.max() + 1)]
    figures = np.array(
        [
            [_figure(rows.at(places + first)) for places in folds]
            for first in range(0, len(rows), len(of_fold))
        ]
    )
    losses = figures[1:] - figures[0]
    if not MEASURES[rows.decided_by].lower_is_better:
        losses = -losses
    quantile = float(stdtrit(max(1, len(folds) - 1), 0.975))
    return [mean_estimate(of_column, quantile) for of_column in losses]


def _figure(rows: JudgedRows) -> float:
    """The deciding measure of these rows."""
    known = [place for place, count in enumerate(rows.of_class) if count > 1]
    found = rows.deciding(known).get(rows.decided_by)
    if found is None:
        raise ImportanceUnknown(
            "The hold-out has too few rows to shuffle: each label needs two of the drawn rows."
        )
    return found.value
