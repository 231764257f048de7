"""Common to the containers' servers: they answer programs on this machine, but not web pages in its browsers."""

from http.server import BaseHTTPRequestHandler


class OwnMachineHandler(BaseHTTPRequestHandler):
    """Refuses requests to another host name than loopback's, or from a web page."""

    def parse_request(self) -> bool:
        """Read the request's head; False once it is refused."""
        if not super().parse_request():
            return False
        host, port = self.connection.getsockname()
        own = self.headers.get("Host") == f"{host}:{port}"
        if own and "Origin" not in self.headers and self.headers.get("Sec-Fetch-Site", "none") == "none":
            return True
        self.send_error(403, "The container answers programs of this machine alone.")
        return False
