"""What came true, for each type of problem: what it may be, how it is kept, and the rows it makes with predictions.

A label is kept as its place among the contract's, a number as itself: both are floats.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autowatch.evaluation.judged import BinaryRows, ClassRows, JudgedRows, NumberRows
from autowatch.records.contract import Contract
from autowatch.records.problem import ProblemType
from autowatch.reports.text import listed, short
from autowatch.tabular.cells import differ_unseen, to_number
from autowatch.tabular.csv_lines import csv_line

_LABELS_SHOWN = 10

_LONGEST_SHOWN = 60


class Truth(ABC):
    """How labels of one model's predictions are read.

    Attributes:
        read: the value of a text; None where it is not one that the model could predict.
    """

    read: Callable[[str], float | None]

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @abstractmethod
    def fault_of(self, text: str) -> str:
        """Why `read` gives None for the text, which is not empty."""

    @abstractmethod
    def fields(self, values: np.ndarray) -> list[str]:
        """The values, shape (n,), as fields of a CSV file that `read` reads again."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of predictions that `rows` takes."""
        return self.contract.prediction_columns

    @abstractmethod
    def rows(
        self, values: np.ndarray, predicted: Sequence[np.ndarray], as_written: Callable[[str], str]
    ) -> JudgedRows:
        """The predictions whose truth is known.

        Args:
            values: shape (n,).
            predicted: for each of `columns` the texts of these rows, shape (n,).
            as_written: how a label stands in the predictions.
        """


class _Labels(Truth):
    def __init__(self, contract: Contract) -> None:
        super().__init__(contract)
        self.read = {label: place for place, label in enumerate(contract.labels)}.get
        self._fields = [csv_line(["", label])[1:] for label in contract.labels]
        shown = listed([repr(short(label, _LONGEST_SHOWN)) for label in contract.labels], _LABELS_SHOWN)
        self._unknown = (
            f"The label is not one that the model of run {contract.run} knows: {shown}, to the letter."
        )

    def fault_of(self, text: str) -> str:
        return f"{self._unknown}{differ_unseen([text], self.contract.labels)}"

    def fields(self, values: np.ndarray) -> list[str]:
        return [self._fields[place] for place in values.astype(np.int64).tolist()]


class _TwoLabels(_Labels):
    def rows(
        self, values: np.ndarray, predicted: Sequence[np.ndarray], as_written: Callable[[str], str]
    ) -> JudgedRows:
        labels, probabilities = predicted
        positive_label = self.contract.positive_label
        return BinaryRows(
            values == self.contract.labels.index(positive_label),
            labels == as_written(positive_label),
            probabilities.astype(float),
        )


class _SeveralLabels(_Labels):
    def rows(
        self, values: np.ndarray, predicted: Sequence[np.ndarray], as_written: Callable[[str], str]
    ) -> JudgedRows:
        labels, given, *of_each = predicted
        places = {as_written(label): place for place, label in enumerate(self.contract.labels)}
        return ClassRows(
            labels=self.contract.labels,
            actual=values.astype(np.int64),
            predicted=np.array([places[label] for label in labels], dtype=np.int64),
            given=given.astype(float),
            probabilities=np.stack(of_each, axis=1).astype(float) if of_each else None,
        )


class _Numbers(Truth):
    def __init__(self, contract: Contract) -> None:
        super().__init__(contract)
        self.read = _number

    def fault_of(self, text: str) -> str:  # noqa: ARG002 (every text that is no number is at fault for it)
        return (
            f"The label is not a number, as the model of run {self.contract.run} predicts. Write it as 1234.5, "
            "without a unit."
        )

    def fields(self, values: np.ndarray) -> list[str]:
        return list(map(repr, values.tolist()))

    def rows(
        self,
        values: np.ndarray,
        predicted: Sequence[np.ndarray],
        as_written: Callable[[str], str],  # noqa: ARG002
    ) -> JudgedRows:
        (numbers,) = predicted
        return NumberRows(values, numbers.astype(float))


def _number(text: str) -> float | None:
    try:
        return to_number(text)
    except ValueError:
        return None


_TRUTHS: Mapping[ProblemType, Callable[[Contract], Truth]] = {
    "binary": _TwoLabels,
    "multiclass": _SeveralLabels,
    "regression": _Numbers,
}


def truth_of(contract: Contract) -> Truth:
    """How labels of the predictions of the model with this contract are read."""
    return _TRUTHS[contract.problem_type](contract)
