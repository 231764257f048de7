"""Wildcards and variables in a policy's texts.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import functools
import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")
_LITERALS = ("*", "?", "$")
_WILDCARDS = {"*": ".*", "?": "."}


def substitute(text: str, context: Mapping[str, tuple[str, ...]]) -> str | None:
    """The text with its variables replaced; None if one has no single value and no default."""
    if "${" not in text:
        return text
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name, default = match[1].strip(), match[2]
        if name in _LITERALS:
            return name
        values = context.get(name.lower(), () if default is None else (default,))
        missing = missing or len(values) != 1
        return values[0] if len(values) == 1 else ""

    replaced = _VARIABLE.sub(value, text)
    return None if missing else replaced


def matches(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern in which `*` stands for any characters and `?` for one."""
    return _expression(pattern).fullmatch(text) is not None


def arn_matches(pattern: str, arn: str) -> bool:
    """Whether an ARN matches a pattern: wildcards stay within the first five parts, and match anything in the sixth."""
    if pattern == "*":
        return True
    wanted, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(parts) == 6 and all(map(matches, wanted, parts))


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_WILDCARDS.get(each, re.escape(each)) for each in pattern), re.DOTALL)
