"""Domino's first wire (the stand-alone Domino Model Monitor): what to send and what the answers mean."""

from urllib.parse import quote

from autowatch.domino import DominoConnection, Outcome, send


def register_predictions(connection: DominoConnection, model_id: str, location: str) -> Outcome:
    """Tells Domino of one predictions file, by its location (see `data_location`).

    What v0 answers when it knows the file already is not documented. The later wire answers 409 or says so in
    the text; both count as success here, since the file is where it should be.

    Raises:
        DominoRefused, DominoUnavailable: as `autowatch.domino.send`.
    """
    path = f"{quote(model_id, safe='')}/add_predictions"
    reply = send(connection, "PUT", path, {"dataLocation": location})
    known = reply.status == 409 or "already registered" in reply.text.lower()
    return "already registered" if known else "registered"


def data_location(bucket: str, region: str, key: str) -> str:
    """The HTTPS URL under which Domino fetches an object, with the key percent-encoded."""
    return f"https://{bucket}.s3.{region}.amazonaws.com/{quote(key)}"
