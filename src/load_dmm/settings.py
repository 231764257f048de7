"""What the environment tells the Domino loader."""

from collections.abc import Mapping
from dataclasses import dataclass

from autowatch.errors import AutowatchError

_DOMINO_PARAMETERS = {
    "DMM_URL": "DmmUrl",
    "MODEL_ID": "DmmModelId",
    "DMM_TOKEN_SECRET_ARN": "DmmTokenSecretArn",
}


class DominoHalfConfigured(AutowatchError):
    """Some of Domino's parameters are set and some are not."""


@dataclass(frozen=True)
class Settings:
    """The loader's settings. Domino's three are empty together when Domino is not configured."""

    bucket: str
    region: str
    predictions_prefix: str
    metrics_namespace: str
    stack: str
    dmm_url: str
    model_id: str
    token_secret_arn: str

    @property
    def domino_configured(self) -> bool:
        """Whether there is a Domino to register with."""
        return self.dmm_url != ""

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the settings.

        Raises:
            DominoHalfConfigured: one or two of DMM_URL, MODEL_ID and DMM_TOKEN_SECRET_ARN are empty.
            KeyError: a variable that the template always sets is missing.
        """
        domino = {name: environment.get(name, "").strip() for name in _DOMINO_PARAMETERS}
        missing = [_DOMINO_PARAMETERS[name] for name, value in domino.items() if not value]
        if 0 < len(missing) < len(domino):
            raise DominoHalfConfigured(
                f"Domino is configured in part: set {', '.join(missing)} too, or clear all three parameters."
            )
        return cls(
            bucket=environment["S3_BUCKET"],
            region=environment["AWS_REGION"],
            predictions_prefix=environment.get("PREDICTIONS_PREFIX", "predictions/"),
            metrics_namespace=environment["METRICS_NAMESPACE"],
            stack=environment["STACK_NAME"],
            dmm_url=domino["DMM_URL"],
            model_id=domino["MODEL_ID"],
            token_secret_arn=domino["DMM_TOKEN_SECRET_ARN"],
        )
