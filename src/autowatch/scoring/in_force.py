"""Scoring by the model that is in force, from the first row to the last.

An endpoint that goes over to another model answers with the old one, the new one, or both in turn (a canary), and a
refusal does not say whose it is. So nothing is scored while a release is under way: it waits until the endpoint has
settled. What was begun before a release and not ended is thrown away, and scored again whole.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError
from autowatch.records.champion import Champion, read_champion

_LOGGER = logging.getLogger(__name__)

_Result = TypeVar("_Result")

LONGEST_WAIT = 300.0
"""Seconds of one attempt: whoever waits holds an execution environment, which the release itself may need."""


_RESERVE = 60.0
"""Of the caller's seconds, those in which a file is scored after the wait."""


_POLL = 2.0


class ReleaseUnderWay(AutowatchError):
    """The endpoint is going over to another model and had not settled when the wait was over. Later it has."""


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


def score_in_force(
    bucket: Bucket, seconds_left: Callable[[], float], score: Callable[[InForce], _Result]
) -> _Result:
    """What `score` makes of the model in force; it is called again whenever a release came between.

    An error of `score`, be it that of a file that cannot be scored as it is, counts only if the model that it was told
    is in force still.

    Raises:
        NoChampion: nothing has been released yet.
        ReleaseUnderWay: a release did not settle in time.
    """
    while True:
        force = InForce(bucket, _wait_for_champion(bucket, seconds_left))
        try:
            return score(force)
        except AutowatchError as error:
            if not isinstance(error, ReleasedMeanwhile) and force.is_still():
                raise
            _LOGGER.info(
                "scored again, since a release came between",
                extra={"run": force.champion.run, "error": type(error).__name__},
            )


def _wait_for_champion(bucket: Bucket, seconds_left: Callable[[], float]) -> Champion:
    deadline = time.monotonic() + min(LONGEST_WAIT, seconds_left() - _RESERVE)
    told = False
    while (champion := read_champion(bucket)).releasing is not None:
        if time.monotonic() >= deadline:
            raise ReleaseUnderWay(
                f"The endpoint {champion.endpoint_name} is going over from run {champion.run} to run "
                f"{champion.releasing}; nothing is scored until it has settled. Lambda tries again."
            )
        if not told:
            _LOGGER.info("waits for a release to settle", extra={"releasing": champion.releasing})
            told = True
        time.sleep(_POLL)
    return champion
