"""How HTML pages are rendered: from templates/, everything foreign escaped, a name that is not there an error."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment(**filters: Callable[..., object]) -> Environment:
    """An environment for the templates of this package, with these filters."""
    environment = Environment(
        loader=PackageLoader("autowatch"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment
