"""The problem types: one of two labels, one of several labels, or a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autowatch.tabular.cells import cut

ProblemType = Literal["binary", "multiclass", "regression"]

TYPES_IN_WORDS: Mapping[ProblemType, str] = {
    "binary": "two labels",
    "multiclass": "several labels",
    "regression": "numbers",
}
"""What the target contains."""


@dataclass(frozen=True)
class Problem:
    """What a model predicts.

    Attributes:
        labels: in the contract's order; empty for a numeric target.
        positive_label: with two labels, the one whose probability is predicted; otherwise empty.
        each_probability: with several labels, whether each label's probability is predicted besides that of the
            predicted label.
    """

    type: ProblemType
    labels: tuple[str, ...] = ()
    positive_label: str = ""
    each_probability: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs to request from a container for each row, in this order (SAGEMAKER_INFERENCE_OUTPUT)."""
        return INFERENCE_OUTPUTS if self.labels else INFERENCE_OUTPUTS[:1]


INFERENCE_OUTPUTS = ("predicted_label", "probability", "probabilities", "labels")
"""What Autopilot's containers return for a row when they predict labels; for numbers, only the first."""

_LABELS_NAMED = 10


def named(labels: Sequence[str]) -> str:
    """At most ten of the labels for a sentence, each cut and in quotes: mails may have to leave out quoted texts."""
    more = len(labels) - _LABELS_NAMED
    shown = ", ".join(repr(cut(label)) for label in labels[:_LABELS_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown
