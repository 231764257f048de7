"""The rows of one day whose labels came, joined to their predictions."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from autowatch.aws.bulk import read_many
from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.aws.reading import read_input
from autowatch.monitoring.quality.fragments import FileLabels, Fragment, read_fragments
from autowatch.monitoring.quality.measures import LabelledRows
from autowatch.monitoring.quality.scored_files import READERS
from autowatch.records.arrival import id_prefix
from autowatch.records.contract import ID_COLUMN, Contract, read_contract
from autowatch.records.keys import contract_key
from autowatch.records.manifest import Manifest, PredictionsMissing, WrittenObject
from autowatch.tabular.table import NoRows, read_table

_ROWS_AT_ONCE = 10_000
"""Of each of the files that are read at a time."""
_FIRST_DIGIT = 17
_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")


@dataclass(frozen=True)
class LabelledRun:
    """The rows that one run scored on a day: how many they are, and those whose labels came.

    `threshold` is the probability from which on they got the positive label, None where the label is the model's own.
    """

    run: str
    rows_scored: int
    labelled: LabelledRows
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
    manifests = _read_manifests(bucket, manifest_keys)
    return [
        _read_run(
            bucket,
            run,
            [manifest for manifest in manifests if manifest.run == run],
            [fragment for fragment in fragments if fragment.run == run],
        )
        for run in sorted({fragment.run for fragment in fragments}, reverse=True)
    ]


def _read_manifests(bucket: Bucket, keys: Sequence[str]) -> list[Manifest]:
    """The manifests in the order of their keys."""
    read: dict[str, Manifest] = {}

    def keep(key: str, content: bytes) -> None:
        read[key] = bucket.decode(content, Manifest, key)

    read_many(bucket, keys, keep)
    return [read[key] for key in keys]


def _read_run(
    bucket: Bucket, run: str, manifests: Sequence[Manifest], fragments: Sequence[Fragment]
) -> LabelledRun:
    contract = read_contract(bucket, contract_key(run))
    numbers = {id_prefix(manifest.input): number for number, manifest in enumerate(manifests)}
    by_file = read_fragments(bucket, fragments, contract.labels, numbers)
    with ThreadPoolExecutor(READERS) as readers:
        parts = list(
            readers.map(
                lambda number: _join(bucket, manifests[number].predictions, by_file[number], contract),
                sorted(by_file),
            )
        )
    rows_scored = sum(manifest.rows.scored for manifest in manifests)
    threshold = contract.decision_threshold
    return LabelledRun(run, rows_scored, LabelledRows.joined(parts), threshold.value if threshold else None)


def _join(bucket: Bucket, predictions: WrittenObject, labels: FileLabels, contract: Contract) -> LabelledRows:
    table = read_table(read_input(bucket, _find(bucket, predictions)))
    places = {name: place for place, name in enumerate(table.header)}
    identifiers, predicted, probabilities = (
        places[name] for name in (ID_COLUMN, contract.target, contract.probability_column)
    )
    positive_place = contract.labels.index(contract.positive_label)
    parts = []
    try:
        for block in table.blocks(_ROWS_AT_ONCE):
            rows = np.array([int(text[_FIRST_DIGIT:]) for text in block.columns[identifiers]])
            if rows[0] > labels.rows[-1]:
                break
            found = np.minimum(np.searchsorted(labels.rows, rows), len(labels.rows) - 1)
            at = np.flatnonzero(labels.rows[found] == rows)
            parts.append(
                LabelledRows(
                    labels.labels[found[at]] == positive_place,
                    _pick(block.columns[predicted], at) == contract.positive_label,
                    _pick(block.columns[probabilities], at).astype(float),
                )
            )
    except NoRows:
        # All rows of the input were rejected.
        return LabelledRows.joined([])
    return LabelledRows.joined(parts)


def _pick(column: Sequence[str], at: np.ndarray) -> np.ndarray:
    return np.array([column[place] for place in at], dtype=object)


def _find(bucket: Bucket, predictions: WrittenObject) -> ObjectVersion:
    """The version that belongs to the commit, with its size."""
    try:
        return bucket.version(predictions.key, predictions.version_id)
    except ObjectMissing as error:
        raise PredictionsMissing(
            f"{bucket.url(predictions.key)} is gone although its manifest is there. Restore it, or remove the "
            "manifest."
        ) from error
