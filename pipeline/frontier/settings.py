"""The ``frontier`` block: which settings are trained, and how they are compared."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BeforeValidator, Field, model_validator

from models.config.base import Settings
from models.config.choices import LossName, Mode
from models.config.networks import NETWORK_SETTINGS
from models.config.settings import FairnessSettings
from models.config.weighting import WeightingSettings

Strengths = tuple[float, ...]


def _named(value: Any) -> Any:
    """``dwa`` is short for ``{method: dwa}``."""
    return {"method": value} if isinstance(value, str) else value


class SampleSettings(Settings):
    """A random sample of settings. All modes train the same draws, so that none is lucky."""

    trials: int = Field(ge=1, description="draws; each is trained once for every mode and seed")
    range: tuple[float, float] = Field(
        (0.01, 10.0),
        description="lowest and highest λ, both above 0; it is drawn evenly by its logarithm between them, and what else "
        "varies evenly from the block's lists",
    )
    seed: int = Field(1, description="fixes the draws; the trainings have `frontier.seeds`")

    @model_validator(mode="after")
    def _ordered(self) -> SampleSettings:
        low, high = self.range
        if not 0 < low < high < math.inf:
            raise ValueError(
                f"`range` should be two numbers above 0, the lower one first. Received: {list(self.range)}"
            )
        return self


class ReferencePoint(Settings):
    """The point that hypervolumes are measured from; what lies beyond it counts for nothing."""

    are: float = Field(1.1, gt=0, description="average relative error; 1 is that of the single-task baseline")
    arfg: float = Field(1.1, gt=0, description="average relative fairness gap; 1 is that of the single-task baseline")


class FrontierSettings(Settings):
    """A grid of settings, or a random sample of them. What is absent is as in the run's own blocks."""

    modes: tuple[Mode, ...] = Field(("none", "vanilla", "mtaf"), min_length=1, description="values of `fairness.mode`")
    losses: Optional[tuple[LossName, ...]] = Field(
        None,
        min_length=1,
        description="values of `fairness.loss`; absent: those that `strengths` names, else the run's own",
    )
    strengths: Union[Strengths, dict[LossName, Strengths]] = Field(
        (0.1, 0.3, 1.0, 3.0),
        description="values of λ, at least 0: one list, or one for each loss, since the scales of losses differ",
    )
    sample: Optional[SampleSettings] = Field(
        None,
        description="a random sample in place of the grid, which draws λ itself; absent: every combination is trained",
    )
    head_ratios: Optional[tuple[Annotated[float, Field(ge=0)], ...]] = Field(
        None,
        min_length=1,
        description="values of `fairness.head_ratio`, at least 0, for `mtaf` and `mtaf_difference`; absent: the run's own",
    )
    networks: Optional[tuple[str, ...]] = Field(
        None, min_length=1, description="values of `model.network`; absent: the run's own"
    )
    weightings: Optional[tuple[Annotated[WeightingSettings, BeforeValidator(_named)], ...]] = Field(
        None,
        min_length=1,
        description="values of `training.weighting`, each a block or a method's name alone; absent: the run's own",
    )
    seeds: tuple[int, ...] = Field(
        (1, 2, 3),
        min_length=1,
        description="seeds that every setting is trained with, no two alike; each training is compared with the single-task "
        "baseline of its seed",
    )
    thresholds: Literal["validation", "evaluated"] = Field(
        "validation",
        description="what decision thresholds are taken on: the validation split, or the evaluated scores, as the MTA-F "
        "paper's code does",
    )
    reference: ReferencePoint = Field(
        ReferencePoint(),
        description="the point that hypervolumes are measured from; what lies beyond it counts for nothing",
    )

    @model_validator(mode="after")
    def _check(self) -> FrontierSettings:
        if self.sample is not None and "strengths" in self.model_fields_set:
            raise ValueError("`sample` draws the strengths itself; remove `strengths` or `sample`")
        by_loss = self.strengths if isinstance(self.strengths, dict) else {"": self.strengths}
        for loss, strengths in by_loss.items():
            if not strengths or not all(0 <= strength < math.inf for strength in strengths):
                raise ValueError(
                    f"`strengths` {loss} should be one or more numbers, at least 0 each. Received: {list(strengths)}"
                )
        if isinstance(self.strengths, dict) and self.losses and set(self.strengths) != set(self.losses):
            raise ValueError(
                f"`strengths` should have a list for each of the losses {list(self.losses)}. "
                f"Received: {sorted(self.strengths)}"
            )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"`seeds` should differ from each other. Received: {list(self.seeds)}")
        for name in self.networks or ():
            if name not in NETWORK_SETTINGS:
                raise ValueError(f"`networks` should be some of {list(NETWORK_SETTINGS)}. Received: {name!r}")
        return self

    def losses_of(self, run: FairnessSettings) -> tuple[LossName, ...]:
        """The fairness losses; those that ``strengths`` names, or the run's own, where none are listed."""
        if self.losses:
            return self.losses
        return tuple(self.strengths) if isinstance(self.strengths, dict) else (run.loss,)

    def strengths_of(self, loss: LossName) -> Strengths:
        """The strengths λ of a loss."""
        return self.strengths[loss] if isinstance(self.strengths, dict) else self.strengths
