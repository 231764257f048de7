"""Whether the classes of the training data can be learnt, and be checked afterwards."""

from collections.abc import Mapping

from autowatch.training_survey import WrongClasses
from autowatch.training_table import UnfitTrainingFile

FEWEST_ROWS_OF_CLASS = 20


class TooFewRowsOfClass(UnfitTrainingFile):
    """One class has too few rows."""


def check_classes(classes: Mapping[str, int], target: str, positive_label: str) -> None:
    """Checks the labels of the column `target`.

    Args:
        classes: how many rows have each label.
        target: the column's name.
        positive_label: the label whose probability is asked for; empty where any will do.

    Raises:
        WrongClasses: there are not two labels, or not the positive one.
        TooFewRowsOfClass: one of them has too few rows.
    """
    if len(classes) != 2:
        raise WrongClasses(
            f"The column {target!r} has {len(classes)} different labels; Autowatch tells exactly two apart. "
            "Upload rows of both, or set the parameter TargetColumn to the column to predict."
        )
    if positive_label and positive_label not in classes:
        raise WrongClasses(
            f"The column {target!r} holds {' and '.join(map(repr, sorted(classes)))}, but the parameter PositiveLabel "
            f"is {positive_label!r}. Set it to one of the two, or leave it empty."
        )
    label = min(classes, key=lambda label: (classes[label], label))
    if classes[label] < FEWEST_ROWS_OF_CLASS:
        raise TooFewRowsOfClass(
            f"Only {classes[label]} rows have the label {label!r}; "
            f"at least {FEWEST_ROWS_OF_CLASS} of each are needed to learn and to check. Add rows of that label."
        )
