"""What can go wrong between a user and a stack, each with a message that names the thing and the remedy."""


class RequestError(Exception):
    """Base of the client's own errors; the message is what the user reads."""


class StackUnknownError(RequestError):
    """Nothing says which stack is meant, or it is not there."""


class SandboxEndedError(RequestError):
    """The sandbox that the environment names does not answer any more."""


class CloneUnknownError(RequestError):
    """The command needs a clone of the repository, and none is near."""


class FileUnfitError(RequestError):
    """A local file cannot be used as asked; nothing was uploaded."""


class FolderUnfitError(RequestError):
    """Nothing can be written into a folder."""


class OptionUnfitError(RequestError):
    """An option's value, or a combination of options, means nothing."""


class RunUnknownError(RequestError):
    """There is no run of that name."""


class KeyUnknownError(RequestError):
    """There is no object of that key in the bucket."""


class NoModelError(RequestError):
    """The stack has no model in force yet."""


class ObjectUnreadableError(RequestError):
    """An object of the bucket is not the JSON that it should be."""


class PandasMissingError(RequestError):
    """A DataFrame was asked for where pandas is not installed."""


class RefusedError(RequestError):
    """The stack, or AWS, refused what was asked."""


class NothingToDoError(RequestError):
    """What was asked for is the case already."""
