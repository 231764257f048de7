"""What can go wrong between a terminal and a stack, each with a message that names the thing and the remedy."""


class CommandError(Exception):
    """Base of the client's own errors; the message is what the user reads."""


class StackUnknownError(CommandError):
    """Nothing says which stack is meant, or it is not there."""


class StartRefusedError(CommandError):
    """A run could not be started as asked."""


class RunUnknownError(CommandError):
    """There is no run of that name."""


class RunFileUnreadableError(CommandError):
    """An object of a run is not the JSON that it should be."""
