"""The rows of one day whose labels came, joined to their predictions."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality.fragments import FileLabels, Fragment, read_fragments
from autowatch.monitoring.quality.measures import LabelledRows
from autowatch.monitoring.quality.scored_files import READERS, read_manifests
from autowatch.records.arrival import id_prefix
from autowatch.records.contract import Contract, read_contract
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
    labelled: LabelledRows
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
        labelled=LabelledRows.joined(parts),
        files_scored=sum(manifest.rows.scored > 0 for manifest in manifests),
        files_labelled=sum(len(part) > 0 for part in parts),
        threshold=threshold.value if threshold else None,
    )


def _join(bucket: Bucket, manifest: Manifest, labels: FileLabels, contract: Contract) -> LabelledRows:
    names = (manifest.row_id, contract.target, contract.probability_column)
    positive_place = contract.labels.index(contract.positive_label)
    positive_label = manifest.as_written(contract.positive_label)
    parts = []
    for ids, predicted, probabilities in read_columns(bucket, manifest, names):
        rows = np.array([int(text[_FIRST_DIGIT:]) for text in ids])
        if rows[0] > labels.rows[-1]:
            break
        found = np.minimum(np.searchsorted(labels.rows, rows), len(labels.rows) - 1)
        at = np.flatnonzero(labels.rows[found] == rows)
        parts.append(
            LabelledRows(
                labels.labels[found[at]] == positive_place,
                _pick(predicted, at) == positive_label,
                _pick(probabilities, at).astype(float),
            )
        )
    return LabelledRows.joined(parts)


def _pick(column: Sequence[str], at: np.ndarray) -> np.ndarray:
    return np.array([column[place] for place in at], dtype=object)
