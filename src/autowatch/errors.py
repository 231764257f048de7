"""The root of Autowatch's own exceptions."""


class AutowatchError(Exception):
    """A failure whose message names the thing and the remedy, fit to be shown to a user as it is."""


class UnreadableFile(AutowatchError):
    """The file cannot be read as agreed. Trying again cannot help; a corrected file can."""
