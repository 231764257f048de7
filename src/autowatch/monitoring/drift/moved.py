"""The changes of a column's shares, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autowatch.reports.text import percent
from autowatch.tabular.cells import in_quotes


@dataclass(frozen=True)
class BinShare:
    """The shares of reference and current rows in one bin; `ends` are the limits of a numeric bin."""

    label: str
    reference: float
    current: float
    ends: tuple[float | None, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        """The bin in the form of `drift.json`."""
        ends = {} if self.ends is None else {"from": self.ends[0], "to": self.ends[1]}
        return {"label": self.label, "reference": self.reference, "current": self.current, **ends}


# A smaller change of a share does not explain anything to a reader.
_NOTABLE = 0.005


def what_moved(bins: Sequence[BinShare], most: int = 2) -> str:
    """The bins that rose and fell most, in words: `rose: “below 1.2” 3% → 61%; fell: …`; empty if none did."""
    changes = sorted(bins, key=lambda share: share.reference - share.current)
    rose = [share for share in changes[:most] if _is_notable(share.reference, share.current)]
    fell = [share for share in changes[: -most - 1 : -1] if _is_notable(share.current, share.reference)]
    parts = [(word, shares) for word, shares in (("rose", rose), ("fell", fell)) if shares]
    return "; ".join(f"{word}: {', '.join(_change(share) for share in shares)}" for word, shares in parts)


def _is_notable(less: float, more: float) -> bool:
    return more - less >= _NOTABLE


def _change(share: BinShare) -> str:
    before, now = percent(share.reference), percent(share.current)
    if before == now:
        # Rounded to whole percents, the change would be invisible.
        before, now = f"{share.reference:.1%}", f"{share.current:.1%}"
    return f"{in_quotes(share.label)} {before} → {now}"
