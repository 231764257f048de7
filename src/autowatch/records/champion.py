"""The champion: the run whose model serves, and whether the endpoint is switching to another one."""

from dataclasses import dataclass, replace

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.keys import CHAMPION_KEY


class NoChampion(AutowatchError):
    """No model has been released yet."""


@dataclass(frozen=True)
class Champion:
    """What `models/champion.json` holds.

    `previous_run` is the run whose model was in force before, `previous_config` the endpoint config before.
    `left_endpoints` are the endpoints of earlier champions that were abandoned when EndpointName changed.

    `releasing` is the endpoint config to which the endpoint is switching, from before the first change until the
    endpoint has settled; it is None while only the champion can answer. `releases` counts these switches. An answer
    came from the champion if the same settled champion was read before and after it.
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
        NoChampion: no model has been released into this bucket yet.
    """
    return read_champion_with_etag(bucket)[0]


def read_champion_with_etag(bucket: Bucket) -> tuple[Champion, str]:
    """The champion in force and its ETag, for `write_champion`.

    Raises:
        NoChampion: no model has been released into this bucket yet.
    """
    try:
        return bucket.read_as_with_etag(CHAMPION_KEY, Champion)
    except ObjectMissing as error:
        raise NoChampion(
            "No model has been released yet. Upload labelled rows under training/ and start a training run."
        ) from error


def write_champion(bucket: Bucket, champion: Champion, etag: str | None) -> None:
    """Replaces the champion that has this ETag (None: there must be no champion yet).

    Raises:
        ObjectChanged: another run has released its model since; that model stays in force.
    """
    bucket.replace_json(CHAMPION_KEY, champion, etag)


def mark_release(bucket: Bucket, config: str) -> None:
    """Records that the endpoint is about to switch to the config `config`; does nothing if there is no champion yet.

    Raises:
        ObjectChanged: another run has changed the champion since it was read.
    """
    try:
        champion, etag = read_champion_with_etag(bucket)
    except NoChampion:
        return
    if config not in (champion.releasing, champion.endpoint_config):
        write_champion(bucket, replace(champion, releasing=config, releases=champion.releases + 1), etag)


def settle_release(bucket: Bucket, config: str) -> None:
    """Records that the endpoint serves the champion, and that the release of `config` is over.

    Raises:
        ObjectChanged: another run has changed the champion since it was read.
    """
    try:
        champion, etag = read_champion_with_etag(bucket)
    except NoChampion:
        return
    if champion.releasing == config:
        write_champion(bucket, replace(champion, releasing=None), etag)
