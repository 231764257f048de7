"""What moved in a column, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autowatch.reports.text import percent
from autowatch.tabular.cells import in_quotes


@dataclass(frozen=True)
class BinShare:
    """The shares of the reference and of the current rows in one bin; `ends` are those of a bin of numbers."""

    label: str
    reference: float
    current: float
    ends: tuple[float | None, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        """The bin as `drift.json` has it."""
        ends = {} if self.ends is None else {"from": self.ends[0], "to": self.ends[1]}
        return {"label": self.label, "reference": self.reference, "current": self.current, **ends}


# A change of half a percentage point or less does not explain anything to a reader.
_NOTABLE = 0.005


def what_moved(bins: Sequence[BinShare], most: int = 2) -> str:
    """The bins that gained and lost most, in words: `rose: “below 1.2” 3% → 61%; fell: …`; empty where none did."""
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
        # A reader could not see that it moved.
        before, now = f"{share.reference:.1%}", f"{share.current:.1%}"
    return f"{in_quotes(share.label)} {before} → {now}"
