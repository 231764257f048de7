"""The settings recorded in a day's report, and the changes between two reports in words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from autowatch.monitoring.drift.judge import ColumnRules, DriftRules, Weights
from autowatch.monitoring.drift.settings import AlertRules, Compare, DriftSettings, VolumeRules
from autowatch.reports.text import counted, listed, short

_NAMES_SHOWN = 2
_LONGEST_NAME = 60

_ALERT: Mapping[str, float] = {**asdict(AlertRules()), "drift_share": DriftRules.drift_share}
_VOLUME: Mapping[str, float] = asdict(VolumeRules())
_COLUMN: Mapping[str, float] = asdict(ColumnRules())


@dataclass(frozen=True)
class RecordedSettings:
    """The settings that differ from the defaults (for columns: from `defaults`), as in `monitoring/settings.yaml`."""

    alert: dict[str, float] = field(default_factory=dict)
    compare: Compare = "training"
    weights: Weights = "equal"
    defaults: dict[str, float] = field(default_factory=dict)
    columns: dict[str, dict[str, float]] = field(default_factory=dict)
    volume: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: DriftSettings) -> "RecordedSettings":
        """Those of these settings that differ from the defaults."""
        rules, default = settings.rules, asdict(settings.rules.defaults)
        columns = {name: _differing(asdict(own), default) for name, own in rules.columns.items()}
        return cls(
            alert=_differing({**asdict(settings.alert), "drift_share": rules.drift_share}, _ALERT),
            compare=settings.compare,
            weights=rules.weights,
            defaults=_differing(default, _COLUMN),
            columns={name: own for name, own in columns.items() if own},
            volume=_differing(asdict(settings.volume), _VOLUME),
        )

    @classmethod
    def from_json(cls, document: Any) -> "RecordedSettings | None":
        """Reads the field `settings` of a report; None if an older version wrote the report.

        Raises:
            ValueError: the field is malformed.
        """
        try:
            return msgspec.convert(document, cls | None)
        except msgspec.ValidationError as error:
            raise ValueError(f"the settings are malformed: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The report's field `settings`; empty if every setting has its default."""
        written = {name: value for name, value in asdict(self).items() if value}
        return {name: value for name, value in written.items() if value not in ("training", "equal")}

    def rule_of(self, column: str | None, rule: str) -> float:
        """The value of a rule for a column; with None, for columns that `columns` does not name."""
        own = self.columns.get(column, {}) if column is not None else {}
        return own.get(rule, self.defaults.get(rule, _COLUMN[rule]))


def changes(before: RecordedSettings, now: RecordedSettings) -> list[str]:
    """The changes in words, columns first: `importance of 12 columns set to 0: age, job and 10 more`."""
    return [
        *_changes_of_columns(before, now),
        *_changes_in("defaults", before.defaults, now.defaults, _COLUMN),
        *_changes_in("alert", before.alert, now.alert, _ALERT),
        *([f"compare {before.compare} → {now.compare}"] if before.compare != now.compare else []),
        *([f"weights {before.weights} → {now.weights}"] if before.weights != now.weights else []),
        *_changes_in("volume", before.volume, now.volume, _VOLUME),
    ]


def _differing(values: Mapping[str, float], defaults: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value != defaults[name]}


def _changes_in(
    where: str, before: Mapping[str, float], now: Mapping[str, float], defaults: Mapping[str, float]
) -> Iterator[str]:
    for name, default in defaults.items():
        old, new = before.get(name, default), now.get(name, default)
        if old != new:
            yield f"{where}.{name} {old:g} → {new:g}"


def _changes_of_columns(before: RecordedSettings, now: RecordedSettings) -> Iterator[str]:
    """The changes of single columns, grouped by new value, without those that follow from `defaults`."""
    changed: dict[tuple[str, float], list[str]] = {}
    for column in sorted(before.columns.keys() | now.columns.keys()):
        for rule in ("importance", *(name for name in _COLUMN if name != "importance")):
            old, new = before.rule_of(column, rule), now.rule_of(column, rule)
            by_default = (before.rule_of(None, rule), now.rule_of(None, rule))
            if old != new and (old, new) != by_default:
                changed.setdefault((rule, new), []).append(short(column, _LONGEST_NAME))
    for (rule, new), names in changed.items():
        if len(names) == 1:
            yield f"{rule} of {names[0]} set to {new:g}"
        else:
            yield f"{rule} of {counted(len(names), 'column')} set to {new:g}: {listed(names, _NAMES_SHOWN)}"
