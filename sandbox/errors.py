"""What can go wrong with the sandbox itself, each with a message that names the thing and the remedy."""


class SandboxError(Exception):
    """Base of the sandbox's own errors."""


class TemplateError(SandboxError):
    """The template asks for something that the sandbox does not have, or is wrong."""


class TransformError(TemplateError):
    """SAM's transform does not take the template."""


class ParameterError(SandboxError):
    """A parameter's value does not fit the template."""


class DeploymentError(SandboxError):
    """The stack could not be created."""


class StartError(SandboxError):
    """The sandbox did not start, or one is running already."""


class RoleUnusable(SandboxError):
    """A role does not exist, or does not let a service take it on."""


class NotRunningError(SandboxError):
    """There is no running sandbox to talk to."""


class NotFoundError(SandboxError):
    """A function, schedule or target that the stack does not have."""


class ThrottledError(SandboxError):
    """A function's reserved concurrency is used up."""


class FaultError(SandboxError):
    """A fault that the sandbox does not have."""


class IdleTimeoutError(SandboxError):
    """The sandbox was still busy when the time to wait was over."""


class AlarmError(SandboxError):
    """An alarm asks for what the sandbox's evaluation does not have."""


class CapabilityError(SandboxError):
    """The deployment lacks a capability that acknowledges what the template makes."""


class StackError(SandboxError):
    """What is asked of a stack is not possible as it stands."""
