"""Which fairness terms a task has in the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from models.config.settings import FairnessSettings


@dataclasses.dataclass(frozen=True)
class FairnessTerms:
    """What the model needs to add fairness to its loss.

    Attributes:
      settings: Mode, strength, head ratio.
      group: The group key.
      n_groups: Number of its values.
      has_specific: Task → whether train has enough specific negatives in every group.
    """

    settings: FairnessSettings
    group: str
    n_groups: int
    has_specific: Mapping[str, bool]

    def parts(self, task: str) -> tuple[str, ...]:
        """The terms that ``routed_fairness`` gives the task."""
        if self.settings.mode in ("none", "vanilla"):
            return ("all",) if self.settings.mode == "vanilla" else ()
        has_head = self.has_specific[task] or self.settings.empty_specific == "all_negatives"
        return ("head", "shared") if has_head else ("shared",)
