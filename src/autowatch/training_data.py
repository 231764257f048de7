"""Making a training file ready: checks, types, the hold-out, the contract and the baseline."""

import csv
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from autowatch.contract import (
    Contract,
    Feature,
    FeatureType,
    missing_values,
    reserved_columns,
    to_number,
)
from autowatch.errors import AutowatchError
from autowatch.objects import ObjectVersion, write_json
from autowatch.profile import PROFILE_VERSION, Baseline, baseline_column
from autowatch.runs import baseline_key, contract_key, holdout_key, train_key
from autowatch.table import Table

PREFIX = "training/"

FEWEST_ROWS = 500
"""Autopilot takes no fewer rows of tabular data."""

FEWEST_ROWS_OF_CLASS = 20
LARGEST_FILE = 200_000_000
"""Bytes. Counting distinct texts takes up to ten times as much memory, and the function has 3 GB."""

_CHUNK = 1 << 20


class NoTrainingFile(AutowatchError):
    """There is nothing to train on."""


class InvalidTrainingKey(AutowatchError):
    """The key is not one of a training file."""


class UnfitTrainingFile(AutowatchError):
    """The training file cannot be trained on as it is; the message says what to change."""


class TargetMissing(UnfitTrainingFile):
    """The training file lacks the target column."""


class ReservedColumns(UnfitTrainingFile):
    """The training file uses names that predictions files add."""


class RaggedRow(UnfitTrainingFile):
    """A row has more or fewer fields than the header."""


class WrongClasses(UnfitTrainingFile):
    """The target does not have exactly two different labels, or not the positive one."""


class TooFewRows(UnfitTrainingFile):
    """There are too few rows, of all or of one class."""


class NoFeatures(UnfitTrainingFile):
    """Nothing is left to learn from."""


class TrainingFileTooLarge(UnfitTrainingFile):
    """The training file is larger than can be made ready here."""


@dataclass(frozen=True)
class Preparation:
    """What the user wants of a training file."""

    target: str
    positive_label: str
    dropped_columns: tuple[str, ...]
    holdout_percent: int


@dataclass(frozen=True)
class _Survey:
    """What the first pass saw: each column's texts with their numbers, and the label of each row (None: missing)."""

    header: tuple[str, ...]
    texts: dict[str, Counter[str]]
    labels: list[str | None]


def find_training_file(s3: Any, bucket: str, key: str | None) -> ObjectVersion:
    """The training file under `key`, or the newest one under training/ that ends in .csv.

    Raises:
        InvalidTrainingKey: the key lies elsewhere or does not end in .csv.
        NoTrainingFile: there is none.
    """
    if key is None:
        key = _newest_key(s3, bucket)
    if not (key.startswith(PREFIX) and key.endswith(".csv")):
        raise InvalidTrainingKey(
            f"{key} is not the key of a training file. Upload it as {PREFIX}NAME.csv and name that as training_key."
        )
    try:
        answer = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise NoTrainingFile(
                f"s3://{bucket}/{key} does not exist. Upload it, then start again."
            ) from error
        raise
    return ObjectVersion(key, answer.get("VersionId"), answer["ETag"].strip('"'), answer["ContentLength"])


def prepare_training_file(
    s3: Any, bucket: str, run: str, training: ObjectVersion, preparation: Preparation
) -> Contract:
    """Writes train.csv, holdout.csv, contract.json and baseline.json of `run`, and returns the contract.

    The file is read twice, as a stream: once for its types, labels and counts, once to split it. The hold-out takes
    the same share of each class; which rows it takes depends on the file's content alone.

    Raises:
        UnreadableFile: the file is not a CSV as agreed.
        UnfitTrainingFile: it is one, but cannot be trained on.
    """
    if training.size > LARGEST_FILE:
        raise TrainingFileTooLarge(
            f"{training.key} has {training.size:,} bytes; at most {LARGEST_FILE:,} can be made ready. "
            "Upload a sample of its rows."
        )
    survey = _survey(_open(s3, bucket, training), preparation)
    contract = _contract(run, training, survey, preparation)
    in_holdout = _choose_holdout(survey.labels, preparation.holdout_percent, training.etag)
    _write_split(s3, bucket, contract, training, in_holdout)
    columns = tuple(
        baseline_column(feature.name, "feature", feature.type, survey.texts[feature.name])
        for feature in contract.features
    )
    write_json(s3, bucket, baseline_key(run), Baseline(run, contract.rows, columns).to_json())
    write_json(s3, bucket, contract_key(run), contract.to_json())
    return contract


def _newest_key(s3: Any, bucket: str) -> str:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    found = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".csv")]
    if not found:
        raise NoTrainingFile(
            f"There is no .csv under s3://{bucket}/{PREFIX}. Upload labelled rows there, then start again."
        )
    return str(max(found, key=lambda item: (item["LastModified"], item["Key"]))["Key"])


def _open(s3: Any, bucket: str, training: ObjectVersion) -> Table:
    version = {"VersionId": training.version_id} if training.version_id else {}
    body = s3.get_object(Bucket=bucket, Key=training.key, **version)["Body"]
    return Table(body.iter_chunks(_CHUNK))


