"""Does in Python what a person does in the local Domino's pages, and shows Domino's records."""

from typing import Any
from urllib.parse import quote

import requests

from sandbox.access.keys import KEY_HEADER
from sandbox.errors import NotFoundError

_SECONDS = 30.0


class DominoControl:
    """The controls of a running sandbox's Domino. They need the sandbox's own key instead of a token."""

    def __init__(self, endpoint_url: str, key: str) -> None:
        self._url = f"{endpoint_url}/domino"
        self._headers = {KEY_HEADER: key}

    def rotate_token(self, token: str) -> None:
        """From now on only this token is valid."""
        self._call("PUT", "_control/token", {"token": token})

    def change_settings(self, **settings: Any) -> dict[str, Any]:
        """Changes the given settings and returns all: see `sandbox.domino.models.AdminSettings` and `access.Access`."""
        return dict(self._call("PUT", "_control/settings", settings).json())

    def make_model_known(
        self, model_id: str, bucket: str, training_key: str, target: str, row_identifier: str = "id"
    ) -> None:
        """Adds a model of the v0 wire with its training file."""
        body = {"bucket": bucket, "key": training_key, "target": target, "row_identifier": row_identifier}
        self._call("PUT", f"_control/models/{quote(model_id, safe='')}", body)

    def add_datasource(self, name: str, bucket: str, region: str) -> None:
        """Adds a bucket as a data source of the v2 wire."""
        body = {"bucket": bucket, "region": region}
        self._call("PUT", f"_control/datasources/{quote(name, safe='')}", body)

    def models(self) -> list[dict[str, Any]]:
        """All models of both wires, oldest first, with their datasets, checks and accuracy."""
        return list(self._call("GET", "_control/models").json())

    def wait_until_idle(self, timeout_seconds: float = 20.0) -> None:
        """Waits until everything that was registered is ingested; requests.HTTPError when it is not in time."""
        self._call("GET", f"_control/idle?timeout_seconds={timeout_seconds}")

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        response = requests.request(
            method,
            f"{self._url}/{path}",
            json=body,
            headers=self._headers,
            timeout=_SECONDS,
            proxies={"http": ""},
        )
        if response.status_code == 404:
            raise NotFoundError(f"The local Domino has no {path}: {response.text}")
        response.raise_for_status()
        return response
