"""How often the 95 % intervals hold the truth, by simulation.

Rows are drawn from known rates; candidate, baseline and tasks share rows, so their predictions are correlated; in the
clustered part users differ by a taste of their own, which the model follows.

    python -m benchmarks.evaluation.coverage --table benchmarks/evaluation/README.md    # ten minutes
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from scipy import stats

from components.tradeoff_metrics.counting.accumulator import BASELINE, BLOCKS, CANDIDATE, GroupAccumulator
from components.tradeoff_metrics.figures.statistics import Estimate, TradeoffStatistics
from components.tradeoff_metrics.figures.worst import worst_of

TASKS = ("a", "b")
MARKS = ("<!-- coverage -->", "<!-- end of coverage -->")


@dataclass(frozen=True)
class World:
    """Known truths.

    Attributes:
        name: For the table.
        rows: Of a sample.
        low: FPR of the lowest group, all tasks and models.
        gaps: FPR gap of candidate and baseline; task b's are 0.8 times those of task a.
        groups: Number of groups; FPRs lie evenly between the lowest and the highest.
        users: Of a sample; None draws rows one by one.
        spread: How much users differ, in standard deviations of the latent score.
    """

    name: str
    rows: int
    low: float
    gaps: tuple[float, float]
    groups: int = 2
    users: Optional[int] = None
    spread: float = 0.0

    def false_positive(self) -> np.ndarray:
        """FPR by model, task and group [2, 2, G]."""
        steps = np.linspace(0, 1, self.groups)
        gaps = np.array(self.gaps)[:, None] * np.array([1.0, 0.8])
        return self.low + gaps[..., None] * steps

    def false_negative(self) -> np.ndarray:
        """FNR, likewise; the same in all groups."""
        return np.broadcast_to(np.array([[[0.35], [0.30]], [[0.33], [0.32]]]), (2, 2, self.groups))


NEGATIVES = 0.7
WORLDS = (
    World("gaps 0.06 and 0.12, 4,000 rows", 4_000, 0.12, (0.06, 0.12)),
    World("the same, 40,000 rows", 40_000, 0.12, (0.06, 0.12)),
    World("rare false positives (2 %), 4,000 rows", 4_000, 0.02, (0.02, 0.05)),
    World("candidate without a gap", 4_000, 0.15, (0.0, 0.12)),
    World("no gap in either model", 4_000, 0.15, (0.0, 0.0)),
    World("no gap, 8 groups", 8_000, 0.15, (0.0, 0.0), groups=8),
    World("800 users of 12 rows, who differ", 9_600, 0.12, (0.06, 0.12), users=800, spread=0.6),
    World("60 users of 160 rows, who differ", 9_600, 0.12, (0.06, 0.12), users=60, spread=0.6),
)


def draw(rng: np.random.Generator, world: World) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows for ``GroupAccumulator.add_batch``, and each row's user."""
    n = world.rows
    users = world.users or n
    user = np.arange(n) % users
    group = rng.integers(0, world.groups, users)[user]
    taste = rng.normal(size=(users, len(TASKS)))[user] * world.spread
    labels = (rng.random((n, len(TASKS))) >= NEGATIVES).astype(np.int64)
    rates = np.where(
        labels == 0,
        world.false_positive()[:, :, group].transpose(0, 2, 1),
        1 - world.false_negative()[:, :, group].transpose(0, 2, 1),
    )
    # Correlated 0.16 between tasks and 0.65 between models; taste is averaged out of the rates by the root.
    latent = 0.4 * rng.normal(size=(1, n, 1)) + 0.7 * rng.normal(size=(1, n, len(TASKS)))
    latent = latent + math.sqrt(1 - 0.16 - 0.49) * rng.normal(size=(2, n, len(TASKS)))
    cut = stats.norm.ppf(rates) * math.sqrt(1 + world.spread**2) + taste
    names = np.array([f"g{g}" for g in range(world.groups)])
    scores = np.where(latent < cut, 0.75, 0.25)
    return dict(labels=labels, known=np.ones_like(labels), scores=scores, group=names[group]), user


