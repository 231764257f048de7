"""State RegisterModel: registers the released model with Domino, if Domino is configured and accepts it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.domino.connection import open_session
from autowatch.domino.models import ModelRegistry, register_released_model
from autowatch.domino.settings import DominoParameters, domino_settings, domino_token
from autowatch.settings import StackSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Time left after the last call, for the record and the parameter.
_SECONDS_TO_FINISH = 15.0


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    domino: DominoParameters
    model_parameter: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, Any]:
    """Takes the `run` of the champion; returns its id in Domino, None if Domino asks for no registration."""
    domino = domino_settings(settings.domino)
    if domino is None or domino.api == "v0":
        return {"model_id": None}
    token = domino_token(domino.token_secret_arn)
    with open_session(1) as session:
        connection = domino.connect(session, token, seconds_left(context, _SECONDS_TO_FINISH))
        registry = ModelRegistry(data_bucket(settings.bucket), connection, settings.stack, domino.datasource)
        model_id = register_released_model(client("ssm"), registry, event["run"], settings.model_parameter)
    return {"model_id": model_id}
