"""The root of Autowatch's own exceptions."""


class AutowatchError(Exception):
    """A failure whose message names the thing and the remedy, fit to be shown to a user as it is."""
