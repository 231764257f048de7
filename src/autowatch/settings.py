"""Reading single settings of a function."""

from collections.abc import Mapping

from autowatch.errors import AutowatchError


class InvalidSetting(AutowatchError):
    """A parameter of the stack has a value that CloudFormation lets through and nothing can work with."""


def whole_number(environment: Mapping[str, str], name: str) -> int:
    """The setting `name` as a whole number. CloudFormation cannot refuse a fraction where a number is asked for.

    Raises:
        InvalidSetting: it is a fraction.
        KeyError: a variable that the template always sets is missing.
    """
    text = environment[name]
    try:
        return int(text)
    except ValueError as error:
        raise InvalidSetting(
            f"{name} is {text!r}, which is no whole number. Correct the stack's parameter of that name."
        ) from error
