"""The rows of one day whose labels came, joined to their predictions."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.evaluation.judged import JudgedRows, joined
from autowatch.monitoring.quality.fragments import FileLabels, Fragment, read_fragments
from autowatch.monitoring.quality.scored_files import READERS, read_manifests
from autowatch.monitoring.quality.truth import Truth, truth_of
from autowatch.records.arrival import id_prefix
from autowatch.records.contract import read_contract
from autowatch.records.keys import contract_key
from autowatch.records.manifest import Manifest
from autowatch.records.predictions import read_columns

_FIRST_DIGIT = 17


@dataclass(frozen=True)
class LabelledRun:
    """The rows that one run scored on a day: how many they are, in how many files, and those whose labels came.

    `threshold` is the probability from which on they got the positive label, None where the label is the model's own.
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
    """Joins the labels of a day to its predictions, for each run that has labels, the newest run first.

    Only predictions files that have labels are read, many at a time.

    Raises:
        PredictionsMissing: predictions that a manifest names are gone.
        DocumentMalformed: a manifest is not one.
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
    truth = truth_of(contract)
    by_file = read_fragments(bucket, fragments, truth, numbers)
    with ThreadPoolExecutor(READERS) as readers:
        parts = list(
            readers.map(
                lambda number: _join(bucket, manifests[number], by_file[number], truth),
                sorted(by_file),
            )
        )
    threshold = contract.decision_threshold
    return LabelledRun(
        run=run,
        rows_scored=sum(manifest.rows.scored for manifest in manifests),
        labelled=joined([_nothing(truth), *parts]),
        files_scored=sum(manifest.rows.scored > 0 for manifest in manifests),
        files_labelled=sum(len(part) > 0 for part in parts),
        threshold=threshold.value if threshold else None,
    )


def _join(bucket: Bucket, manifest: Manifest, labels: FileLabels, truth: Truth) -> JudgedRows:
    parts = [_nothing(truth)]
    for ids, *predicted in read_columns(bucket, manifest, (manifest.row_id, *truth.columns)):
        rows = np.array([int(text[_FIRST_DIGIT:]) for text in ids])
        if rows[0] > labels.rows[-1]:
            break
        found = np.minimum(np.searchsorted(labels.rows, rows), len(labels.rows) - 1)
        at = np.flatnonzero(labels.rows[found] == rows)
        texts = [_pick(column, at) for column in predicted]
        parts.append(truth.rows(labels.values[found[at]], texts, manifest.as_written))
    return joined(parts)


def _nothing(truth: Truth) -> JudgedRows:
    return truth.rows(np.empty(0), [np.empty(0, object)] * len(truth.columns), str)


def _pick(column: Sequence[str], at: np.ndarray) -> np.ndarray:
    return np.array([column[place] for place in at], dtype=object)
