"""The user's settings for monitoring: thresholds and weights of columns, alert rules, and the usual volume."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

import yaml

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import ResumedBody
from autowatch.errors import AutowatchError
from autowatch.monitoring.drift.judge import ColumnRules, DriftRules, Weights
from autowatch.records.keys import SETTINGS_KEY
from autowatch.tabular.cells import to_number

_LARGEST = 256 * 1024
_KEYS = ("alert", "compare", "weights", "defaults", "columns", "volume")
_SHARES = ("distance", "missing_rise", "new_rise", "out_of_range_rise")
_LONGEST_SHOWN = 60


Compare = Literal["training", "weekday"]


class InvalidDriftSettings(AutowatchError):
    """The settings are invalid."""


@dataclass(frozen=True)
class AlertRules:
    """When an alert is sent.

    Attributes:
        days, of: drift is alerted on if it occurs on `days` of the last `of` days with a verdict.
        repeat: the number of days after which an alert names a lasting finding again; 1 names it every day.
        further: an alert names it earlier if the column's distance is at least this multiple of the last alert's.
        ended: whether to alert when drift or an alarm ends.
        refusals: whether to send a daily mail about refused files.
    """

    days: int = 1
    of: int = 1
    repeat: int = 7
    further: float = 1.5
    ended: bool = True
    refusals: bool = True


@dataclass(frozen=True)
class VolumeRules:
    """The usual number of rows a day: `least` to `most` times the median of the last `days` days."""

    least: float = 0.5
    most: float = 2.0
    days: int = 14


@dataclass(frozen=True)
class DriftSettings:
    """The content of `monitoring/settings.yaml`; `lines` has the line number of each column.

    `compare` is the reference of a day: the training data, or the same weekday of the last weeks.
    """

    rules: DriftRules
    alert: AlertRules = AlertRules()
    volume: VolumeRules = VolumeRules()
    compare: Compare = "training"
    lines: Mapping[str, int] = field(default_factory=dict)

    def check_columns(self, known: Collection[str]) -> None:
        """Raises InvalidDriftSettings for the first column that is not `known`."""
        for name, line in self.lines.items():
            if name not in known:
                raise _invalid(line, f"no model has a column {_shown(name)}. Correct the name or remove it")


def read_drift_settings(bucket: Bucket, min_rows: int) -> DriftSettings:
    """The settings in the bucket, or the defaults if there are none.

    Raises:
        InvalidDriftSettings: the settings are invalid.
    """
    try:
        content = ResumedBody.of_key(bucket, SETTINGS_KEY).read(_LARGEST + 1)
    except ObjectMissing:
        return DriftSettings(DriftRules(min_rows=min_rows))
    return parse_drift_settings(content, min_rows)


def parse_drift_settings(content: bytes, min_rows: int) -> DriftSettings:
    """Parses settings from a YAML document; a missing setting has its default.

    Raises:
        InvalidDriftSettings: the document is not YAML, or a key, a type or a value in it is not as documented.
    """
    document = _entries(_compose(content), "the file", _KEYS)
    alert = _entries(
        document.get("alert"),
        "alert",
        ("days", "of", "drift_share", "repeat", "further", "ended", "refusals"),
    )
    volume = _entries(document.get("volume"), "volume", ("least", "most", "days"))
    columns = _entries(document.get("columns"), "columns", None)
    defaults = _column_rules(document.get("defaults"), "defaults", ColumnRules())
    of = _whole(alert, "of", AlertRules.of, 1, 30)
    rules = DriftRules(
        min_rows=min_rows,
        drift_share=_number(alert, "drift_share", DriftRules.drift_share, 0, 1),
        defaults=defaults,
        columns={name: _column_rules(node, _shown(name), defaults) for name, node in columns.items()},
        weights=cast("Weights", _choice(document, "weights", get_args(Weights))),
    )
    return DriftSettings(
        rules=rules,
        alert=AlertRules(
            _days_to_alert(alert, of),
            of,
            repeat=_whole(alert, "repeat", AlertRules.repeat, 1, 30),
            further=_number(alert, "further", AlertRules.further, 1, 1e6),
            ended=bool(_whole(alert, "ended", AlertRules.ended, 0, 1)),
            refusals=bool(_whole(alert, "refusals", AlertRules.refusals, 0, 1)),
        ),
        volume=VolumeRules(
            _number(volume, "least", VolumeRules.least, 0, 1),
            _number(volume, "most", VolumeRules.most, 1, 1e9),
            _whole(volume, "days", VolumeRules.days, 3, 30),
        ),
        compare=cast("Compare", _choice(document, "compare", get_args(Compare))),
        lines=_lines_of_keys(document.get("columns")),
    )


def _compose(content: bytes) -> yaml.Node | None:
    """The document as YAML nodes, which have line numbers and keep a column name such as `no` as text."""
    if len(content) > _LARGEST:
        raise _invalid(None, f"the file is larger than {_LARGEST // 1024} kB. Name fewer columns")
    try:
        return yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise _invalid(None, "the file is not UTF-8. Save it as UTF-8") from None
    except RecursionError:
        raise _invalid(None, "the brackets are nested too deeply. Write `key: value` lines") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _invalid(line, f"this is not YAML: {error.problem}. Correct the line") from None
    except yaml.YAMLError as error:
        raise _invalid(None, f"this is not YAML ({type(error).__name__}). Remove odd characters") from None


def _entries(node: yaml.Node | None, where: str, allowed: Collection[str] | None) -> dict[str, yaml.Node]:
    """The entries of a mapping by their unconverted keys; empty if the mapping is missing or empty."""
    if node is None or _is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _invalid(
            _line(node), f"{where} is not a list of `key: value` lines. Write it as the example shows"
        )
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name is None or (allowed is not None and name not in allowed):
            known = f"one of {', '.join(allowed)}" if allowed else "a column's name"
            raise _invalid(_line(key), f"{where} has no key {_shown(name)}. Use {known}")
        if name in found:
            raise _invalid(_line(key), f"{where} has the key {_shown(name)} twice. Keep one of the two")
        found[name] = value
    return found


def _lines_of_keys(node: yaml.Node | None) -> dict[str, int]:
    return {key.value: _line(key) for key, _ in node.value} if isinstance(node, yaml.MappingNode) else {}


def _column_rules(node: yaml.Node | None, where: str, defaults: ColumnRules) -> ColumnRules:
    found = _entries(node, where, (*_SHARES, "importance"))
    shares = {name: _number(found, name, getattr(defaults, name), 0, 1) for name in _SHARES}
    return ColumnRules(**shares, importance=_number(found, "importance", defaults.importance, 0, 1e6))


def _days_to_alert(alert: Mapping[str, yaml.Node], of: int) -> int:
    days = _whole(alert, "days", AlertRules.days, 1, 30)
    if days > of:
        raise _invalid(
            _line(alert["days"]),
            f"alert.days is {days}, and alert.of is {of}: drift cannot occur on more days than are considered. Write a "
            f"number from 1 to {of} for alert.days, or raise alert.of",
        )
    return days


def _whole(found: Mapping[str, yaml.Node], name: str, default: int, least: int, most: int) -> int:
    value = _number(found, name, default, least, most)
    if value != int(value):
        raise _invalid(_line(found[name]), f"{name} is {value:g}. Write a whole number")
    return int(value)


def _number(found: Mapping[str, yaml.Node], name: str, default: float, least: float, most: float) -> float:
    if name not in found:
        return default
    node = found[name]
    # YAML reads 1e-2 as text, so it is parsed here; quotes mean that text is intended.
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    try:
        value = to_number(node.value) if plain else math.nan
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise _invalid(_line(node), f"{name} is not a number. Write one from {least:g} to {most:g}")
    if not least <= value <= most:
        raise _invalid(_line(node), f"{name} is {value:g}. Write a number from {least:g} to {most:g}")
    return value


def _choice(found: Mapping[str, yaml.Node], name: str, known: tuple[str, ...]) -> str:
    """The chosen word; the first if the setting is missing."""
    node = found.get(name)
    if node is None or _is_null(node):
        return known[0]
    if isinstance(node, yaml.ScalarNode) and node.value in known:
        return str(node.value)
    raise _invalid(_line(node), f"{name} is neither of {' and '.join(known)}. Write one of the two")


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(name: str | None) -> str:
    """A name from the file, shortened for a one-line message."""
    if name is None:
        return "of that form"
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


def _invalid(line: int | None, what: str) -> InvalidDriftSettings:
    place = SETTINGS_KEY if line is None else f"{SETTINGS_KEY}, line {line}"
    return InvalidDriftSettings(f"{place}: {what}; until then the defaults apply.")
