"""The local Domino as a WSGI application, below `/domino/` of the sandbox's port."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from sandbox.domino.access import Access
from sandbox.domino.control import Control
from sandbox.domino.ingestion import Ingestion
from sandbox.domino.models import AdminSettings, Models
from sandbox.domino.routes import ROUTES
from sandbox.domino.v0 import V0
from sandbox.domino.v2 import V2
from sandbox.events.mailbox import Mailbox


class Domino:
    """A local Domino Model Monitor."""

    def __init__(
        self,
        state_dir: Path,
        endpoint_url: str,
        mailbox: Mailbox,
        token: str,
        key: tuple[str, str] = ("domino", "domino"),
    ) -> None:
        """`endpoint_url`: the S3 from which it reads buckets, with an access key. `token`: the valid API token."""
        self._access = Access(token)
        settings, models = AdminSettings(), Models()
        self._ingestion = Ingestion(state_dir, endpoint_url, key, mailbox, settings, models)
        self._v0 = V0(models, self._ingestion, settings)
        self._v2 = V2(models, self._ingestion, settings)
        self._control = Control(models, self._ingestion, settings, self._access)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one WSGI request."""
        request = Request(environ)
        wire: V0 | V2 | Control = self._v2 if "/v2/" in request.path else self._v0
        try:
            endpoint, arguments = ROUTES.bind_to_environ(environ).match()
            name, _, operation = endpoint.partition(".")
            if name == "control":
                wire = self._control
            else:
                self._access.check("v0" if name == "v0" else "v2", request.headers)
            response = getattr(wire, operation)(request, **arguments)
        except HTTPException as error:
            response = wire.answer_error(error)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def close(self) -> None:
        """Ingests everything registered, then ends."""
        self._ingestion.close()
