"""What a challenger uses: as Autopilot explained it, or by shuffling the hold-out's columns one at a time."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from scipy.special import stdtrit

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.evaluation.classification import area_under_curve
from autowatch.evaluation.figures import Estimate
from autowatch.evaluation.intervals import mean_estimate
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
from autowatch.records.problem import ProblemType
from autowatch.scoring.columns import match_columns
from autowatch.scoring.endpoint import TimedEndpoint
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import Table, read_table
from autowatch.training.gate.explanation import read_explanation
from autowatch.training.gate.holdout import HoldoutScores, read_holdout, score_table
from autowatch.training.gate.judge import Endpoints

_MOST_ROWS, _FEWEST_ROWS = 5_000, 100
"""Of the hold-out: more tell hardly more of a column, and fewer say nothing."""


_MOST_CELLS = 2_000_000
"""Of these rows, which are held in memory."""


_MOST_FULL_REQUESTS = 25
"""As much as so many full requests hold is sent. Where both their rows and their bytes run out, and each that is too
large is halved, that makes 100 requests at most: some minutes of the candidate endpoint."""


_FOLDS, _FEWEST_OF_LABEL = 5, 10
"""The interval comes from so many parts of the rows, each with two rows of every label."""


_SEED = 0

_Result = TypeVar("_Result")


class ImportanceUnknown(AutowatchError):
    """Which columns the model uses cannot be measured; the message says why."""


def explain_challenger(bucket: Bucket, run: str, endpoints: Endpoints, limits: ScoringLimits) -> None:
    """Keeps with the run, and in its contract, which columns its model uses.

    Autopilot's own explanation is taken where there is one, else the columns are shuffled. The gate has decided by
    then, and a run does not fail for want of an explanation: what went wrong stands in the record.
    """
    contract = read_contract(bucket, contract_key(run))
    importance, note = _try(lambda: read_explanation(bucket, contract))
    if importance is None:
        candidate = endpoints.timed(endpoints.candidate, contract)
        importance, failure = _try(lambda: shuffle_columns(bucket, contract, candidate, limits))
        importance = importance or ModelImportance(run, None)
        importance = replace(importance, note=" ".join(filter(None, [note, failure])))
    write_importance(bucket, importance)
    if importance.shares:
        bucket.write_json(contract_key(run), replace(contract, importance=importance.shares))


def _try(work: Callable[[], _Result]) -> tuple[_Result | None, str]:
    """What `work` gives, or why it gives nothing."""
    try:
        return work(), ""
    except AutowatchError as error:
        return None, str(error)
    except ClientError as error:
        return None, f"{error.operation_name} was refused: {error.response['Error']['Code']}."
    except BotoCoreError as error:
        return None, f"AWS could not be reached ({type(error).__name__})."


def shuffle_columns(
    bucket: Bucket, contract: Contract, endpoint: TimedEndpoint, limits: ScoringLimits
) -> ModelImportance:
    """Permutation importance on the hold-out (Breiman 2001; Fisher, Rudin and Dominici 2019).

    How much of its measure the model loses when the values of one column are shuffled among the rows, so that the
    column keeps its distribution and says nothing. The measure is taken on five parts of the rows, within which the
    values are shuffled; the five losses give the interval. The same hold-out always gives the same answer.

    Raises:
        ImportanceUnknown: there are too many columns for the requests allowed, or no column matters.
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    sample = _draw(read_holdout(bucket, holdout_key(contract.run)), contract, limits)
    of_fold = _deal(sample, contract)
    table = read_table(_with_each_column_shuffled(sample, of_fold))
    scores = score_table(table, contract, endpoint, limits)
    if scores.rejected:
        raise ImportanceUnknown(f"The model refused {len(scores.rejected):,} rows with a shuffled column.")
    name, measuring = MEASURES[contract.problem_type]
    losses = _losses(measuring(contract, scores), of_fold, len(sample.features))
    values = [loss.value for loss in losses]
    if not np.isfinite(values).all():
        raise ImportanceUnknown("The model's errors are too large to be compared.")
    if max(values) <= 0:
        raise ImportanceUnknown(
            f"Shuffling single columns of {len(of_fold):,} hold-out rows costs the model nothing that can be measured."
        )
    columns = (
        ColumnImportance(feature.name, loss.value, share_of(loss.value, values), loss.lower, loss.upper)
        for feature, loss in zip(contract.features, losses, strict=True)
    )
    return ModelImportance(contract.run, "permutation", ranked(columns), measure=name, rows=len(of_fold))


@dataclass(frozen=True)
class _Sample:
    """Some rows of the hold-out, column by column: the contract's features, and their true labels or numbers.

    `header` names the columns as the hold-out does, the target last.
    """

    header: Sequence[str]
    features: Sequence[Sequence[str]]
    actual: Sequence[str]


