"""The sandbox's own errors; each message names the thing and the remedy."""


class SandboxError(Exception):
    """Base of the sandbox's own errors."""


class TemplateError(SandboxError):
    """The template is wrong, or asks for something that the sandbox does not have."""


class TransformError(TemplateError):
    """SAM's transform rejects the template."""


class ParameterError(SandboxError):
    """A parameter's value does not fit the template."""


class DeploymentError(SandboxError):
    """The stack could not be created."""


class StartError(SandboxError):
    """The sandbox did not start, or one is running already."""


class RoleUnusable(SandboxError):
    """A role does not exist, or does not trust a service."""


class NotRunningError(SandboxError):
    """No sandbox is running."""


class NotFoundError(SandboxError):
    """The stack has no such function, schedule or target."""


class ThrottledError(SandboxError):
    """A function's reserved concurrency is used up."""


class FaultError(SandboxError):
    """A fault that the sandbox does not have."""


class IdleTimeoutError(SandboxError):
    """The sandbox was still busy when the waiting time ended."""


class AlarmError(SandboxError):
    """An alarm asks for what the sandbox's evaluation does not have."""


class CapabilityError(SandboxError):
    """The deployment lacks a capability that acknowledges resources of the template."""


class StackError(SandboxError):
    """The stack's state does not allow the request."""
