"""The baselines of runs, and how much their models use each column; each read once."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from autowatch.aws.objects import Bucket, DocumentMalformed, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.contract import read_contract
from autowatch.records.keys import baseline_key, contract_key
from autowatch.tabular.profile import Baseline, ProfilesDiffer


class BaselineUnusable(AutowatchError):
    """A run's baseline is gone, or cannot be read; its rows cannot be judged."""


class BaselineMissing(BaselineUnusable):
    """There is no such object: it was removed, or there is no such run."""


class Baselines:
    """The baselines of a bucket's runs."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._known: dict[str, Baseline | BaselineUnusable] = {}
        self._uses: dict[str, Mapping[str, float]] = {}

    def of(self, run: str) -> Baseline:
        """The baseline of a run.

        Raises:
            BaselineUnusable: it is gone, or another version of Autowatch wrote it, or it was damaged.
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
        """The names of the columns of these runs' baselines; those that cannot be used have none."""
        known = []
        for run in runs:
            with suppress(BaselineUnusable):
                known.append(self.of(run))
        return {column.name for baseline in known for column in baseline.columns}

    def use(self, run: str) -> Mapping[str, float]:
        """How much the run's model uses each column, as shares of 1; empty where its contract does not say."""
        if run not in self._uses:
            try:
                self._uses[run] = read_contract(self.bucket, contract_key(run)).importance or {}
            except (ObjectMissing, DocumentMalformed):
                # The rows are judged by the baseline; a contract that is gone costs them these figures alone.
                self._uses[run] = {}
        return self._uses[run]

    def _read(self, run: str) -> Baseline:
        key = baseline_key(run)
        try:
            return self.bucket.read_as(key, Baseline)
        except ObjectMissing as error:
            raise BaselineMissing(
                f"{self.bucket.url(key)} is gone, so the rows that run {run} scored cannot be judged. Restore the "
                "object's last version, or train again."
            ) from error
        except ProfilesDiffer as error:
            raise BaselineUnusable(str(error)) from error
        except DocumentMalformed as error:
            raise BaselineUnusable(f"{error} Without one, train again.") from error
