"""Making training data ready: the checks, the contract, the two parts, the baseline and the data report."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from autowatch.aws.objects import Bucket
from autowatch.records.contract import Contract, Feature, PositiveLabelFrom, reserved_columns, row_id_column
from autowatch.records.holdout import HoldoutBy, HoldoutRule, write_unseen_rows
from autowatch.records.keys import baseline_key, contract_key
from autowatch.scoring.columns import near_misses
from autowatch.tabular.cells import cut, differ_unseen
from autowatch.tabular.profile import PROFILE_VERSION, Baseline, Profile, add, baseline_column
from autowatch.training.data.copies import NearCopies, NearCopiesFinder, copies_by_time
from autowatch.training.data.files import TrainingFiles
from autowatch.training.data.labels import check_classes
from autowatch.training.data.memory import Memories
from autowatch.training.data.report import (
    ColumnReport,
    DataReport,
    Role,
    count_part,
    report_column,
    rest,
    single_column_auc,
    write_data_report,
)
from autowatch.training.data.split import (
    choose_holdout,
    newest_trained_row,
    uneven_shares,
    unseen_rows,
    write_split,
)
from autowatch.training.data.survey import TrainingSurvey, survey_rows
from autowatch.training.data.table import TrainingTable, UnfitTrainingFile

LARGEST_BYTES = 2_000_000_000
"""Two passes over 200 MB of 23 columns took 35 s of processor time; the function has 900 s, enough for a processor half
as fast. Autopilot itself takes more."""


FEWEST_ROWS_TO_TRAIN = 500
"""Autopilot takes no training dataset of fewer rows (API reference of CreateAutoMLJobV2, AutoMLJobInputDataConfig)."""


LEAST_HOLDOUT_PERCENT = 5
"""What the parameter HoldoutPercent may be lowered to."""


class TooFewRows(UnfitTrainingFile):
    """Too few rows are left to train on."""


class TargetMissing(UnfitTrainingFile):
    """The training file lacks the target column."""


class ReservedTrainingColumns(UnfitTrainingFile):
    """The training file uses names that predictions files add."""


class LabelsChanged(UnfitTrainingFile):
    """The target's labels are not those that the champion knows."""


class UnknownDroppedColumn(UnfitTrainingFile):
    """A column is to be dropped that the training file does not have."""


class IdColumnMissing(UnfitTrainingFile):
    """The training file lacks the user's key column."""


class NoFeatures(UnfitTrainingFile):
    """Nothing is left to learn from."""


class TrainingFileTooLarge(UnfitTrainingFile):
    """The training data are larger than can be made ready here."""


@dataclass(frozen=True)
class Preparation:
    """What the user wants of training data."""

    target: str
    positive_label: str
    dropped_columns: tuple[str, ...]
    holdout_percent: int
    holdout_by: HoldoutBy = "random"
    id_column: str = ""
    new_labels: bool = False
    """Whether labels that differ from the champion's are meant."""


def prepare_training_data(
    bucket: Bucket,
    run: str,
    training: TrainingFiles,
    preparation: Preparation,
    champion: Contract | None = None,
) -> Contract:
    """Writes train.csv, holdout.csv, unseen.json, data.json, baseline.json and contract.json of `run`, and returns the
    contract.

    The files are read twice, as a stream: once for their types, values and labels, once to split their rows and to
    count them on the baseline's bins. Memory is bounded as `survey_rows` says.

    Args:
        champion: the contract of the model in force, whose positive label is inherited and whose rule for the hold-out
            is kept where it still fits; None where there is none.

    Raises:
        UnreadableFile: a file is not a CSV as agreed.
        UnfitTrainingFile: they are, but cannot be trained on. Nothing has been written then.
    """
    _check_size(training)
    table = TrainingTable(bucket, training.files)
    _check_header(table.header, preparation)
    rule = _holdout_rule(table.header, preparation, champion)
    survey = survey_rows(table, preparation.target, [rule, *_known_rule(table.header, champion)])
    contract = _contract(run, training, survey, preparation, champion)
    digests = survey.row_digests.of(rule)
    in_holdout = choose_holdout(survey.row_labels, tuple(survey.labels), rule, digests)
    if rule.by == "newest":
        rule = replace(rule, newest_row=newest_trained_row(in_holdout, digests))
    contract = replace(contract, holdout=rule)
    _check_rows_to_train(len(in_holdout), sum(in_holdout))
    bins = _bins(run, survey, preparation.target)
    copies = NearCopiesFinder(survey.columns, contract, table.header, contract.rows)
    copies_together = rule.by == "random" and not preparation.id_column
    memories = Memories(survey.columns.values(), bins, copies_together=copies_together)
    counts = write_split(
        bucket,
        TrainingTable(bucket, training.files),
        contract,
        bins,
        survey.row_labels,
        in_holdout,
        copies,
        memories,
    )
    if champion:
        write_unseen_rows(bucket, run, unseen_rows(champion, table.header, in_holdout, survey.row_digests))
    write_data_report(bucket, _report(contract, rule, training, survey, in_holdout, counts, copies.found()))
    bucket.write_json(baseline_key(run), _baseline(contract, bins, add(*counts), memories))
    bucket.write_json(contract_key(run), contract)
    return contract


