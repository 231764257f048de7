"""Prepares training data: checks them, and writes the contract, the two parts, the baseline and the data report."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from autowatch.aws.objects import Bucket
from autowatch.records.contract import Contract, Feature, PositiveLabelFrom, row_id_column
from autowatch.records.holdout import HoldoutBy, HoldoutRule, write_unseen_rows
from autowatch.records.keys import baseline_key, contract_key
from autowatch.records.parameters import check_parameters
from autowatch.records.problem import TYPES_IN_WORDS, ProblemType
from autowatch.reports.text import listed
from autowatch.scoring.columns import near_misses
from autowatch.tabular.cells import cut, differ_unseen
from autowatch.tabular.profile import PROFILE_VERSION, Baseline, Profile, baseline_column, total
from autowatch.training.data.copies import NearCopies, NearCopiesFinder, copies_by_time
from autowatch.training.data.files import TrainingFiles
from autowatch.training.data.labels import TargetLabels, check_positive_label
from autowatch.training.data.memory import Memories
from autowatch.training.data.report import (
    ColumnReport,
    DataReport,
    Role,
    column_auc,
    count_part,
    report_column,
    rest,
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
from autowatch.training.data.target import ProblemWanted, RowGroups, TargetNumbers, find_problem

LARGEST_BYTES = 2_000_000_000
"""Two passes over 200 MB of 23 columns took 35 s of processor time; the function has 900 s, enough for a processor half
as fast. Autopilot itself takes more."""


FEWEST_ROWS_TO_TRAIN = 500
"""Autopilot's minimum for a training dataset (API reference of CreateAutoMLJobV2, AutoMLJobInputDataConfig)."""


_LABELS_SHOWN = 5

LEAST_HOLDOUT_PERCENT = 5
"""The minimum of the parameter HoldoutPercent."""


class TooFewRows(UnfitTrainingFile):
    """Too few rows are left to train on."""


class TargetMissing(UnfitTrainingFile):
    """The training file lacks the target column."""


class ReservedTrainingColumns(UnfitTrainingFile):
    """The training file uses names that predictions files add."""


class LabelsChanged(UnfitTrainingFile):
    """The target's type or labels are not those that the champion predicts."""


class UnknownDroppedColumn(UnfitTrainingFile):
    """The parameter DropColumns names a column that is not in the training file."""


class IdColumnMissing(UnfitTrainingFile):
    """The training file lacks the user's key column."""


class NoFeatures(UnfitTrainingFile):
    """The training file has no column to learn from."""


class TrainingFileTooLarge(UnfitTrainingFile):
    """The training data exceed the size that can be prepared here."""


@dataclass(frozen=True)
class Preparation:
    """The user's settings for training data."""

    target: str
    positive_label: str
    dropped_columns: tuple[str, ...]
    holdout_percent: int
    holdout_by: HoldoutBy = "random"
    id_column: str = ""
    new_labels: bool = False
    """Whether labels that differ from the champion's are intended."""
    problem_type: ProblemWanted = "auto"
    probability_of_each_class: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The stack's parameters that apply only to some problem types, as written."""


