"""The parts of the experiment, and the figures of the authors' code that one of them is held against."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.mtaf.grid import MODES, NONE, SINGLE, Part, Setting, Size, frontier, on_network

_FIVE, _TEN = (1, 2, 3, 4, 5), tuple(range(1, 11))
_SEEDS: dict[Size, tuple[int, ...]] = {"minimum": _FIVE, "full": _TEN}
_RATIOS = (0.3, 1.0, 3.0)
_FULL = {
    "fpr_gap": (0.1, 0.3, 1.0, 2.0, 4.0),
    "correlation": (0.05, 0.1, 0.2, 0.5, 1.0),
    "mmd": (0.3, 1.0, 2.0, 4.0, 8.0),
}
_FOUR = {"fpr_gap": (0.1, 0.3, 1.0, 2.0), "correlation": (0.05, 0.1, 0.2, 0.5), "mmd": (0.3, 1.0, 4.0, 8.0)}
_THREE = {"fpr_gap": (0.3, 1.0, 3.0), "correlation": (0.1, 0.3, 1.0), "mmd": (0.5, 2.0, 8.0)}
_BY_SIZE: dict[Size, tuple[Setting, ...]] = {"minimum": frontier(_FOUR, (1.0,)), "full": frontier(_FULL, _RATIOS)}

# The authors sum the task loss over the rows of a batch, and multiply the fairness loss by the number of negatives. With
# means, λ = 1 there is the share of negatives here; `mtaf_difference` holds the factor already.
_NEGATIVES = {"income": 0.759, "capital_gain": 0.917}
_RELEASED = (
    Setting(SINGLE),
    Setting(NONE),
    *(
        Setting(series, loss, strength, kernel="gaussian")
        for loss in ("mmd", "correlation")
        for series, strength in (("vanilla", _NEGATIVES), ("mtaf_difference", 1.0))
    ),
)
_SPREAD = {"correlation": (0.05, 0.2, 0.5, 1.0), "mmd": (0.3, 1.0, 4.0)}
_RULE: dict[Size, tuple[Setting, ...]] = {
    "minimum": frontier({"correlation": (0.05, 0.1, 0.2, 0.5)}, (1.0,), ("vanilla", "mtaf")),
    "full": frontier(_SPREAD, _RATIOS, MODES),
}
_MMOE: dict[Size, tuple[Setting, ...]] = {
    "minimum": (
        Setting(SINGLE),
        *on_network("mmoe", frontier({"correlation": (0.05, 0.1, 0.2, 0.5)}, (1.0,), ("vanilla", "mtaf"))),
    ),
    "full": (Setting(SINGLE), *on_network("mmoe", _BY_SIZE["full"])),
}


def _both(strengths: dict[str, tuple[float, ...]], series: tuple[str, ...]) -> tuple[Setting, ...]:
    """``shared_bottom`` and ``mmoe`` on one grid."""
    shared = frontier(strengths, (1.0,), series)
    return (*shared, *on_network("mmoe", shared))


_KUAIRAND: dict[Size, tuple[Setting, ...]] = {
    "minimum": _both({"correlation": (0.1, 0.3, 1.0), "mmd": (0.3, 1.0, 3.0)}, MODES),
    "full": _both({"fpr_gap": _FULL["fpr_gap"], **_SPREAD}, MODES),
}
_ACTIVITY: dict[Size, tuple[Setting, ...]] = {
    **_KUAIRAND,
    "minimum": _both({"correlation": (0.03, 0.1, 0.3), "mmd": (0.1, 0.3, 1.0)}, ("vanilla", "mtaf")),
}


def _balanced(loss: str, strength: float, sizes: tuple[int, ...]) -> tuple[Setting, ...]:
    return tuple(
        Setting("mtaf", loss, strength, batches=batches, batch_size=size)
        for size in sizes
        for batches in ("in_batch", "balanced")
    )


_BATCHES: dict[Size, tuple[Setting, ...]] = {
    "minimum": (Setting(SINGLE), *_balanced("mmd", 4.0, (256, 1024))),
    "full": (
        Setting(SINGLE),
        *_balanced("mmd", 4.0, (256, 1024, 4096)),
        *_balanced("correlation", 0.5, (256, 1024, 4096)),
    ),
}


def _on_balanced(strengths: dict[str, tuple[float, ...]], ratios: tuple[float, ...]) -> tuple[Setting, ...]:
    """A grid whose fairness losses have balanced batches: of the authors' 1,024 rows some thirty are specific to income."""
    plain = frontier({loss: strengths[loss] for loss in ("correlation", "mmd")}, ratios, ("vanilla", "mtaf"))
    return tuple(setting._replace(batches="balanced") if setting.loss else setting for setting in plain)


PARTS = {
    part.name: part
    for part in (
        Part("adult", "mtaf_adult", _BY_SIZE, _SEEDS),
        Part(
            "german",
            "mtaf_german",
            # A training has 120 steps.
            {**_BY_SIZE, "minimum": frontier(_THREE, (1.0, 3.0))},
            {"minimum": _FIVE, "full": tuple(range(1, 21))},
        ),
        Part("lsac", "mtaf_lsac", {**_BY_SIZE, "minimum": frontier(_THREE, (1.0,))}, _SEEDS),
        Part("released", "mtaf_adult", dict.fromkeys(_SEEDS, _RELEASED), _SEEDS),
        Part("batches", "mtaf_adult", _BATCHES, _SEEDS),
        Part(
            "adult-balanced",
            "mtaf_adult",
            {"minimum": _on_balanced(_FOUR, (1.0,)), "full": _on_balanced(_FULL, _RATIOS)},
            _SEEDS,
        ),
        Part("adult-mmoe", "mtaf_adult", _MMOE, _SEEDS),
        Part("rule-all", "adult3", _RULE, _SEEDS, rule="all_others_positive", like="mtaf_adult"),
        Part("rule-any", "adult3", _RULE, _SEEDS, rule="any_other_positive", like="mtaf_adult"),
        Part("kuairand", "mtaf_kuairand", _KUAIRAND, _SEEDS),
        Part("kuairand-activity", "mtaf_kuairand", _ACTIVITY, _SEEDS, group="activity"),
    )
}


class Released(NamedTuple):
    """What the authors' released code gives on Adult, mean of two seeds: errors and gaps of income and capital gain."""

    errors: tuple[float, float]
    gaps: tuple[float, float]
    arfg: float
    are: float


RELEASED: dict[tuple[str, str], Released] = {
    (SINGLE, ""): Released((0.167, 0.133), (0.120, 0.060), 1.0, 1.0),
    (NONE, ""): Released((0.166, 0.132), (0.120, 0.069), 1.08, 0.99),
    ("vanilla", "mmd"): Released((0.168, 0.131), (0.098, 0.020), 0.57, 0.995),
    ("mtaf_difference", "mmd"): Released((0.172, 0.131), (0.093, 0.021), 0.56, 1.01),
    ("vanilla", "correlation"): Released((0.183, 0.132), (0.026, 0.019), 0.27, 1.04),
    ("mtaf_difference", "correlation"): Released((0.183, 0.131), (0.038, 0.026), 0.37, 1.04),
}