def truths(world: World) -> dict[str, float]:
    """The true value of every statistic that is looked at."""
    fpr, fnr = world.false_positive(), world.false_negative()
    error = (NEGATIVES * fpr + (1 - NEGATIVES) * fnr).mean(axis=2)
    gap = fpr[..., -1] - fpr[..., 0]
    ratios = gap[CANDIDATE] / gap[BASELINE] if gap[BASELINE].all() else np.full(len(TASKS), math.nan)
    return {
        "FPR of a group": fpr[CANDIDATE, 0, 0],
        "error": error[CANDIDATE, 0],
        "signed FPR difference of two groups": gap[CANDIDATE, 0],
        "FPR gap (absolute)": gap[CANDIDATE, 0],
        "worst group's error": (NEGATIVES * fpr + (1 - NEGATIVES) * fnr)[CANDIDATE, 0].max(),
        "ratio of FPR gaps": ratios[0],
        "ARFG": float(ratios.mean()),
        "ratio of errors": error[CANDIDATE, 0] / error[BASELINE, 0],
        "ARE": float((error[CANDIDATE] / error[BASELINE]).mean()),
        "difference of errors": error[CANDIDATE, 0] - error[BASELINE, 0],
    }


def estimates(result: TradeoffStatistics) -> Iterator[tuple[str, Estimate]]:
    """The statistics under the names of ``truths``."""
    gap = result.gaps("fpr", CANDIDATE)[0]
    ratios, arfg = result.gap_ratios("fpr")
    errors, are = result.error_ratios()
    yield "FPR of a group", result.rate("fpr", CANDIDATE, 0, 0)
    yield "error", result.errors(CANDIDATE)[0]
    yield "signed FPR difference of two groups", result.difference("fpr", CANDIDATE, 0, len(result.groups) - 1, 0)
    yield "FPR gap (absolute)", gap.estimate
    yield "worst group's error", worst_of(result, "worst_group_error", CANDIDATE)[0].estimate
    yield "ratio of FPR gaps", ratios[0]
    yield "ARFG", arfg
    yield "ratio of errors", errors[0]
    yield "ARE", are
    yield "difference of errors", result.error_differences()[0]


def coverage(world: World, draws: int, seed: int, clustered: bool) -> dict[str, tuple[float, float]]:
    """By statistic: the share of bounded intervals that hold the truth, and the share that are bounded."""
    rng = np.random.default_rng(seed)
    truth = truths(world)
    held, bounded = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for _ in range(draws):
        rows, user = draw(rng, world)
        accumulator = GroupAccumulator(TASKS, np.full((2, 2), 0.5), blocks=BLOCKS if clustered else 0)
        # Users are spread over blocks as hashing would spread them.
        spread = rng.integers(0, BLOCKS, world.users or world.rows)
        accumulator.add_batch(**rows, block=spread[user] if clustered else None)
        for name, estimate in estimates(TradeoffStatistics(accumulator)):
            if not math.isnan(estimate.lower):
                bounded[name] += 1
                held[name] += estimate.lower <= truth[name] <= estimate.upper
    return {name: (held[name] / max(1, bounded[name]), bounded[name] / draws) for name in truth}


def cell(share: tuple[float, float], truth: float) -> str:
    """``95.1``; with the share of bounded intervals where some are not."""
    if math.isnan(truth):
        return f"unbounded {100 * (1 - share[1]):.0f}"
    return f"{100 * share[0]:.1f}" + (f" (bounded {100 * share[1]:.0f})" if share[1] < 1 else "")


def table(draws: int, seed: int) -> list[str]:
    """The lines of the table, printed as they come."""
    names = list(truths(WORLDS[0]))
    lines = [f"| world | intervals over | {' | '.join(names)} |", "|---|---" + "|--:" * len(names) + "|"]
    for index, world in enumerate(WORLDS):
        for clustered in (False, True) if world.users else (False,):
            shares = coverage(world, draws, seed + index, clustered)
            cells = [cell(shares[name], truth) for name, truth in truths(world).items()]
            lines.append(f"| {world.name} | {'users' if clustered else 'rows'} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Prints the table, and writes it where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20240613)
    parser.add_argument("--table", type=Path, help="the Markdown file whose table is replaced")
    arguments = parser.parse_args()
    lines = table(arguments.draws, arguments.seed)
    error = 100 * 1.96 * math.sqrt(0.95 * 0.05 / arguments.draws)
    lines += ["", f"{arguments.draws:,} samples each, seed {arguments.seed}: a true 95 % shows as 95 ± {error:.1f}."]
    if arguments.table:
        before, rest = arguments.table.read_text(encoding="utf-8").split(MARKS[0])
        arguments.table.write_text(
            "\n".join([before + MARKS[0], *lines, MARKS[1] + rest.split(MARKS[1])[1]]), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
