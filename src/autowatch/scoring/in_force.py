"""Scoring by the champion, from the first row to the last.

An endpoint that is switching models answers with the old one, the new one, or both in turn (a canary), and a refusal
does not say which model refused. So nothing is scored during a release; it is postponed. Scoring that began before a
release and has not ended is discarded, and repeated from the start.
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
    """The endpoint is switching to another model; score when it has settled.

    `release` numbers the stack's releases.
    """

    def __init__(self, champion: Champion) -> None:
        super().__init__(
            f"The endpoint {champion.endpoint_name} is switching from {champion.endpoint_config} to "
            f"{champion.releasing}; nothing is scored until it has settled."
        )
        self.release = champion.releases


class ReleasedMeanwhile(AutowatchError):
    """Another model may have answered: a release has begun since the scoring began."""


@dataclass(frozen=True)
class InForce:
    """The champion by which something is scored.

    Attributes:
        bucket: where its record lies.
        champion: the settled champion before the first request.
    """

    bucket: Bucket
    champion: Champion

    def check(self) -> None:
        """Checks, after the last answer, that only the champion can have answered.

        Raises:
            ReleasedMeanwhile: another model can have.
        """
        if not self.is_still():
            raise ReleasedMeanwhile(f"A release began while run {self.champion.run} was scoring.")

    def is_still(self) -> bool:
        """Whether no release has begun since."""
        return read_champion(self.bucket) == self.champion


def score_in_force(bucket: Bucket, score: Callable[[InForce], _Result]) -> _Result:
    """Returns the result of `score` for the champion, and calls it again whenever a release has intervened.

    An error of `score`, even that a file cannot be scored as it is, counts only if the model that it used is still the
    champion.

    Raises:
        NoChampion: no model has been released yet.
        ReleaseUnderWay: a release is under way.
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
                "scored again, since a release intervened",
                extra={"run": champion.run, "error": type(error).__name__},
            )
