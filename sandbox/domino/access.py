"""Authenticates Domino's callers: the token, and the header that carries it."""

from dataclasses import dataclass, field

from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from sandbox.domino.models import Wire

HEADERS: dict[Wire, tuple[str, ...]] = {
    "v0": ("Authorization",),
    "v2": ("X-Domino-Api-Key", "X-DMM-API-KEY"),
}
"""v0: documented and observed, the token alone without a scheme word. v2: documented, the second for older keys."""


@dataclass
class Access:
    """What opens Domino.

    Attributes:
        token: the valid token, never shown.
        header: the header that carries it; empty for the wire's own (`HEADERS`). scheme: the word before it, such as
            Bearer; may be empty.
        refusal_status: the answer to another token. 403 is documented for v2 ("Unauthorised", later "Forbidden");
            401 is assumed, the common answer to a token that has run out.
    """

    token: str = field(repr=False)
    header: str = ""
    scheme: str = ""
    refusal_status: int = 401

    def check(self, wire: Wire, headers: Headers) -> None:
        """Accepts a request whose headers contain the token.

        Raises:
            Unauthorized, Forbidden: the token is missing or wrong.
        """
        names = (self.header,) if self.header else HEADERS[wire]
        given = next((headers[name] for name in names if headers.get(name)), "")
        if not given:
            # The status is assumed.
            raise Unauthorized(f"The header {names[0]} is missing")
        if given != f"{self.scheme} {self.token}".lstrip():
            refusal: type[HTTPException] = Forbidden if self.refusal_status == 403 else Unauthorized
            raise refusal("The API token is not valid")
