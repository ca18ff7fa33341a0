"""ARE and ARFG of a trial on validation, and the score that KerasTuner minimises."""

from __future__ import annotations

import dataclasses
import math
from typing import Optional

from models.training.sweep import Trained

# Added to the score of a trial that misses the bound: more than any ARE of a model worth having.
_MISSED = 1000.0


@dataclasses.dataclass(frozen=True)
class Tradeoff:
    """A trial against single-task models, both on validation.

    Attributes:
      are: mean_t error_t / error_t(single-task); NaN where one of these made no error.
      arfg: mean_t gap_t / gap_t(single-task); NaN where one of these has no gap.
    """

    are: float
    arfg: float

    def holds(self, arfg_max: float) -> bool:
        """Whether both are defined and the bound is held."""
        return math.isfinite(self.are) and self.arfg <= arfg_max

    def score(self, arfg_max: float) -> float:
        """ARE where the bound is held; else larger than any of those, and the larger the farther ARFG is from the bound."""
        if self.holds(arfg_max):
            return self.are
        return _MISSED + self.arfg if math.isfinite(self.arfg) and math.isfinite(self.are) else 2 * _MISSED


def tradeoff(trial: Trained, baseline: Trained) -> Tradeoff:
    """ARE and ARFG at each model's own decision thresholds."""
    return Tradeoff(are=_mean_ratio("error", trial, baseline), arfg=_mean_ratio("fpr_gap", trial, baseline))


def why_undefined(baseline: Trained) -> Optional[str]:
    """Why ARE or ARFG is undefined for every trial; None where both are defined."""
    for figure, name in (("error", "ARE"), ("fpr_gap", "ARFG")):
        for task, found in baseline.validation.items():
            if not found[figure] > 0:
                return (
                    f"{name} divides by the single-task model's {figure} of task `{task}`, which is {found[figure]:g}"
                )
    return None


def _mean_ratio(figure: str, trial: Trained, baseline: Trained) -> float:
    pairs = [(found[figure], baseline.validation[task][figure]) for task, found in trial.validation.items()]
    if not all(below > 0 for _, below in pairs):
        return math.nan
    return sum(above / below for above, below in pairs) / len(pairs)
