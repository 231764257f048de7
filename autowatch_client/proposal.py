"""`autowatch init`: proposes the stack's parameters for a CSV, and writes them into samconfig.toml."""

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from autowatch_client.checks import MOST_CLASSES, MOST_UNCLEAR_NUMBERS, are_numbers
from autowatch_client.errors import FileUnfitError, OptionUnfitError
from autowatch_client.nearest import suggestion
from autowatch_client.tables import Table

_ROWS_LOOKED_AT = 20_000
_TARGET_NAMES = (
    "target",
    "churn",
    "churned",
    "label",
    "y",
    "outcome",
    "response",
    "default",
    "bad",
    "fraud",
    "class",
)
_POSITIVE_LABELS = ("yes", "true", "1", "y", "positive", "bad", "churned", "t")
_KEY_NAMES = re.compile(r"(^|[^a-z])(id|key|uuid|number|nr|no)$|id$", re.IGNORECASE)
_OVERRIDES = re.compile(r"^parameter_overrides\s*=.*$", re.MULTILINE)


@dataclass(frozen=True)
class Proposal:
    """The parameters that the stack needs for a file.

    Attributes:
        targets: columns that can be predicted, likeliest first: those with two values, then those named like a target.
        problem_type: of the first of `targets`; empty if its few numbers may be names or amounts.
        labels: of the first of `targets`; empty if it is numeric.
        positive: of two labels, the one whose probability is reported; else empty.
        key: the column that names each row, or None.
    """

    targets: tuple[str, ...]
    problem_type: str
    labels: tuple[str, ...]
    positive: str
    key: str | None


def propose(table: Table, target: str | None = None) -> Proposal:
    """Looks at up to 20,000 rows.

    Raises:
        FileUnfitError: no column can be predicted, or `target` cannot.
    """
    rows = list(islice(table.rows(), _ROWS_LOOKED_AT))
    values = {
        name: Counter(row[place] for row in rows if row[place].strip())
        for place, name in enumerate(table.header)
    }
    if target is not None and target not in values:
        raise FileUnfitError(
            f"{table.path} has no column {target!r}. {suggestion(target, values, 'columns')}"
        )
    types = {name: found for name, counts in values.items() if (found := problem_type_of(counts)) is not None}
    if target is not None and target not in types:
        raise FileUnfitError(
            f"{target} has {len(values[target]):,} different values. Autowatch predicts labels, at most {MOST_CLASSES} "
            "of them, or numbers."
        )
    two = [name for name, found in types.items() if found == "binary"]
    if not types or (target is None and not two and not any(map(_is_named_so, types))):
        raise FileUnfitError(
            f"No column of {table.path} has exactly two values, and none is named like a target. Name it with --target."
        )
    likely = [*two, *(name for name in types if name not in two and _is_named_so(name))]
    places = {name: place for place, name in enumerate(table.header)}
    ranked = sorted(likely, key=lambda name: (_is_named_so(name), name in two, places[name]), reverse=True)
    chosen = target or ranked[0]
    return Proposal(
        targets=(chosen, *(name for name in ranked if name != chosen)),
        problem_type=types[chosen],
        labels=() if types[chosen] == "regression" else tuple(sorted(values[chosen])),
        positive=_positive(values[chosen]) if types[chosen] == "binary" else "",
        key=next(
            (name for name, each in values.items() if name != chosen and _is_key(name, each, len(rows))), None
        ),
    )


def problem_type_of(counts: Mapping[str, int]) -> str | None:
    """The problem type for a target with these values: `binary`, `multiclass` or `regression`."""
    if len(counts) <= 2:
        return "binary" if len(counts) == 2 else None
    if are_numbers(counts):
        return "regression" if len(counts) > MOST_UNCLEAR_NUMBERS else ""
    return "multiclass" if len(counts) <= MOST_CLASSES else None


def _positive(counts: Mapping[str, int]) -> str:
    likely = [label for label in counts if label.casefold() in _POSITIVE_LABELS]
    return likely[0] if len(likely) == 1 else min(counts, key=lambda label: (counts[label], label))


def declared_parameters(template: Path) -> tuple[str, ...]:
    """The names of a template's parameters, in the template's order."""
    text = template.read_text(encoding="utf-8")
    section = re.search(r"^Parameters:\n(.*?)^\S", text, re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"^  (\w+):", section[1], re.MULTILINE)) if section else ()


def read_overrides(config: Path, environment: str = "default") -> dict[str, str]:
    """The parameters that an environment of samconfig.toml sets; empty if it sets none.

    Raises:
        OptionUnfitError: the file is not TOML, or has no such environment.
    """
    if not config.exists():
        return {}
    document = _read_toml(config)
    if environment not in document:
        known = [name for name in document if isinstance(document[name], dict)]
        raise OptionUnfitError(
            f"{config} has no environment {environment}. {suggestion(environment, known, 'environments')}"
        )
    overrides = document[environment].get("deploy", {}).get("parameters", {}).get("parameter_overrides", "")
    words = overrides if isinstance(overrides, list) else shlex.split(overrides)
    return dict(word.split("=", 1) for word in words if "=" in word)


def write_overrides(config: Path, parameters: dict[str, str], environment: str = "default") -> None:
    """Writes the parameters into an environment of samconfig.toml, and keeps everything else.

    Raises:
        OptionUnfitError: as `read_overrides` does.
    """
    merged = read_overrides(config, environment) | parameters
    line = "parameter_overrides = " + _toml_text(
        " ".join(f"{name}={_quoted(value)}" for name, value in merged.items())
    )
    heading = f"[{environment}.deploy.parameters]"
    text = config.read_text(encoding="utf-8") if config.exists() else f"version = 0.1\n\n{heading}\n"
    if heading not in text:
        text = f"{text.rstrip()}\n\n{heading}\n"
    before, after = text.split(heading, 1)
    section, bracket, rest = after.partition("\n[")
    section = _OVERRIDES.sub("", section).rstrip() + f"\n{line}\n"
    config.write_text(before + heading + section + bracket + rest, encoding="utf-8")
    _read_toml(config)


def _read_toml(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise OptionUnfitError(f"{config} is not TOML: {error}.") from error


def _quoted(value: str) -> str:
    """A value in the syntax of sam's parser of overrides: in double quotes unless it is one plain word."""
    return value if re.fullmatch(r"[\w.,:/@+-]+", value) else '"' + value.replace('"', '\\"') + '"'


def _toml_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_named_so(name: str) -> bool:
    return name.casefold() in _TARGET_NAMES


def _is_key(name: str, counts: Counter[str], rows: int) -> bool:
    """Whether a column names rows: nearly all values are distinct, and it is named like a key or not purely numeric."""
    if len(counts) < 0.98 * rows:
        return False
    return bool(_KEY_NAMES.search(name)) or not all(
        re.fullmatch(r"-?[0-9.]+", value) for value in islice(counts, 50)
    )
