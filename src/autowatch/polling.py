"""How long to wait before the next look at something that takes minutes or a day."""

_LOOKS = 100
"""Looks after which the waits begin to grow, each by about a hundredth of the time gone by.

Step Functions ends an execution at its 25,000th event, and one look takes nine. So even a day of looking that began at
one look a second stays below 8,000.
"""


def next_wait(elapsed_seconds: float, shortest_seconds: int) -> int:
    """Whole seconds to wait after `elapsed_seconds` of waiting, `shortest_seconds` at first."""
    return max(shortest_seconds, int(elapsed_seconds / _LOOKS))
