"""Once a day: registers all new files of predictions and of labels with Domino Model Monitor."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.domino.connection import open_session
from autowatch.domino.loader import LoaderSettings, load_new_files
from autowatch.domino.registration import CALLS_AT_ONCE
from autowatch.domino.settings import DominoParameters, domino_settings, domino_token
from autowatch.settings import StackSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Time left after the last call, for the day's manifests, the receipts, the progress and the message.
_SECONDS_TO_FINISH = 60.0


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    domino: DominoParameters
    loader: LoaderSettings


@entry_point(Settings)
def lambda_handler(_event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, Any]:
    """Registers new files and returns the counts; reports that Domino is not configured if it is not."""
    domino = domino_settings(settings.domino)
    if domino is None:
        return {"configured": False}
    token = domino_token(domino.token_secret_arn)
    with open_session(CALLS_AT_ONCE) as session:
        connection = domino.connect(session, token, seconds_left(context, _SECONDS_TO_FINISH))
        summary = load_new_files(
            data_bucket(settings.bucket),
            client("ssm"),
            domino,
            connection,
            settings.loader,
            datetime.now(UTC),
        )
    return {"configured": True, **summary}
