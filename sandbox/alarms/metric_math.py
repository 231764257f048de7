"""Metric math for alarm expressions: arithmetic on series and FILL.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.errors import AlarmError

Series = list[float | None]
"""The values of consecutive periods, oldest first; None for periods without data."""

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """Evaluates the expression on `series` (by id, all of the same length) and returns a series.

    Raises AlarmError: the text is not an expression, names an unknown id, or uses an unsupported function.
    """
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise AlarmError(f"The expression {expression!r} is not metric math.") from error
    result = _value(tree.body, series, expression)
    if not isinstance(result, list):
        raise AlarmError(f"The expression {expression!r} gives a number; an alarm needs a series.")
    return result


def _value(node: ast.expr, series: Mapping[str, Series], expression: str) -> Series | float:
    match node:
        case ast.Name(id=name) if name in series:
            return series[name]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _combine(operator.sub, 0.0, _value(operand, series, expression))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            first, second = _value(left, series, expression), _value(right, series, expression)
            return _combine(_OPERATORS[type(sign)], first, second)
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filler], keywords=[]):
            return _fill(_value(metric, series, expression), filler, expression)
    raise AlarmError(
        f"The sandbox's metric math has +, -, *, / and FILL with a number or REPEAT, and these series: "
        f"{', '.join(series)}. It does not understand {ast.unparse(node)!r} in {expression!r}."
    )


def _fill(values: Any, filler: ast.expr, expression: str) -> Series:
    if not isinstance(values, list):
        raise AlarmError(f"FILL needs a series in {expression!r}.")
    if isinstance(filler, ast.Name) and filler.id == "REPEAT":
        filled: Series = []
        for value in values:
            filled.append(filled[-1] if value is None and filled else value)
        return filled
    number = _value(filler, {}, expression)
    return [number if value is None else value for value in values if not isinstance(number, list)]


def _combine(
    combine: Callable[[float, float], float], first: Series | float, second: Series | float
) -> Series | float:
    """Combines a number with every value. The result is None where a value is missing or divided by 0."""
    if not isinstance(first, list) and not isinstance(second, list):
        return combine(first, second)
    length = len(first) if isinstance(first, list) else len(second) if isinstance(second, list) else 0
    pairs = zip(_spread(first, length), _spread(second, length), strict=True)
    return [
        None
        if one is None or other is None or (combine is operator.truediv and other == 0)
        else combine(one, other)
        for one, other in pairs
    ]


def _spread(values: Series | float, length: int) -> Series:
    return values if isinstance(values, list) else [values] * length
