"""What the template tells several of the training states."""

from dataclasses import dataclass

from autowatch.settings import StackSettings, resource_tags
from autowatch.training.serving.endpoints import Serving


@dataclass(frozen=True)
class TaggingSettings(StackSettings):
    """Of a state that makes something in SageMaker."""

    resource_tags: str

    def tags(self, run: str | None = None) -> dict[str, str]:
        """The tags of what `run` makes; without a run, of what outlives it."""
        return resource_tags(self.stack, self.resource_tags, run)


@dataclass(frozen=True)
class ModelSettings(TaggingSettings):
    """Of a state that makes a model and says how it is served."""

    role_arn: str
    serving: Serving
