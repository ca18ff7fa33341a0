"""A value with its interval. Loads no library: settings and the command line come by here."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value and its interval.

    ``reason`` says why the value is undefined (NaN) or the interval unbounded (NaN). An AUC that has both may have one too:
    what the bins of its scores leave open.
    """

    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    reason: str = ""
