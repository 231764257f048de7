"""The client's errors; each message names what is wrong and the remedy."""


class RequestError(Exception):
    """Base of the client's own errors; the message is what the user reads."""


class StackUnknownError(RequestError):
    """No stack is named, or the named stack does not exist."""


class SandboxEndedError(RequestError):
    """The sandbox that the environment names has ended."""


class CloneUnknownError(RequestError):
    """The command needs a clone of the repository, and found none."""


class FileUnfitError(RequestError):
    """A local file cannot be used as asked; nothing was uploaded."""


class FolderUnfitError(RequestError):
    """Nothing can be written into a folder."""


class OptionUnfitError(RequestError):
    """An option's value, or a combination of options, is not valid."""


class RunUnknownError(RequestError):
    """There is no run of that name."""


class KeyUnknownError(RequestError):
    """There is no object of that key in the bucket."""


class NoModelError(RequestError):
    """The stack has no model in force yet."""


class ObjectUnreadableError(RequestError):
    """An object of the bucket is not valid JSON of its kind."""


class PandasMissingError(RequestError):
    """A DataFrame was asked for where pandas is not installed."""


class RefusedError(RequestError):
    """The stack, or AWS, refused what was asked."""


class NothingToDoError(RequestError):
    """There is nothing to do: the request is already fulfilled."""
