"""What a model predicts: one of two labels, one of several, or a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ProblemType = Literal["binary", "multiclass", "regression"]

TYPES_IN_WORDS: Mapping[ProblemType, str] = {
    "binary": "two labels",
    "multiclass": "several labels",
    "regression": "numbers",
}
"""What the target holds."""


@dataclass(frozen=True)
class Problem:
    """What a model is asked for.

    Attributes:
        labels: in the contract's order; none where a number is predicted.
        positive_label: of two labels the one whose probability is wanted; else empty.
        each_probability: whether, of several labels, the probability of each is wanted beside that of the label given.
    """

    type: ProblemType
    labels: tuple[str, ...] = ()
    positive_label: str = ""
    each_probability: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """What a container must be told to answer for each row, in this order (SAGEMAKER_INFERENCE_OUTPUT)."""
        return INFERENCE_OUTPUTS if self.labels else INFERENCE_OUTPUTS[:1]


INFERENCE_OUTPUTS = ("predicted_label", "probability", "probabilities", "labels")
"""What Autopilot's containers answer of a row where labels are predicted; of a number, the first alone."""