def _check_size(training: TrainingFiles) -> None:
    if training.identity.size > LARGEST_BYTES:
        raise TrainingFileTooLarge(
            f"{training.identity.key} has {training.identity.size:,} bytes; at most {LARGEST_BYTES:,} can be "
            "made ready. Upload a sample of its rows."
        )


def _check_header(header: tuple[str, ...], preparation: Preparation) -> None:
    if preparation.target not in header:
        raise TargetMissing(
            f"The training file has no column {preparation.target!r} among its {len(header)}."
            f"{near_misses([preparation.target], header)} Add the column, or set the "
            "parameter TargetColumn to the one to predict."
        )
    for name in preparation.dropped_columns:
        if name not in header:
            raise UnknownDroppedColumn(
                f"The parameter DropColumns names {name!r}, which the training file does not have. "
                f"{_near_match(name, header)}Correct the parameter, or remove the name from it."
            )
    if preparation.id_column and preparation.id_column not in header:
        raise IdColumnMissing(
            f"The parameter IdColumn is {preparation.id_column!r}, which the training file does not have. "
            f"{_near_match(preparation.id_column, header)}Correct the parameter, or leave it empty."
        )
    if preparation.id_column == preparation.target:
        raise IdColumnMissing(
            f"The parameter IdColumn is {preparation.id_column!r}, the column to predict. Name the column that says "
            "whose row it is, or leave it empty."
        )
    reserved = [
        name for name in reserved_columns(preparation.target, row_id_column(header)) if name in header
    ]
    if reserved:
        raise ReservedTrainingColumns(
            f"The training file has the column {', '.join(reserved)}, a name that predictions files add. Rename it."
        )
    if not _eligible(header, preparation):
        raise NoFeatures(
            "No column is left beside the target and the dropped ones. Add columns to learn from."
        )


def _near_match(name: str, header: Sequence[str]) -> str:
    for own in header:
        if own.strip() == name.strip():
            # A parameter's names lose the spaces around them, so that no correction of it would help.
            return f"The file calls it {own!r}, with spaces around it: rename it there. "
    near = difflib.get_close_matches(name.casefold(), {each.casefold(): each for each in header}, 1)
    meant = next((each for each in header if near and each.casefold() == near[0]), None)
    return f"Did you mean {meant!r}? " if meant else ""


def _eligible(header: Sequence[str], preparation: Preparation) -> set[str]:
    """The columns that may become features."""
    return set(header) - {preparation.target, preparation.id_column, *preparation.dropped_columns}


def _holdout_rule(header: Sequence[str], preparation: Preparation, champion: Contract | None) -> HoldoutRule:
    """By the user's key where there is one; else by the champion's columns as long as they may all be features, so
    that a new column does not turn the hold-out over; else by all columns that may be features."""
    eligible = _eligible(header, preparation)
    columns = (preparation.id_column,) if preparation.id_column else tuple(sorted(eligible))
    rule = HoldoutRule(preparation.holdout_by, preparation.holdout_percent, columns)
    if champion is None or champion.holdout is None or champion.id_column or preparation.id_column:
        return rule
    if not eligible.issuperset(champion.holdout.columns):
        return rule
    return replace(rule, columns=champion.holdout.columns, key=champion.holdout.key)


def _known_rule(header: Sequence[str], champion: Contract | None) -> list[HoldoutRule]:
    """The champion's rule, where it can be asked about the rows of this file."""
    rule = champion.holdout if champion else None
    return [rule] if rule and set(header).issuperset(rule.columns) else []


def _contract(
    run: str,
    training: TrainingFiles,
    survey: TrainingSurvey,
    preparation: Preparation,
    champion: Contract | None,
) -> Contract:
    classes = _count_classes(survey)
    check_classes(survey.labels, preparation.target, preparation.positive_label)
    positive_label, origin = _positive_label(classes, preparation, champion)
    return Contract(
        run=run,
        target=preparation.target,
        labels=tuple(sorted(classes)),
        positive_label=positive_label,
        positive_label_from=origin,
        features=_features(survey, _eligible(tuple(survey.columns), preparation)),
        dropped_columns=tuple(name for name in preparation.dropped_columns if name in survey.columns),
        rows=len(survey.row_labels),
        profile_version=PROFILE_VERSION,
        training=training.identity,
        id_column=preparation.id_column,
        row_id=row_id_column(survey.columns),
    )


