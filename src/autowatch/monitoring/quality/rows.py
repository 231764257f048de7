"""The labelled rows of one day, joined to their predictions."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.evaluation.judged import BinaryRows, ClassRows, JudgedRows, NumberRows, joined
from autowatch.monitoring.quality.fragments import FileLabels, Fragment, read_fragments
from autowatch.monitoring.quality.scored_files import READERS, read_manifests
from autowatch.records.arrival import id_prefix
from autowatch.records.contract import Contract, read_contract
from autowatch.records.keys import contract_key
from autowatch.records.manifest import Manifest
from autowatch.records.predictions import read_columns
from autowatch.records.problem import ProblemType

_FIRST_DIGIT = 17


@dataclass(frozen=True)
class LabelledRun:
    """The rows that one run scored on a day, and those of them that have labels.

    `threshold` is the lowest probability at which a row got the positive label; None if the model chose the label.
    """

    run: str
    rows_scored: int
    labelled: JudgedRows
    files_scored: int
    files_labelled: int
    threshold: float | None


def read_labelled_rows(
    bucket: Bucket, manifest_keys: Sequence[str], fragments: Sequence[Fragment]
) -> list[LabelledRun]:
    """Joins the labels of a day to its predictions, for each run with labels, newest run first.

    Only predictions files with labels are read, several in parallel.

    Raises:
        PredictionsMissing: predictions that a manifest names are gone.
        DocumentMalformed: a manifest is malformed.
    """
    manifests = read_manifests(bucket, manifest_keys)
    return [
        _read_run(
            bucket,
            run,
            [manifest for manifest in manifests if manifest.run == run],
            [fragment for fragment in fragments if fragment.run == run],
        )
        for run in sorted({fragment.run for fragment in fragments}, reverse=True)
    ]


def _read_run(
    bucket: Bucket, run: str, manifests: Sequence[Manifest], fragments: Sequence[Fragment]
) -> LabelledRun:
    contract = read_contract(bucket, contract_key(run))
    numbers = {id_prefix(manifest.input): number for number, manifest in enumerate(manifests)}
    by_file = read_fragments(bucket, fragments, contract.labels, numbers)
    with ThreadPoolExecutor(READERS) as readers:
        parts = list(
            readers.map(
                lambda number: _join(bucket, manifests[number], by_file[number], contract),
                sorted(by_file),
            )
        )
    threshold = contract.decision_threshold
    return LabelledRun(
        run=run,
        rows_scored=sum(manifest.rows.scored for manifest in manifests),
        labelled=joined([_no_rows(contract), *parts]),
        files_scored=sum(manifest.rows.scored > 0 for manifest in manifests),
        files_labelled=sum(len(part) > 0 for part in parts),
        threshold=threshold.value if threshold else None,
    )


def _join(bucket: Bucket, manifest: Manifest, labels: FileLabels, contract: Contract) -> JudgedRows:
    parts = [_no_rows(contract)]
    for ids, *predicted in read_columns(bucket, manifest, (manifest.row_id, *contract.prediction_columns)):
        rows = np.array([int(text[_FIRST_DIGIT:]) for text in ids])
        if rows[0] > labels.rows[-1]:
            break
        found = np.minimum(np.searchsorted(labels.rows, rows), len(labels.rows) - 1)
        at = np.flatnonzero(labels.rows[found] == rows)
        texts = [_pick(column, at) for column in predicted]
        parts.append(
            _ROWS[contract.problem_type](contract, labels.labels[found[at]], texts, manifest.as_written)
        )
    return joined(parts)


def _no_rows(contract: Contract) -> JudgedRows:
    nothing = [np.empty(0, object) for _ in contract.prediction_columns]
    return _ROWS[contract.problem_type](contract, np.empty(0), nothing, str)


def _pick(column: Sequence[str], at: np.ndarray) -> np.ndarray:
    return np.array([column[place] for place in at], dtype=object)


def _two_labels(
    contract: Contract, true: np.ndarray, predicted: Sequence[np.ndarray], as_written: Callable[[str], str]
) -> JudgedRows:
    labels, probabilities = predicted
    return BinaryRows(
        true == contract.labels.index(contract.positive_label),
        labels == as_written(contract.positive_label),
        probabilities.astype(float),
    )


def _several_labels(
    contract: Contract, true: np.ndarray, predicted: Sequence[np.ndarray], as_written: Callable[[str], str]
) -> JudgedRows:
    labels, given, *of_each = predicted
    places = {as_written(label): place for place, label in enumerate(contract.labels)}
    return ClassRows(
        labels=contract.labels,
        actual=true.astype(np.int64),
        predicted=np.array([places[label] for label in labels], dtype=np.int64),
        given=given.astype(float),
        probabilities=np.stack(of_each, axis=1).astype(float) if of_each else None,
    )


def _numbers(
    _contract: Contract, true: np.ndarray, predicted: Sequence[np.ndarray], _as_written: Callable[[str], str]
) -> JudgedRows:
    return NumberRows(true, predicted[0].astype(float))


_RowsOf = Callable[[Contract, np.ndarray, Sequence[np.ndarray], Callable[[str], str]], JudgedRows]

_ROWS: Mapping[ProblemType, _RowsOf] = {
    "binary": _two_labels,
    "multiclass": _several_labels,
    "regression": _numbers,
}
"""By problem type, the function that makes the rows. Its arguments: the contract, the labels (`FileLabels`), the texts
of each prediction column, and a function that returns a label in its form in the predictions."""
