"""What the template tells several of the transform states."""

from dataclasses import dataclass

from autowatch.scoring.transform.plan import TransformSettings
from autowatch.settings import StackSettings


@dataclass(frozen=True)
class ScoringSettings(StackSettings):
    """Of a state that plans, accepts or commits."""

    transform: TransformSettings