def prepare_training_data(
    bucket: Bucket,
    run: str,
    training: TrainingFiles,
    preparation: Preparation,
    champion: Contract | None = None,
) -> Contract:
    """Writes train.csv, holdout.csv, unseen.json, data.json, baseline.json and contract.json of `run`, and returns the
    contract.

    The files are streamed twice: once for their types, values and labels, and once to split their rows and to count
    them in the baseline's bins. Memory is bounded as in `survey_rows`.

    Args:
        champion: the contract of the model in force, if any. Its positive label is inherited, and its hold-out rule is
            kept if it still fits.

    Raises:
        UnreadableFile: a file is not a CSV of the documented form.
        UnfitTrainingFile: the files cannot be trained on. Nothing was written.
        InvalidSetting: a parameter does not apply to the problem type.
    """
    _check_size(training)
    table = TrainingTable(bucket, training.files)
    _check_header(table.header, preparation)
    rule = _holdout_rule(table.header, preparation, champion)
    survey = survey_rows(table, preparation.target, [rule, *_known_rule(table.header, champion)])
    contract = _contract(run, training, survey, preparation, champion)
    check_parameters(contract.problem_type, preparation.parameters)
    _check_reserved(table.header, contract)
    digests = survey.row_digests.of(rule)
    in_holdout = choose_holdout(survey.row_labels, tuple(_count_classes(survey, contract)), rule, digests)
    if rule.by == "newest":
        rule = replace(rule, newest_row=newest_trained_row(in_holdout, digests))
    contract = replace(contract, holdout=rule)
    _check_rows_to_train(len(in_holdout), sum(in_holdout))
    bins = _bins(run, survey, preparation.target)
    copies = NearCopiesFinder(survey.columns, contract, table.header, contract.rows)
    copies_together = rule.by == "random" and not preparation.id_column
    memories = Memories(survey.columns.values(), bins, copies_together=copies_together)
    groups = RowGroups(survey.columns[contract.target], contract.labels)
    counts = write_split(
        bucket,
        TrainingTable(bucket, training.files),
        contract,
        bins,
        groups,
        in_holdout,
        copies,
        memories,
    )
    if champion:
        write_unseen_rows(bucket, run, unseen_rows(champion, table.header, in_holdout, survey.row_digests))
    write_data_report(
        bucket, _report(contract, rule, training, survey, in_holdout, counts, groups.numbers, copies.found())
    )
    bucket.write_json(baseline_key(run), _baseline(contract, bins, total(counts), memories))
    bucket.write_json(contract_key(run), contract)
    return contract


def _check_size(training: TrainingFiles) -> None:
    if training.identity.size > LARGEST_BYTES:
        raise TrainingFileTooLarge(
            f"{training.identity.key} has {training.identity.size:,} bytes; at most {LARGEST_BYTES:,} can be "
            "prepared. Upload a sample of its rows."
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
            f"The parameter IdColumn is {preparation.id_column!r}, the column to predict. Set it to the column that "
            "identifies the rows, or leave it empty."
        )
    if not _eligible(header, preparation):
        raise NoFeatures("The file has only the target and dropped columns. Add columns to learn from.")


def _check_reserved(header: Sequence[str], contract: Contract) -> None:
    if reserved := [name for name in contract.reserved_columns(contract.row_id) if name in header]:
        raise ReservedTrainingColumns(
            f"The training file has the column {', '.join(reserved)}, a name that predictions files add. Rename it."
        )


def _near_match(name: str, header: Sequence[str]) -> str:
    for own in header:
        if own.strip() == name.strip():
            # Names in a parameter lose the spaces around them, so only the file can be corrected.
            return f"The file calls it {own!r}, with spaces around it: rename it there. "
    near = difflib.get_close_matches(name.casefold(), {each.casefold(): each for each in header}, 1)
    meant = next((each for each in header if near and each.casefold() == near[0]), None)
    return f"Did you mean {meant!r}? " if meant else ""


def _eligible(header: Sequence[str], preparation: Preparation) -> set[str]:
    """The columns that may become features."""
    return set(header) - {preparation.target, preparation.id_column, *preparation.dropped_columns}


def _holdout_rule(header: Sequence[str], preparation: Preparation, champion: Contract | None) -> HoldoutRule:
    """By the user's key if there is one; else by the champion's columns; else by all columns that may be features.

    The champion's columns, if all may still be features, ensure that a new column does not change the whole hold-out.
    """
    eligible = _eligible(header, preparation)
    columns = (preparation.id_column,) if preparation.id_column else tuple(sorted(eligible))
    rule = HoldoutRule(preparation.holdout_by, preparation.holdout_percent, columns)
    if champion is None or champion.holdout is None or champion.id_column or preparation.id_column:
        return rule
    if not eligible.issuperset(champion.holdout.columns):
        return rule
    return replace(rule, columns=champion.holdout.columns, key=champion.holdout.key)


def _known_rule(header: Sequence[str], champion: Contract | None) -> list[HoldoutRule]:
    """The champion's rule, if this file has the columns for it."""
    rule = champion.holdout if champion else None
    return [rule] if rule and set(header).issuperset(rule.columns) else []


