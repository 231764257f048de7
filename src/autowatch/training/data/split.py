"""The second pass over training data: writes the two parts, and counts the values of each class in the bins.

Also: chooses the rows to hold out for the gate, and finds those that the champion was not trained on.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, groupby
from math import exp, lgamma, log, log1p
from operator import itemgetter

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import Upload
from autowatch.records.contract import Contract
from autowatch.records.holdout import HoldoutBy, HoldoutRule, UnseenRows
from autowatch.records.keys import holdout_key, train_key
from autowatch.tabular.cells import NumberForm
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.profile import Baseline, Profile, ProfileBuilder
from autowatch.training.data.copies import NearCopiesFinder
from autowatch.training.data.memory import Memories
from autowatch.training.data.survey import RowDigests
from autowatch.training.data.table import TrainingTable, UnfitTrainingFile, labelled_rows
from autowatch.training.data.target import RowGroups


def write_split(
    bucket: Bucket,
    table: TrainingTable,
    contract: Contract,
    bins: Baseline,
    groups: RowGroups,
    in_holdout: Sequence[int],
    copies: NearCopiesFinder,
    memories: Memories,
) -> list[Profile]:
    """Writes train.csv and holdout.csv of the contract's run as streams, features first and the target last.

    Args:
        bucket: where to write.
        table: the rows, not yet read.
        contract: the features and the target.
        bins: the columns to count; their own counts are ignored.
        groups: the groups of rows to count separately.
        in_holdout: for each labelled row, 1 if it is held out.
        copies, memories: receive all labelled rows.

    Returns:
        The counts of each group.
    """
    names = [*(feature.name for feature in contract.features), contract.target]
    positions = [table.header.index(name) for name in names]
    builders = [ProfileBuilder(bins) for _ in range(groups.count)]
    forms = [*(feature.form for feature in contract.features), groups.form]
    header = csv_lines([[name] for name in names])
    with (
        Upload(bucket, train_key(contract.run), "text/csv") as train,
        Upload(bucket, holdout_key(contract.run), "text/csv") as holdout,
    ):
        _write(train, header)
        _write(holdout, header)
        begin = 0
        for block in table.blocks():
            columns = labelled_rows(block, positions[-1])
            end = begin + len(columns[0])
            of_rows = groups.of(columns[positions[-1]])
            written = [
                _as_read(columns[position], form) for position, form in zip(positions, forms, strict=True)
            ]
            lines, held_out = csv_lines(written), in_holdout[begin:end]
            _write(train, list(compress(lines, (not flag for flag in held_out))))
            _write(holdout, list(compress(lines, held_out)))
            _count(builders, table.header, columns, of_rows)
            copies.add(columns)
            memories.add(dict(zip(table.header, columns, strict=True)), held_out)
            begin = end
        train.complete()
        holdout.complete()
    return [builder.build() for builder in builders]


def _as_read(texts: Sequence[str], form: NumberForm) -> Sequence[str]:
    """The cells as the model reads them; a number that the contract's form cannot read becomes an empty cell."""
    if form.is_plain:
        return texts
    return form.plain_each(texts, unreadable="")


def _write(upload: Upload, lines: list[str]) -> None:
    if lines:
        upload.write(("\n".join(lines) + "\n").encode())


def _count(
    builders: Sequence[ProfileBuilder],
    header: Sequence[str],
    columns: Sequence[Sequence[str]],
    groups: Sequence[int],
) -> None:
    rows_of: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        rows_of.setdefault(group, []).append(row)
    for group, rows in rows_of.items():
        chosen = ([column[row] for row in rows] for column in columns)
        builders[group].add(dict(zip(header, chosen, strict=True)))


class UnfitHoldout(UnfitTrainingFile):
    """One of the two parts would lack a class."""


def choose_holdout(
    row_labels: Sequence[int], labels: Sequence[str], rule: HoldoutRule, digests: Sequence[int]
) -> bytearray:
    """For each row, 1 if it is held out.

    Args:
        row_labels: for each row, the position of its label in `labels`.
        labels: all labels; empty if numbers are predicted.
        rule: which rows are held out.
        digests: the digest of each row by this rule.

    Raises:
        UnfitHoldout: one of the two parts would lack a class.
    """
    if rule.by == "newest":
        held_out = len(row_labels) * rule.percent // 100
        in_holdout = bytearray(len(row_labels) - held_out) + bytes([1]) * held_out
    else:
        in_holdout = bytearray(map(rule.takes, digests))
    _check_parts(row_labels, labels, in_holdout, rule.by)
    return in_holdout


