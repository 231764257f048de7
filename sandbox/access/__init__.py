"""Access control in the sandbox: keys, signatures, and the stack's policies, evaluated as in AWS."""
