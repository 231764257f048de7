"""Who may call Domino: the token, and the header in which it comes."""

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
        token: the one that is valid; it is never shown.
        header: where it is expected; empty is the wire's own (`HEADERS`).
        scheme: the word before it, such as Bearer; empty is none.
        refusal_status: the answer to another token. 403 is documented for v2 ("Unauthorised", later "Forbidden");
            401 is assumed, the common answer to a token that has run out.
    """

    token: str = field(repr=False)
    header: str = ""
    scheme: str = ""
    refusal_status: int = 401

    def check(self, wire: Wire, headers: Headers) -> None:
        """Lets a request through whose headers hold the token.

        Raises:
            Unauthorized, Forbidden: there is no token, or another.
        """
        names = (self.header,) if self.header else HEADERS[wire]
        given = next((headers[name] for name in names if headers.get(name)), "")
        if not given:
            # The status is assumed.
            raise Unauthorized(f"The header {names[0]} is missing")
        if given != f"{self.scheme} {self.token}".lstrip():
            refusal: type[HTTPException] = Forbidden if self.refusal_status == 403 else Unauthorized
            raise refusal("The API token is not valid")
