"""Refuses requests of web pages, and requests to a host name that is not this machine's."""

from collections.abc import Callable


def foreign(header: Callable[[str], str | None], port: int) -> str | None:
    """Why a request to a loopback port is refused; None if it is allowed. `header` returns a header by name."""
    names = (f"127.0.0.1:{port}", f"localhost:{port}")
    if header("Host") not in names:
        # The host name of a web page may resolve to this machine.
        return f"The sandbox answers at {' and '.join(names)} alone."
    if header("Origin") is not None or (header("Sec-Fetch-Site") or "none") != "none":
        return "The sandbox answers no web pages."
    return None
