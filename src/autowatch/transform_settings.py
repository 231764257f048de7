"""How large files are scored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TransformSettings:
    """How large files are scored.

    Attributes:
        bucket: where everything lies.
        predictions_prefix: under which key prefix the predictions go.
        max_rejected_percent: a file with a larger part of rejected rows is refused whole.
        max_batch_bytes: a row that is larger by itself is rejected, as on the other path.
        metrics_namespace: where the metrics go.
        stack: the stack's name, the metrics' dimension.
    """

    bucket: str
    predictions_prefix: str
    max_rejected_percent: float
    max_batch_bytes: int
    metrics_namespace: str
    stack: str
