"""An endpoint that is watched for how long its batches take."""

import time
from dataclasses import dataclass, field

from autowatch.answer import Predictions
from autowatch.endpoint import Endpoint


@dataclass(frozen=True)
class TimedEndpoint(Endpoint):
    """An endpoint and, in `seconds`, how long each batch took, answered or not, waits for a busy endpoint included."""

    seconds: list[float] = field(default_factory=list)

    def predict(self, payload: bytes, rows: int) -> Predictions:
        """As `Endpoint.predict`."""
        begun = time.monotonic()
        try:
            return super().predict(payload, rows)
        finally:
            self.seconds.append(time.monotonic() - begun)
