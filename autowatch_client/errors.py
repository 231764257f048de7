"""The client's errors; each message names what is wrong and the remedy."""


class RequestError(Exception):
    """Base of the client's own errors; the message is what the user reads."""


class StackUnknownError(RequestError):
    """No stack is named, or the named stack does not exist."""


class SandboxEndedError(RequestError):
    """The sandbox that the environment names has ended."""


class CloneUnknownError(RequestError):
    """The command needs a clone of the repository, and none was found."""


class FileUnfitError(RequestError):
    """A local file cannot be used as asked; nothing was uploaded."""


class FolderUnfitError(RequestError):
    """A folder cannot be written."""


class OptionUnfitError(RequestError):
    """An option's value, or a combination of options, is not valid."""


class RunUnknownError(RequestError):
    """No run has that name."""


class KeyUnknownError(RequestError):
    """The bucket has no object with that key."""


class NoModelError(RequestError):
    """The stack has no model in force yet."""


class ObjectUnreadableError(RequestError):
    """An object of the bucket is malformed JSON or has the wrong shape."""


class PandasMissingError(RequestError):
    """A DataFrame was requested, but pandas is not installed."""


class RefusedError(RequestError):
    """The stack or AWS refused the request."""


class NothingToDoError(RequestError):
    """The request is already fulfilled."""
