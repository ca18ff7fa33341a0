"""What the frontier comes to, in words."""

from __future__ import annotations

from typing import Optional

from pipeline.frontier.pareto import Hypervolume
from pipeline.frontier.tradeoff import Dominance, LeftOut, Tradeoff

EMPTY = "no frontier: of no setting are error and fairness known for all seeds; the reasons stand above"
ONE_SEED = "one seed: nothing tells how far a frontier moves with the seed, so hypervolumes have no interval"

# Seeds below which a bootstrap over them is so narrow that it should not be read as an interval of 95 %.
_FEW_SEEDS = 8


def seeds_note(count: int) -> Optional[str]:
    """What to keep in mind of intervals over so many seeds; None where there is nothing."""
    if count == 1:
        return ONE_SEED
    if count < _FEW_SEEDS:
        return f"{count} seeds: a bootstrap over so few is too narrow; read its intervals as whether the seeds agree"
    return None


def area(found: Hypervolume, signed: bool = False) -> str:
    """A hypervolume or a difference of two, with its interval."""
    form = "{:+.4f}" if signed else "{:.4f}"
    text = form.format(found.value)
    return text if found.interval is None else f"{text} [{', '.join(form.format(end) for end in found.interval)}]"


def dominance(found: Dominance) -> str:
    """Whether one mode's frontier dominates another's."""
    verb = "dominates" if found.holds else "does not dominate"
    beaten, own = found.of_other, found.of_one
    return (
        f"{found.one} {verb} {found.other}: {beaten[0]} of {_points(beaten[1], found.other)} are dominated by one of "
        f"{found.one}, and {own[0]} of {_points(own[1], found.one)} by one of {found.other}; hypervolume "
        f"{area(found.difference, signed=True)}: {_sure(found.difference)}"
    )


def _points(count: int, mode: str) -> str:
    return f"{count} frontier point{'' if count == 1 else 's'} of {mode}"


def _sure(difference: Hypervolume) -> str:
    if difference.value == 0:
        return "no difference"
    side = "larger" if difference.value > 0 else "smaller"
    if difference.interval is None:
        return f"{side}, by one seed"
    low, high = difference.interval
    return f"{side}; the interval over seeds {'leaves out' if low > 0 or high < 0 else 'holds'} 0"


def outside(found: Tradeoff) -> Optional[str]:
    """Settings that a hypervolume does not see."""
    counts = {mode: count for mode, count in found.outside.items() if count}
    if not counts:
        return None
    named = ", ".join(f"{count} of {mode}" for mode, count in counts.items())
    return f"settings at or beyond the reference point, which count for nothing in a hypervolume: {named}"


def left_out(found: LeftOut) -> list[str]:
    """Why a setting is on no frontier, a line per reason."""
    return [
        f"{found.name}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}: {reason}"
        for reason, seeds in found.reasons.items()
    ]
