"""The baselines of runs and their models' use of each column; each object is read once."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from autowatch.aws.objects import Bucket, DocumentMalformed, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.contract import read_contract
from autowatch.records.keys import baseline_key, contract_key
from autowatch.tabular.profile import Baseline, ProfilesDiffer


class BaselineUnusable(AutowatchError):
    """A run's baseline is missing or cannot be read, so its rows cannot be judged."""


class BaselineMissing(BaselineUnusable):
    """The baseline does not exist: it was removed, or the run does not exist."""


class Baselines:
    """The baselines of a bucket's runs."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._known: dict[str, Baseline | BaselineUnusable] = {}
        self._uses: dict[str, Mapping[str, float]] = {}

    def of(self, run: str) -> Baseline:
        """The baseline of a run.

        Raises:
            BaselineUnusable: it is missing or damaged, or an incompatible version of Autowatch wrote it.
        """
        if run not in self._known:
            try:
                self._known[run] = self._read(run)
            except BaselineUnusable as error:
                self._known[run] = error
        found = self._known[run]
        if isinstance(found, BaselineUnusable):
            raise found
        return found

    def columns(self, runs: Iterable[str]) -> set[str]:
        """The names of the columns in these runs' baselines; unusable baselines are skipped."""
        known = []
        for run in runs:
            with suppress(BaselineUnusable):
                known.append(self.of(run))
        return {column.name for baseline in known for column in baseline.columns}

    def use(self, run: str) -> Mapping[str, float]:
        """The model's use of each column, as shares of 1; empty if the run's contract does not have it."""
        if run not in self._uses:
            try:
                self._uses[run] = read_contract(self.bucket, contract_key(run)).importance or {}
            except (ObjectMissing, DocumentMalformed):
                # The baseline is enough to judge the rows; without the contract only these figures are missing.
                self._uses[run] = {}
        return self._uses[run]

    def _read(self, run: str) -> Baseline:
        key = baseline_key(run)
        try:
            return self.bucket.read_as(key, Baseline)
        except ObjectMissing as error:
            raise BaselineMissing(
                f"{self.bucket.url(key)} is missing, so the rows that run {run} scored cannot be judged. Restore the "
                "object's last version, or train again."
            ) from error
        except ProfilesDiffer as error:
            raise BaselineUnusable(str(error)) from error
        except DocumentMalformed as error:
            raise BaselineUnusable(f"{error} If there is none, train again.") from error
