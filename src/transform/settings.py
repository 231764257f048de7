"""Settings from the template that several transform states share."""

from dataclasses import dataclass

from autowatch.scoring.transform.plan import TransformSettings
from autowatch.settings import StackSettings


@dataclass(frozen=True)
class ScoringSettings(StackSettings):
    """For a state that plans, accepts or commits."""

    transform: TransformSettings
