"""The context that Lambda passes with the event."""


class Context:
    """A context that reports this many seconds left."""

    function_name = "function"
    function_version = "$LATEST"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "8b0a2a41-8f0e-4c3c-9a8f-0a8f2f0f6a01"

    def __init__(self, seconds=900.0):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)