def _draw(table: Table, contract: Contract, limits: ScoringLimits) -> _Sample:
    """As many rows as may be sent once for each column, drawn at random."""
    columns, target = len(contract.features), table.header.index(contract.target)
    layout = match_columns(table.header, contract.of_plain_numbers)
    chosen = random.Random(_SEED)  # noqa: S311 (draws rows, keeps no secret)
    most = min(_MOST_ROWS, _MOST_CELLS // columns)
    rows: list[list[str]] = []
    for before, row in enumerate(table.rows):
        # Each row so far is kept with the same chance (reservoir sampling, Vitter 1985).
        place = before if before < most else chosen.randrange(before + 1)
        if place < most:
            rows[place : place + 1] = [row]
    chosen.shuffle(rows)
    size = sum(len(cell) + 1 for row in rows for cell in row) / len(rows)
    fits = min(limits.max_batch_rows, limits.max_batch_bytes / size) * _MOST_FULL_REQUESTS // (columns + 1)
    if fits < min(len(rows), _FEWEST_ROWS):
        raise ImportanceUnknown(
            f"The model has {columns:,} columns: shuffling each of them would take too many requests."
        )
    kept = list(zip(*rows[: int(fits)], strict=True))
    return _Sample(
        [*layout.names, contract.target],
        [kept[place] for place in layout.features],
        kept[target],
    )


def _deal(sample: _Sample, contract: Contract) -> np.ndarray:
    """The part of each row, from 0; all rows are one part where more would be too small; shape (n,)."""
    labels = np.array(sample.actual) if contract.labels else np.zeros(len(sample.actual))
    found, rows = np.unique(labels, return_counts=True)
    if contract.labels and len(found) < 2:
        raise ImportanceUnknown(f"All of the {len(labels):,} hold-out rows drawn have the same label.")
    return deal_to_folds(labels, _FOLDS if min(rows) >= _FEWEST_OF_LABEL else 1)


def _with_each_column_shuffled(sample: _Sample, of_fold: np.ndarray) -> Iterator[bytes]:
    """A CSV file: the rows as they are, then for each column all of them with its values shuffled within each part."""
    yield _lines([[name] for name in sample.header])
    yield _lines([*sample.features, sample.actual])
    folds = [np.flatnonzero(of_fold == fold) for fold in range(of_fold.max() + 1)]
    drawn = np.random.default_rng(_SEED)
    for place, column in enumerate(sample.features):
        shuffled = list(column)
        for rows in folds:
            for to, origin in zip(rows, drawn.permutation(rows), strict=True):
                shuffled[to] = column[origin]
        yield _lines([*sample.features[:place], shuffled, *sample.features[place + 1 :], sample.actual])


def _lines(columns: Sequence[Sequence[str]]) -> bytes:
    return "".join(f"{line}\n" for line in csv_lines(columns)).encode()


_Measure = Callable[[np.ndarray], float]
"""How good the predictions of the rows at some places are; higher is better."""


def _losses(measure: _Measure, of_fold: np.ndarray, columns: int) -> list[Estimate]:
    """What each column's shuffling costs, on average over the parts of the rows."""
    folds = [np.flatnonzero(of_fold == fold) for fold in range(of_fold.max() + 1)]
    whole = [measure(rows) for rows in folds]
    quantile = float(stdtrit(max(1, len(folds) - 1), 0.975))
    losses = []
    for copy in range(1, columns + 1):
        shuffled = [measure(rows + copy * len(of_fold)) for rows in folds]
        losses.append(mean_estimate(np.subtract(whole, shuffled), quantile))
    return losses


def _auc(contract: Contract, scores: HoldoutScores) -> _Measure:
    positive, probability = scores.positive(contract.positive_label), scores.probabilities()
    return lambda rows: area_under_curve(positive[rows], probability[rows])


def _macro_auc(contract: Contract, scores: HoldoutScores) -> _Measure:
    """The mean over the labels of the AUC of each against all others."""
    actual, probability = np.array(scores.actual), scores.label_probabilities()
    return lambda rows: float(
        np.mean(
            [
                area_under_curve(actual[rows] == label, probability[rows, place])
                for place, label in enumerate(contract.labels)
                if 0 < np.sum(actual[rows] == label) < len(rows)
            ]
        )
    )


def _negative_rmse(_contract: Contract, scores: HoldoutScores) -> _Measure:
    squares = (scores.actual_numbers() - scores.predicted_numbers()) ** 2
    return lambda rows: -float(np.sqrt(np.mean(squares[rows])))


MEASURES: Mapping[ProblemType, tuple[str, Callable[[Contract, HoldoutScores], _Measure]]] = {
    "binary": ("AUC", _auc),
    "multiclass": ("mean AUC of each label against the others", _macro_auc),
    "regression": ("root mean squared error", _negative_rmse),
}
"""By problem type what is lost, in words, and how it is measured."""
