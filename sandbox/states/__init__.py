"""What Step Functions refuses in a state machine's definition before it keeps it."""

from sandbox.states.definition import Diagnostic, check_definition, refusal

__all__ = ["Diagnostic", "check_definition", "refusal"]
