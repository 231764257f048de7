"""Common to the containers' servers: they answer programs on this machine, but not web pages in a browser."""

from http.server import BaseHTTPRequestHandler


class OwnMachineHandler(BaseHTTPRequestHandler):
    """Refuses requests to a host name other than loopback's, or from a web page."""

    def parse_request(self) -> bool:
        """Read the request's head; returns False if the request was refused."""
        if not super().parse_request():
            return False
        host, port = self.connection.getsockname()
        own = self.headers.get("Host") == f"{host}:{port}"
        if own and "Origin" not in self.headers and self.headers.get("Sec-Fetch-Site", "none") == "none":
            return True
        self.send_error(403, "The container answers only programs on this machine.")
        return False
