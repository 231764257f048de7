"""Settings from the template that several training states share."""

from dataclasses import dataclass

from autowatch.settings import StackSettings, resource_tags
from autowatch.training.serving.endpoints import Serving


@dataclass(frozen=True)
class TaggingSettings(StackSettings):
    """For a state that creates something in SageMaker."""

    resource_tags: str

    def tags(self, run: str | None = None) -> dict[str, str]:
        """The tags of what `run` creates or, without a run, of what outlives it."""
        return resource_tags(self.stack, self.resource_tags, run)


@dataclass(frozen=True)
class ModelSettings(TaggingSettings):
    """For a state that creates a model and its endpoint config."""

    role_arn: str
    serving: Serving
