"""How HTML pages are rendered: from templates/, everything foreign escaped, a name that is not there an error."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autowatch.page_text import visible


def page_environment(**filters: Callable[..., object]) -> Environment:
    """An environment for the templates of this package, with these filters."""
    environment = Environment(
        loader=PackageLoader("autowatch"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(filters)
    return environment


def _visible(value: object) -> object:
    # Markup is what a template has made itself, out of texts that went through here.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