def _survey(table: Table, preparation: Preparation) -> _Survey:
    _check_header(table.header, preparation)
    counters: list[Counter[str]] = [Counter() for _ in table.header]
    target = table.header.index(preparation.target)
    labels: list[str | None] = []
    for rows in _batches(table):
        columns = list(zip(*rows, strict=True))
        labels.extend(label or None for label in columns[target])
        if None in labels[-len(rows) :]:
            columns = list(zip(*(row for row in rows if row[target]), strict=True))
        for counter, column in zip(counters, columns, strict=False):
            counter.update(column)
    return _Survey(table.header, dict(zip(table.header, counters, strict=True)), labels)


def _batches(table: Table, size: int = 5000) -> Iterator[list[list[str]]]:
    """The table's rows, some at a time, each as long as the header."""
    width = len(table.header)
    batch: list[list[str]] = []
    for row in table.rows:
        if len(row) != width:
            raise RaggedRow(
                f"Line {table.line} has {len(row)} fields, but the header has {width}. Correct or remove that row."
            )
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _check_header(header: tuple[str, ...], preparation: Preparation) -> None:
    if preparation.target not in header:
        raise TargetMissing(
            f"The training file has no column {preparation.target!r}; its columns are {', '.join(header)}. "
            "Add the column, or set the parameter TargetColumn to the one to predict."
        )
    reserved = [name for name in reserved_columns(preparation.target) if name in header]
    if reserved:
        raise ReservedColumns(
            f"The training file has the column {', '.join(reserved)}, a name that predictions files add. Rename it."
        )


def _contract(run: str, training: ObjectVersion, survey: _Survey, preparation: Preparation) -> Contract:
    classes = Counter(label for label in survey.labels if label is not None)
    _check_classes(classes, preparation)
    excluded = {preparation.target, *preparation.dropped_columns}
    features = tuple(
        Feature(name, _feature_type(survey.texts[name])) for name in survey.header if name not in excluded
    )
    if not features:
        raise NoFeatures(
            "No column is left beside the target and the dropped ones. Add columns to learn from."
        )
    return Contract(
        run=run,
        target=preparation.target,
        labels=tuple(sorted(classes)),
        positive_label=preparation.positive_label or min(classes, key=lambda label: (classes[label], label)),
        features=features,
        dropped_columns=tuple(name for name in preparation.dropped_columns if name in survey.header),
        rows=classes.total(),
        profile_version=PROFILE_VERSION,
        training=training,
    )


def _check_classes(classes: Counter[str], preparation: Preparation) -> None:
    target = preparation.target
    if len(classes) != 2:
        raise WrongClasses(
            f"The column {target!r} has {len(classes)} different labels; Autowatch tells exactly two apart. "
            "Upload rows of both, or set the parameter TargetColumn to the column to predict."
        )
    if preparation.positive_label and preparation.positive_label not in classes:
        raise WrongClasses(
            f"The column {target!r} holds {' and '.join(map(repr, sorted(classes)))}, but the parameter PositiveLabel "
            f"is {preparation.positive_label!r}. Set it to one of the two, or leave it empty."
        )
    if classes.total() < FEWEST_ROWS:
        raise TooFewRows(
            f"The training file has {classes.total()} labelled rows; Autopilot needs at least {FEWEST_ROWS}."
        )
    label, rows = classes.most_common()[-1]
    if rows < FEWEST_ROWS_OF_CLASS:
        raise TooFewRows(
            f"Only {rows} rows have the label {label!r}; "
            f"at least {FEWEST_ROWS_OF_CLASS} of each are needed to learn and to check."
        )


def _feature_type(texts: Counter[str]) -> FeatureType:
    present = texts.keys() - missing_values("numeric")
    try:
        for text in present:
            to_number(text)
    except ValueError:
        return "categorical"
    return "numeric" if present else "categorical"


def _choose_holdout(labels: list[str | None], percent: int, etag: str) -> bytearray:
    """For each row 1 if it is held out: the same share of each class, drawn with a seed from the file's content."""
    rows_of: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            rows_of.setdefault(label, []).append(row)
    generator = random.Random(etag)  # noqa: S311 (a reproducible draw, not a secret)
    in_holdout = bytearray(len(labels))
    for label in sorted(rows_of):
        rows = rows_of[label]
        for row in generator.sample(rows, max(1, len(rows) * percent // 100)):
            in_holdout[row] = 1
    return in_holdout


def _write_split(
    s3: Any, bucket: str, contract: Contract, training: ObjectVersion, in_holdout: bytearray
) -> None:
    names = [*(feature.name for feature in contract.features), contract.target]
    table = _open(s3, bucket, training)
    positions = [table.header.index(name) for name in names]
    keys = (train_key(contract.run), holdout_key(contract.run))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = [folder / "train.csv", folder / "holdout.csv"]
        files = [stack.enter_context(path.open("w", encoding="utf-8", newline="")) for path in paths]
        writers = [csv.writer(file, lineterminator="\n") for file in files]
        for writer in writers:
            writer.writerow(names)
        row_number = 0
        for rows in _batches(table):
            for row in rows:
                if row[positions[-1]]:
                    writers[in_holdout[row_number]].writerow([row[position] for position in positions])
                row_number += 1
        for file, path, key in zip(files, paths, keys, strict=True):
            file.close()
            s3.upload_file(str(path), bucket, key)
