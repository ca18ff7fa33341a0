"""The ``tune:`` block of the YAML file: what is searched, for how long, and what counts as best."""

from __future__ import annotations

from typing import Optional

from pydantic import Field, model_validator

from models.config.choices import ActiveMode, LossName
from models.config.settings import Settings, TrainerSettings


class RangeSettings(Settings):
    """Numbers between two ends, drawn evenly by their logarithm."""

    low: float = Field(gt=0, description="smallest value")
    high: float = Field(gt=0, description="largest value, above the smallest")

    @model_validator(mode="after")
    def _ordered(self) -> RangeSettings:
        if self.low >= self.high:
            raise ValueError(f"`low` should be below `high`. Received: {self.low} and {self.high}")
        return self


class TuneSettings(Settings):
    """A random search for the lowest ARE, on validation. Of what is absent, the run's own value stays."""

    trials: int = Field(20, ge=1, description="settings that are drawn and trained")
    arfg_max: float = Field(
        gt=0,
        description="ARFG on validation that the best trial may have at most; where none holds it, the closest is taken",
    )
    workers: Optional[int] = Field(
        None, ge=1, description="trials that are trained at a time; absent: as many as there are cores"
    )
    seed: int = Field(1, ge=0, description="fixes the draws; every trial trains with `training.seed`")
    strength: Optional[RangeSettings] = Field(
        None, description="range of `fairness.strength` λ, one for all tasks; absent: the run's own"
    )
    head_ratio: Optional[RangeSettings] = Field(
        None,
        description="range of `fairness.head_ratio` r, one for all tasks, for `mtaf` and `mtaf_difference`; absent: the "
        "run's own",
    )
    mode: tuple[ActiveMode, ...] = Field(
        (), description="values of `fairness.mode` to choose from; empty: the run's own"
    )
    loss: tuple[LossName, ...] = Field((), description="values of `fairness.loss` to choose from; empty: the run's own")
    learning_rate: Optional[RangeSettings] = Field(
        None, description="range of `training.learning_rate`; absent: the run's own"
    )
    shared_units: tuple[tuple[int, ...], ...] = Field(
        (), description="lists of widths for `model.shared_units` to choose from; empty: the run's own"
    )
    tower_units: tuple[tuple[int, ...], ...] = Field(
        (), description="lists of widths for `model.tower_units` to choose from; empty: the run's own"
    )
    embedding_units: tuple[int, ...] = Field(
        (), description="widths for `model.embedding_units` to choose from; empty: the run's own"
    )

    @model_validator(mode="after")
    def _something(self) -> TuneSettings:
        searched = set(type(self).model_fields) - {"trials", "arfg_max", "workers", "seed"}
        if not any(getattr(self, key) for key in searched):
            raise ValueError(f"a search needs something to search: at least one of {sorted(searched)}")
        return self

    def check(self, candidate: TrainerSettings) -> None:
        """Refuses a search that would try nothing with these settings.

        Raises:
          ValueError: With the keys and the reason.
        """
        fairness = candidate.fairness
        modes: set[str] = set(self.mode) or {fairness.mode}
        of_fairness = bool(self.strength or self.head_ratio or self.loss)
        if modes == {"none"} and of_fairness:
            raise ValueError("`tune` searches a fairness loss, and `fairness.mode: none` has none")
        if self.strength is not None and fairness.target_gap is not None:
            raise ValueError("`tune.strength` searches λ, and `fairness.target_gap` learns it. Remove one of them")
        if self.head_ratio is not None and not any(mode.startswith("mtaf") for mode in modes):
            raise ValueError(
                f"`tune.head_ratio` counts in `mtaf` and `mtaf_difference` alone. Received: {sorted(modes)}"
            )
        if candidate.training.distribution != "none":
            raise ValueError(
                "`tune` trains each trial on one device. Received: `training.distribution: "
                f"{candidate.training.distribution}`"
            )
