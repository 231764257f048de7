"""The champion: the run whose model serves, and whether the endpoint is going over to another one."""

from dataclasses import dataclass, replace

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.keys import CHAMPION_KEY


class NoChampion(AutowatchError):
    """No model has been released yet."""


@dataclass(frozen=True)
class Champion:
    """What `models/champion.json` holds.

    `previous_run` is the run whose model was in force before, `previous_config` what the endpoint was on before.
    `left_endpoints` are the endpoints that champions before it served at, where EndpointName was changed since.

    `releasing` is the endpoint config that the endpoint is going over to, from before its first change until it has
    settled; None while nothing but the champion can answer. `releases` counts how often such a change was begun.
    An answer came from the champion if the same champion, settled, was read before and after it.
    """

    run: str
    endpoint_name: str
    endpoint_config: str
    model_name: str
    contract_key: str
    baseline_key: str
    released: str
    metrics: dict[str, float]
    previous_run: str | None = None
    previous_config: str | None = None
    releasing: str | None = None
    releases: int = 0
    left_endpoints: tuple[str, ...] = ()


def read_champion(bucket: Bucket) -> Champion:
    """The champion in force.

    Raises:
        NoChampion: nothing has been released into this bucket yet.
    """
    return read_champion_with_etag(bucket)[0]


def read_champion_with_etag(bucket: Bucket) -> tuple[Champion, str]:
    """The champion in force and its ETag, for `write_champion`.

    Raises:
        NoChampion: nothing has been released into this bucket yet.
    """
    try:
        return bucket.read_as_with_etag(CHAMPION_KEY, Champion)
    except ObjectMissing as error:
        raise NoChampion(
            "No model has been released yet. Upload labelled rows under training/ and start a training run."
        ) from error


def write_champion(bucket: Bucket, champion: Champion, etag: str | None) -> None:
    """Puts `champion` in force in place of the one with this ETag (None: in place of none).

    Raises:
        ObjectChanged: another run released its model in between; that one stays in force.
    """
    bucket.replace_json(CHAMPION_KEY, champion, etag)


def mark_release(bucket: Bucket, config: str) -> None:
    """Notes that the endpoint is about to go over to the endpoint config `config`; not where nothing serves yet.

    Raises:
        ObjectChanged: another run changed the champion in between.
    """
    try:
        champion, etag = read_champion_with_etag(bucket)
    except NoChampion:
        return
    if config not in (champion.releasing, champion.endpoint_config):
        write_champion(bucket, replace(champion, releasing=config, releases=champion.releases + 1), etag)


def settle_release(bucket: Bucket, config: str) -> None:
    """Notes that the endpoint serves the champion and not `config`, whose release cannot go on from then on.

    Raises:
        ObjectChanged: another run changed the champion in between.
    """
    try:
        champion, etag = read_champion_with_etag(bucket)
    except NoChampion:
        return
    if champion.releasing == config:
        write_champion(bucket, replace(champion, releasing=None), etag)
