"""Names that several settings choose from, each list in its one place."""

from __future__ import annotations

from typing import Literal

# Where the gradients of a fairness loss go.
Mode = Literal["none", "vanilla", "mtaf", "mtaf_difference"]
# The modes that have a fairness loss.
ActiveMode = Literal["vanilla", "mtaf", "mtaf_difference"]
# The fairness losses.
LossName = Literal["fpr_gap", "correlation", "mmd"]
# The rows that a fairness loss compares.
On = Literal["negatives", "positives", "both"]
# How the differences between groups become one number.
Reduction = Literal["mean_pairs", "max_pairs", "mean_rest", "max_rest"]
# Which negatives are specific to a task.
NegativeRule = Literal["all_others_positive", "any_other_positive"]