def _positive_label(
    classes: Mapping[str, int], preparation: Preparation, champion: Contract | None
) -> tuple[str, PositiveLabelFrom]:
    """The label whose probability the model gives, so that it stays the same from model to model."""
    known = champion if champion and champion.target == preparation.target else None
    if known and set(known.labels) != classes.keys() and not preparation.new_labels:
        raise LabelsChanged(
            f"The column {preparation.target!r} holds {_quoted(classes)}, but the model in force, run {known.run}, "
            f"knows {_quoted(known.labels)}.{differ_unseen(classes, known.labels)} Write the labels as before; or, if "
            "the new ones are meant, start the run "
            'by `autowatch train --new-labels` ("new_labels": true in its input).'
        )
    if preparation.positive_label:
        return preparation.positive_label, "parameter"
    if known and known.positive_label in classes:
        return known.positive_label, "champion"
    return min(classes, key=lambda label: (classes[label], label)), "rarer"


def _quoted(labels: Iterable[str]) -> str:
    return " and ".join(repr(cut(label)) for label in sorted(labels))


def _features(survey: TrainingSurvey, eligible: Collection[str]) -> tuple[Feature, ...]:
    """The columns that the model is given: those that may be features and are not the same in every row."""
    features = tuple(
        Feature(name, column.type, column.form)
        for name, column in survey.columns.items()
        if name in eligible and not column.is_constant
    )
    if not features:
        raise NoFeatures(
            "No column is left to learn from: all but the target and the dropped ones are the same in every row. Add "
            "columns."
        )
    return features


def _check_rows_to_train(rows: int, held_out: int) -> None:
    if rows - held_out < FEWEST_ROWS_TO_TRAIN:
        helps = rows * (100 - LEAST_HOLDOUT_PERCENT) // 100 >= FEWEST_ROWS_TO_TRAIN
        raise TooFewRows(
            f"Of the {rows} labelled rows {held_out} are held out, which leaves {rows - held_out} to train on; "
            f"Autopilot takes no fewer than {FEWEST_ROWS_TO_TRAIN}. "
            f"Add rows{', or lower the parameter HoldoutPercent' if helps else ''}."
        )


def _count_classes(survey: TrainingSurvey) -> dict[str, int]:
    return {label: count.rows for label, count in survey.labels.items()}


def _bins(run: str, survey: TrainingSurvey, target: str) -> Baseline:
    """The bins of every column but the target, the dropped ones too: they are looked at for leaks."""
    columns = (
        baseline_column(column.name, "feature", column.type, column.texts, column.form)
        for name, column in survey.columns.items()
        if name != target
    )
    return Baseline(run, len(survey.row_labels), tuple(columns))


def _baseline(contract: Contract, bins: Baseline, counts: Profile, memories: Memories) -> Baseline:
    features = {feature.name for feature in contract.features}
    columns = (
        memories.remembered(msgspec.structs.replace(column, counts=counts.columns[column.name]))
        for column in bins.columns
        if column.name in features
    )
    return replace(bins, columns=tuple(columns))


def _report(
    contract: Contract,
    rule: HoldoutRule,
    training: TrainingFiles,
    survey: TrainingSurvey,
    in_holdout: bytearray,
    counts: tuple[Profile, Profile],
    copies: NearCopies | None,
) -> DataReport:
    classes = _count_classes(survey)
    holdout = count_part(survey.row_labels, in_holdout, tuple(survey.labels))
    return DataReport(
        run=contract.run,
        files=training.files,
        sha256=survey.digest,
        rows=contract.rows,
        unlabelled_rows=survey.unlabelled_rows,
        duplicate_rows=survey.duplicate_rows,
        classes=classes,
        columns=_report_columns(contract, survey, counts),
        positive_label=contract.positive_label,
        positive_label_from=contract.positive_label_from or "",
        rule=rule,
        train=rest(classes, holdout),
        holdout=holdout,
        near_copies=copies,
        remarks=(
            *([copies.warning(contract.rows, contract.id_column)] if copies else []),
            *copies_by_time(survey.duplicate_rows, contract.rows, rule),
            *uneven_shares(classes, holdout.classes, rule),
        ),
    )


def _report_columns(
    contract: Contract, survey: TrainingSurvey, counts: tuple[Profile, Profile]
) -> tuple[ColumnReport, ...]:
    roles: dict[str, Role] = dict.fromkeys(contract.dropped_columns, "dropped")
    roles |= {name: "constant" for name, column in survey.columns.items() if column.is_constant}
    roles |= dict.fromkeys(contract.dropped_columns, "dropped")
    if contract.id_column:
        roles[contract.id_column] = "key"
    roles[contract.target] = "target"
    return tuple(
        report_column(
            column,
            roles.get(name, "feature"),
            None
            if name == contract.target
            else round(single_column_auc(counts[0].columns[name], counts[1].columns[name]), 4),
            contract.rows,
        )
        for name, column in survey.columns.items()
    )
