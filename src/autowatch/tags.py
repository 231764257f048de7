"""The tags of what a run makes in SageMaker."""

from autowatch.settings import InvalidSetting


def resource_tags(stack: str, text: str, run: str | None = None) -> dict[str, str]:
    """The stack's tag, the run's where one run alone made the thing, and the user's own: `team=risk,cost-centre=42`.

    Raises:
        InvalidSetting: the text is no list of `key=value`.
    """
    tags = {"autowatch:stack": stack} | ({"autowatch:run": run} if run else {})
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InvalidSetting(
                f"ResourceTags has the part {pair!r}, which is no key=value. Write it as team=risk,cost-centre=42."
            )
        tags[key.strip()] = value.strip()
    return tags
