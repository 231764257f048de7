"""A callback of AutoGluon for `train.py`. AutoGluon pickles it, so it must be importable by name."""

import time
from collections.abc import Callable
from typing import Any

from autogluon.core.callbacks import AbstractCallback


class CandidateReporter(AbstractCallback):
    """Reports each candidate as soon as AutoGluon has trained it, and stores when each `started` and `ended`.

    `sign` is -1 if AutoGluon inverts the objective's sign.
    """

    def __init__(
        self,
        add_candidate: Callable[[dict[str, Any]], None],
        name_of: Callable[[str], str],
        objective: str,
        sign: int,
    ) -> None:
        super().__init__()
        self._add_candidate, self._name_of = add_candidate, name_of
        self._objective, self._sign = objective, sign
        self.started: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def _before_model_fit(self, *, model: Any, **_: Any) -> tuple[bool, bool]:
        self.started[model.name] = time.time()
        return False, False

    def _after_model_fit(self, trainer: Any, model_names: list[str], **_: Any) -> bool:
        for name in model_names:
            self.ended[name] = time.time()
            score = trainer.get_model_attribute(name, "val_score")
            self._add_candidate(
                {
                    "name": self._name_of(name),
                    "objective": {"name": self._objective, "value": self._sign * float(score)},
                    "created": self.started[name],
                    "ended": self.ended[name],
                }
            )
        return False