def _contract(
    run: str,
    training: TrainingFiles,
    survey: TrainingSurvey,
    preparation: Preparation,
    champion: Contract | None,
) -> Contract:
    target, labels = survey.columns[preparation.target], survey.labels
    problem_type = find_problem(labels, target, preparation.problem_type)
    classes = () if problem_type == "regression" else tuple(sorted(labels.counts))
    known = champion if champion and champion.target == preparation.target else None
    if known and not preparation.new_labels:
        _check_known(known, problem_type, classes)
    positive_label, origin = "", None
    if problem_type == "binary":
        positive_label, origin = _positive_label(labels, preparation, known)
    return Contract(
        run=run,
        target=preparation.target,
        labels=classes,
        positive_label=positive_label,
        positive_label_from=origin,
        features=_features(survey, _eligible(tuple(survey.columns), preparation)),
        dropped_columns=tuple(name for name in preparation.dropped_columns if name in survey.columns),
        rows=len(survey.row_labels),
        profile_version=PROFILE_VERSION,
        training=training.identity,
        id_column=preparation.id_column,
        row_id=row_id_column(survey.columns),
        problem_type=problem_type,
        problem_type_from="values" if preparation.problem_type == "auto" else "parameter",
        probability_of_each_class=preparation.probability_of_each_class,
        target_form=None if classes or target.form.is_plain else target.form,
    )


def _check_known(known: Contract, problem_type: ProblemType, classes: Sequence[str]) -> None:
    if (known.problem_type, set(known.labels)) != (problem_type, set(classes)):
        raise LabelsChanged(
            f"The column {known.target!r} holds {_held(problem_type, classes)}, but the model in force, run "
            f"{known.run}, knows {_held(known.problem_type, known.labels)}.{differ_unseen(classes, known.labels)} "
            "Write the target as before; or, if the change is intended, start the run with "
            '`autowatch train --new-labels` ("new_labels": true in its input).'
        )


def _held(problem_type: ProblemType, classes: Sequence[str]) -> str:
    if not classes:
        return TYPES_IN_WORDS[problem_type]
    quoted = [repr(cut(label)) for label in sorted(classes)]
    return listed(quoted, _LABELS_SHOWN, " and " if len(quoted) == 2 else ", ")


def _positive_label(
    labels: TargetLabels, preparation: Preparation, known: Contract | None
) -> tuple[str, PositiveLabelFrom]:
    """The label whose probability the model predicts, and its origin; the same from model to model where possible."""
    check_positive_label(labels, preparation.positive_label)
    counts = labels.counts
    if preparation.positive_label:
        return preparation.positive_label, "parameter"
    if known and known.positive_label in counts:
        return known.positive_label, "champion"
    return min(counts, key=lambda label: (counts[label].rows, label)), "rarer"


def _features(survey: TrainingSurvey, eligible: Collection[str]) -> tuple[Feature, ...]:
    """The model's features: the eligible columns that are not the same in every row."""
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
            f"Autopilot needs at least {FEWEST_ROWS_TO_TRAIN}. "
            f"Add rows{', or lower the parameter HoldoutPercent' if helps else ''}."
        )


def _count_classes(survey: TrainingSurvey, contract: Contract) -> dict[str, int]:
    """The number of rows of each label of the contract, in the survey's order."""
    return {label: count.rows for label, count in survey.labels.counts.items()} if contract.labels else {}


def _bins(run: str, survey: TrainingSurvey, target: str) -> Baseline:
    """The bins of every column except the target; dropped columns are included, to be checked for leaks."""
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
    counts: Sequence[Profile],
    target_numbers: TargetNumbers | None,
    copies: NearCopies | None,
) -> DataReport:
    classes = _count_classes(survey, contract)
    holdout = count_part(survey.row_labels, in_holdout, tuple(classes))
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
        problem_type=contract.problem_type,
        problem_type_from=contract.problem_type_from or "",
        target_numbers=target_numbers,
        rule=rule,
        train=rest(contract.rows, classes, holdout),
        holdout=holdout,
        near_copies=copies,
        remarks=(
            *([copies.warning(contract.rows, contract.id_column)] if copies else []),
            *copies_by_time(survey.duplicate_rows, contract.rows, rule),
            *uneven_shares(classes, holdout.classes, rule),
        ),
    )


def _report_columns(
    contract: Contract, survey: TrainingSurvey, counts: Sequence[Profile]
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
            else round(column_auc(contract.problem_type, [each.columns[name] for each in counts]), 4),
            contract.rows,
        )
        for name, column in survey.columns.items()
    )
