"""Names that several settings choose from, each list in its one place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from models.formats.listing import quoted

# Where the gradients of a fairness loss go.
Mode = Literal["none", "vanilla", "mtaf", "mtaf_difference"]
# The modes that have a fairness loss.
ActiveMode = Literal["vanilla", "mtaf", "mtaf_difference"]
# The fairness losses; `models.fairness.registry.register_fairness_loss` adds one of a user's own.
LOSS_NAMES = ["fpr_gap", "correlation", "mmd"]


def _known_loss(name: str) -> str:
    if name not in LOSS_NAMES:
        raise ValueError(f"a fairness loss should be one of {quoted(LOSS_NAMES)}. Received: {name!r}")
    return name


LossName = Annotated[str, AfterValidator(_known_loss)]
# The rows that a fairness loss compares.
On = Literal["negatives", "positives", "both"]
# How the differences between groups become one number.
Reduction = Literal["mean_pairs", "max_pairs", "mean_rest", "max_rest"]
# Which negatives are specific to a task.
NegativeRule = Literal["all_others_positive", "any_other_positive"]
