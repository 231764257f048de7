"""The checks that Step Functions makes on a state machine's definition before it stores it."""

from sandbox.states.definition import Diagnostic, check_definition, refusal

__all__ = ["Diagnostic", "check_definition", "refusal"]
