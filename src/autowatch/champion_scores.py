"""The champion on the challenger's hold-out, where the two can be compared."""

from dataclasses import dataclass
from typing import Any

from autowatch.champion import Champion, NoChampion, read_champion
from autowatch.contract import Contract, read_contract
from autowatch.endpoint import EndpointMissing
from autowatch.errors import AutowatchError
from autowatch.holdout_scores import HoldoutScores, score_holdout
from autowatch.layout import MissingColumns
from autowatch.runs import holdout_key
from autowatch.scoring import ScoringLimits
from autowatch.timed_endpoint import TimedEndpoint

_FEWEST_ROWS_SCORED = 0.5
"""A share: a champion that cannot score more of the new rows is of no use on them."""


class ChampionNotComparable(AutowatchError):
    """There is no champion that could be judged on the challenger's hold-out; the message says why."""


@dataclass(frozen=True)
class ScoredChampion:
    """The champion's run and its scores."""

    run: str
    scores: HoldoutScores


def score_champion(
    s3: Any, bucket: str, challenger: Contract, endpoint: TimedEndpoint, rows: int, limits: ScoringLimits
) -> ScoredChampion:
    """Scores the challenger's hold-out with the champion.

    Args:
        challenger: the challenger's contract.
        endpoint: the champion's, which gives P of the challenger's positive label.
        rows: how many rows the hold-out has.

    Raises:
        ChampionNotComparable: none serves, it predicts something else, or it cannot score these rows.
        EndpointError, AnswerMismatch, AnswerUnreadable: it should have answered and did not.
    """
    try:
        champion = read_champion(s3, bucket)
    except NoChampion:
        raise ChampionNotComparable("no model has been released yet") from None
    contract = read_contract(s3, bucket, champion.contract_key)
    _check_comparable(champion, contract, challenger, endpoint.name)
    try:
        scores = score_holdout(s3, bucket, holdout_key(challenger.run), contract, endpoint, limits)
    except MissingColumns as error:
        raise ChampionNotComparable(f"the champion cannot score the hold-out. {error}") from error
    except EndpointMissing as error:
        raise ChampionNotComparable(f"the champion, run {champion.run}, does not serve. {error}") from error
    if len(scores.row_numbers) < _FEWEST_ROWS_SCORED * rows:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, could score only {len(scores.row_numbers):,} of {rows:,} rows"
        )
    return ScoredChampion(champion.run, scores)


def _check_comparable(
    champion: Champion, contract: Contract, challenger: Contract, endpoint_name: str
) -> None:
    if contract.target != challenger.target:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, predicts {contract.target}, the challenger {challenger.target}"
        )
    if set(contract.labels) != set(challenger.labels):
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, has the labels {', '.join(contract.labels)}, "
            f"the challenger {', '.join(challenger.labels)}"
        )
    if champion.endpoint_name != endpoint_name:
        raise ChampionNotComparable(
            f"the champion, run {champion.run}, serves at {champion.endpoint_name}, not at {endpoint_name}"
        )