def _check_parts(
    row_labels: Sequence[int], labels: Sequence[str], in_holdout: bytearray, by: HoldoutBy
) -> None:
    parts = set(zip(row_labels, in_holdout, strict=True))
    for place, label in enumerate(labels):
        for held_out in (1, 0):
            if (place, held_out) not in parts:
                raise UnfitHoldout(f"No row with the label {label!r} is among {_LACKING[by][held_out]}")


_LACKING = {
    "newest": {
        1: "the newest rows, which are held out. Sort the rows by time, or set the parameter HoldoutPercent to another "
        "share, or HoldoutBy to random.",
        0: "the rows to train on. Sort the rows by time, or set the parameter HoldoutPercent to another share, or "
        "HoldoutBy to random.",
    },
    "random": {
        1: "the rows that are held out, which a digest of each row decides. Add rows of that label, or raise the "
        "parameter HoldoutPercent. If many rows are alike, set the parameter IdColumn to one that identifies them.",
        0: "the rows to train on: a digest of each row decides, and many are alike. Set the parameter IdColumn to a "
        "column that identifies them, or add rows of that label.",
    },
}


def newest_trained_row(in_holdout: bytearray, digests: Sequence[int]) -> str:
    """The digest of the last row that is trained on, in a rule's form."""
    return f"{digests[in_holdout.rindex(0)]:016x}"


def unseen_rows(
    champion: Contract, header: Sequence[str], in_holdout: bytearray, digests: RowDigests
) -> UnseenRows:
    """The rows of the hold-out that the champion was not trained on, by the champion's own rule."""
    rule = champion.holdout
    if rule is None:
        return UnseenRows(
            champion.run, None, "its contract is from a version that did not record the hold-out's rule"
        )
    if lost := [name for name in rule.columns if name not in header]:
        return UnseenRows(
            champion.run, None, f"it held rows out by the column {lost[0]!r}, which is no longer in the file"
        )
    of_rows = digests.of(rule)
    if rule.by == "random":
        return UnseenRows(champion.run, _ranges(rule.takes(each) for each in compress(of_rows, in_holdout)))
    newest = int(rule.newest_row or "", 16)
    trained = max((row for row, each in enumerate(of_rows) if each == newest), default=None)
    if trained is None:
        return UnseenRows(champion.run, None, "the newest row that it was trained on is not in the file")
    held_out = compress(range(len(in_holdout)), in_holdout)
    return UnseenRows(champion.run, _ranges(row > trained for row in held_out))


def _ranges(flags: Iterable[bool]) -> tuple[tuple[int, int], ...]:
    """The positions of the true flags, from 1, as ranges that include both ends."""
    ranges = []
    for flag, group in groupby(enumerate(flags, start=1), key=itemgetter(1)):
        if flag:
            numbers = [number for number, _ in group]
            ranges.append((numbers[0], numbers[-1]))
    return tuple(ranges)


_CHANCE = 0.001
"""Below this probability, chance does not explain a share."""


def uneven_shares(classes: Mapping[str, int], held_out: Mapping[str, int], rule: HoldoutRule) -> list[str]:
    """A warning for each label whose held-out share is further from the rule's than chance explains.

    Rows are not drawn class by class, since a row's part must not depend on its label. So of n rows with a label that
    are not copies of each other, a binomial number is held out.

    Args:
        classes: how many rows have each label.
        held_out: how many rows of each label are held out.
    """
    if rule.by == "newest":
        return []
    found = {
        label: p
        for label, rows in classes.items()
        if (p := _binomial_p(held_out[label], rows, rule.percent / 100)) < _CHANCE
    }
    return [
        f"Of the {classes[label]:,} rows with the label {label!r} {held_out[label]:,} are held out, "
        f"{held_out[label] / classes[label]:.1%} instead of {rule.percent} %, which chance does not explain (p = "
        f"{p:.1g}): many rows agree in the columns by which rows are held out, and stay together. The gate's figures "
        "rest on fewer distinct rows than they state. Remove the copies, or set the parameter IdColumn to the column "
        "that identifies the rows."
        for label, p in found.items()
    ]


def _binomial_p(times: int, rows: int, share: float) -> float:
    """The two-sided probability of a binomial number at least this extreme (twice the smaller tail)."""

    def probability(number: int) -> float:
        return exp(
            lgamma(rows + 1)
            - lgamma(number + 1)
            - lgamma(rows - number + 1)
            + number * log(share)
            + (rows - number) * log1p(-share)
        )

    outwards = range(times, -1, -1) if times <= rows * share else range(times, rows + 1)
    tail = 0.0
    for number in outwards:
        term = probability(number)
        tail += term
        if term <= tail * 1e-12:
            break
    return min(1.0, 2 * tail)
