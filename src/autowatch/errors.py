"""The root of Autowatch's own exceptions."""


class AutowatchError(Exception):
    """A failure whose message names the cause and the remedy, and can be shown to a user unchanged."""


class UnreadableFile(AutowatchError):
    """The file is not a CSV of the documented form. A retry cannot help; a corrected file can."""
