"""The settings that are trained: a grid or a random sample, each once for every seed, and the baselines beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from models.config.choices import LossName, Mode
from models.config.combinations import check_combination
from models.config.networks import with_network
from models.config.settings import FairnessSettings, PerTask, TrainerSettings
from models.config.weighting import WeightingSettings
from pipeline.settings.config import RunSettings

BASELINE = "single-task"


class Setting(NamedTuple):
    """What is varied, but for the seed. The loss is empty and the numbers are None where the mode does not use them."""

    mode: str
    loss: str
    strength: float | None
    head_ratio: PerTask | None
    network: str
    weighting: str

    def columns(self) -> dict[str, Any]:
        """The setting as columns of the table. The head ratio is text: a number, JSON with one for each task, or empty."""
        ratio = self.head_ratio
        text = "" if ratio is None else json.dumps(ratio) if isinstance(ratio, dict) else f"{ratio:g}"
        return {**self._asdict(), "head_ratio": text}


@dataclass(frozen=True)
class Point:
    """One training.

    Attributes:
      setting: What is varied.
      seed: Of the training, and of the baseline that it is compared with.
      key: Hash of the settings without the seed: equal for the seeds of one setting.
      trainer: All that the training depends on.
      refused: Why the setting cannot be trained; empty where it can.
    """

    setting: Setting
    seed: int
    key: str
    trainer: TrainerSettings
    refused: str = ""

    @property
    def is_baseline(self) -> bool:
        """Whether it is the single-task baseline of its seed."""
        return self.setting.mode == BASELINE

    @property
    def name(self) -> str:
        """Unique, and good as a file's name."""
        setting = self.setting
        parts = [setting.mode, setting.loss, "" if setting.strength is None else f"{setting.strength:g}"]
        return "-".join([*filter(None, parts), self.key, f"s{self.seed}"])


def points(run: RunSettings) -> list[Point]:
    """All trainings, the baselines first; settings that come to the same are there once.

    Args:
      run: The run's settings with the ``frontier`` block.
    """
    found: dict[str, Point] = {}
    for seed in run.frontier.seeds:
        baseline = _seeded(run.baseline(), seed)
        setting = Setting(BASELINE, "", None, None, baseline.model.network, baseline.training.weighting.method)
        point = Point(setting, seed, _key(baseline), baseline)
        found[point.name] = point
    for varied in _varied(run):
        for seed in run.frontier.seeds:
            point = _point(run, varied, seed)
            found.setdefault(point.name, point)
    return list(found.values())


class _Varied(NamedTuple):
    mode: Mode
    loss: LossName
    strength: float
    head_ratio: PerTask
    network: str
    weighting: WeightingSettings


def _varied(run: RunSettings) -> Iterator[_Varied]:
    block = run.frontier
    losses = block.losses_of(run.fairness)
    ratios: tuple[PerTask, ...] = block.head_ratios or (run.fairness.head_ratio,)
    networks = block.networks or (run.model.network,)
    weightings = block.weightings or (run.training.weighting,)
    if block.sample is None:
        for mode, network, weighting, loss in product(block.modes, networks, weightings, losses):
            for strength, ratio in product(block.strengths_of(loss), ratios):
                yield _Varied(mode, loss, strength, ratio, network, weighting)
        return
    draw = np.random.default_rng(block.sample.seed)
    low, high = np.log(block.sample.range)
    for _ in range(block.sample.trials):
        # Four digits are enough to tell strengths apart, and can be read in a YAML file.
        strength = float(f"{np.exp(draw.uniform(low, high)):.4g}")
        loss, ratio = losses[draw.integers(len(losses))], ratios[draw.integers(len(ratios))]
        network, weighting = networks[draw.integers(len(networks))], weightings[draw.integers(len(weightings))]
        for mode in block.modes:
            yield _Varied(mode, loss, strength, ratio, network, weighting)


def fairness_of(run: FairnessSettings, varied: _Varied) -> FairnessSettings:
    """The run's fairness block with what is varied in it, and without what the mode does not use."""
    if varied.mode == "none":
        return FairnessSettings(mode="none", group=run.group)
    # The grid gives the strengths: none is learned.
    changes: dict[str, Any] = {
        "mode": varied.mode,
        "loss": varied.loss,
        "strength": varied.strength,
        "target_gap": None,
    }
    default = FairnessSettings.model_fields["head_ratio"].default
    changes["head_ratio"] = default if varied.mode == "vanilla" else varied.head_ratio
    return run.model_copy(update=changes)


def _point(run: RunSettings, varied: _Varied, seed: int) -> Point:
    changes: dict[str, Any] = {"fairness": fairness_of(run.fairness, varied)}
    if varied.network != run.model.network:
        changes["model"] = with_network(run.model, varied.network)
    if varied.weighting != run.training.weighting:
        changes["training"] = run.training.model_copy(update={"weighting": varied.weighting})
    trainer = run.candidate().model_copy(update=changes)
    setting = Setting(
        varied.mode,
        "" if varied.mode == "none" else varied.loss,
        None if varied.mode == "none" else varied.strength,
        varied.head_ratio if varied.mode.startswith("mtaf") else None,
        varied.network,
        varied.weighting.method,
    )
    refused = ""
    try:
        check_combination(trainer)
    except ValueError as error:
        refused = str(error)
    return Point(setting, seed, _key(trainer), _seeded(trainer, seed), refused)


def _seeded(settings: TrainerSettings, seed: int) -> TrainerSettings:
    return settings.model_copy(update={"training": settings.training.model_copy(update={"seed": seed})})


def _key(settings: TrainerSettings) -> str:
    plain = settings.model_dump(mode="json")
    del plain["training"]["seed"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
