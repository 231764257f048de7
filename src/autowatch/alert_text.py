"""The parts that e-mails about a day have in common."""

from collections.abc import Sequence
from urllib.parse import quote


def one_line(text: str) -> str:
    """The text without line breaks and other controls, which foreign names may hold."""
    return "".join(character if character.isprintable() else " " for character in text)


def listed(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more} more" if more > 0 else "")


def console_link(region: str, bucket: str, key: str) -> str:
    """The page of an object in the S3 console."""
    return (
        f"https://{region}.console.aws.amazon.com/s3/object/{quote(bucket)}"
        f"?region={region}&prefix={quote(key, safe='')}"
    )
