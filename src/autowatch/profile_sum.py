"""Adding up many profiles of one run."""

from collections.abc import Sequence

from autowatch.profile import Profile, ProfilesDiffer

# Counts that wait are added up together, which takes half the time of adding each as it comes.
_MOST_WAITING = 64


class ProfileSum:
    """The sum of the profiles that were added, which need not be kept."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._bins: str | None = None
        self._rows = 0
        self._waiting = 0
        self._columns: dict[str, list[Sequence[int]]] = {}
        self._lengths: dict[str, int] = {}

    def add(self, profile: Profile) -> None:
        """Adds one profile.

        Raises:
            ProfilesDiffer: it counts on other bins than those before it.
        """
        lengths = {name: len(counts) for name, counts in profile.columns.items()}
        known = self._lengths | lengths
        if self._bins not in (None, profile.bins) or known != lengths | self._lengths:
            raise ProfilesDiffer(
                f"Two profiles of run {self._run} count on different bins. Remove the manifest of the odd one, and "
                "upload its input file again."
            )
        self._bins = profile.bins
        self._lengths = known
        self._rows += profile.rows
        for name, counts in profile.columns.items():
            self._columns.setdefault(name, []).append(counts)
        self._waiting += 1
        if self._waiting == _MOST_WAITING:
            self._add_up()

    def build(self) -> Profile:
        """The profile of all rows so far; there must have been one at least."""
        self._add_up()
        columns = {name: tuple(sums) for name, (sums,) in self._columns.items()}
        return Profile(self._run, self._bins or "", self._rows, columns)

    def _add_up(self) -> None:
        self._waiting = 0
        for name, many in self._columns.items():
            self._columns[name] = [list(map(sum, zip(*many, strict=True)))]
