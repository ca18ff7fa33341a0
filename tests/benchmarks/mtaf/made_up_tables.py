"""Tables of trainings that never took place, with figures that a test chooses."""

from __future__ import annotations

import pandas as pd

from benchmarks.mtaf.grid import NONE, SINGLE, Setting


def table(points, tasks=("a", "b"), thresholds=("validation",)) -> pd.DataFrame:
    """``points``: setting → [(ARE, ARFG) of seed 1, of seed 2, …]; None in place of a pair is a failed training."""
    rows = []
    for setting, seeds in points.items():
        for seed, figures in enumerate(seeds, start=1):
            are, arfg = figures or (float("nan"), float("nan"))
            for kind in thresholds:
                rows.append(
                    {
                        **setting.columns(),
                        "seed": seed,
                        "thresholds": kind,
                        "failure": "" if figures else "FloatingPointError: the loss is nan",
                        "arfg": arfg,
                        "are": are,
                        **{f"error/{task}": 0.1 * are for task in tasks},
                        **{f"fpr_gap/{task}": 0.05 * arfg for task in tasks},
                        "seconds": 6.0,
                        "parameters": 100,
                    }
                )
    return pd.DataFrame(rows)


def starts(seeds=2, network="shared_bottom"):
    """Single-task models at (1, 1), and a plain model with the same figures."""
    return {Setting(SINGLE): [(1.0, 1.0)] * seeds, Setting(NONE, network=network): [(1.0, 1.0)] * seeds}
