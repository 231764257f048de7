"""Adding up many profiles of one run."""

from operator import add as add_integers

from autowatch.profile import Profile, ProfilesDiffer


class ProfileSum:
    """The sum of the profiles that were added, which need not be kept."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._bins: str | None = None
        self._rows = 0
        self._columns: dict[str, list[int]] = {}

    def add(self, profile: Profile) -> None:
        """Adds one profile.

        Raises:
            ProfilesDiffer: it counts on other bins than those before it.
        """
        if self._bins not in (None, profile.bins):
            raise ProfilesDiffer(
                f"Two profiles of run {self._run} count on different bins. Remove the manifest of the odd one, and "
                "upload its input file again."
            )
        self._bins = profile.bins
        self._rows += profile.rows
        for name, counts in profile.columns.items():
            sums = self._columns.get(name)
            self._columns[name] = list(counts) if sums is None else list(map(add_integers, sums, counts))

    def build(self) -> Profile:
        """The profile of all rows so far; there must have been one at least."""
        columns = {name: tuple(counts) for name, counts in self._columns.items()}
        return Profile(self._run, self._bins or "", self._rows, columns)
