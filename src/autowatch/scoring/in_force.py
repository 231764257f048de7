"""Scoring by the model that is in force, from the first row to the last.

An endpoint that goes over to another model answers with the old one, the new one, or both in turn (a canary), and a
refusal does not say whose it is. So nothing is scored while a release is under way: it is left for later. What was
begun before a release and had not ended is thrown away, and scored again whole.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.records.champion import Champion, read_champion

_LOGGER = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class ReleaseUnderWay(AutowatchError):
    """The endpoint is going over to another model; score when it has settled.

    `release` numbers the stack's releases.
    """

    def __init__(self, champion: Champion) -> None:
        super().__init__(
            f"The endpoint {champion.endpoint_name} is going over from {champion.endpoint_config} to "
            f"{champion.releasing}; nothing is scored until it has settled."
        )
        self.release = champion.releases


class ReleasedMeanwhile(AutowatchError):
    """Another model may have answered: a release was begun since the scoring began."""


@dataclass(frozen=True)
class InForce:
    """The champion that something is scored by.

    Attributes:
        bucket: where its record lies.
        champion: as it was, settled, before the first request.
    """

    bucket: Bucket
    champion: Champion

    def check(self) -> None:
        """Checks, after the last answer, that none but the champion can have given any.

        Raises:
            ReleasedMeanwhile: another one can.
        """
        if not self.is_still():
            raise ReleasedMeanwhile(f"A release was begun while run {self.champion.run} was scoring.")

    def is_still(self) -> bool:
        """Whether no release was begun since."""
        return read_champion(self.bucket) == self.champion


def score_in_force(bucket: Bucket, score: Callable[[InForce], _Result]) -> _Result:
    """What `score` makes of the model in force; it is called again whenever a release came between.

    An error of `score`, even that a file cannot be scored as it is, counts only if the model that it was given is still
    in force.

    Raises:
        NoChampion: nothing has been released yet.
        ReleaseUnderWay: a release is.
    """
    while True:
        champion = read_champion(bucket)
        if champion.releasing is not None:
            raise ReleaseUnderWay(champion)
        force = InForce(bucket, champion)
        try:
            return score(force)
        except AutowatchError as error:
            if not isinstance(error, ReleasedMeanwhile) and force.is_still():
                raise
            _LOGGER.info(
                "scored again, since a release came between",
                extra={"run": champion.run, "error": type(error).__name__},
            )
