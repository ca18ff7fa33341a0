"""The ``tune:`` block of the YAML file: what is searched, for how long, and what counts as best."""

from __future__ import annotations

from typing import Optional

from pydantic import Field, model_validator

from models.config.choices import ActiveMode, LossName
from models.config.settings import Settings, TrainerSettings


class RangeSettings(Settings):
    """Numbers between two ends, drawn evenly by their logarithm."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> RangeSettings:
        if self.low >= self.high:
            raise ValueError(f"`low` should be below `high`. Received: {self.low} and {self.high}")
        return self


class TuneSettings(Settings):
    """A random search: lowest ARE among the trials whose ARFG is at most ``arfg_max``, both on validation.

    Of what is absent, the run's own value stays.
    """

    trials: int = Field(20, ge=1)
    arfg_max: float = Field(gt=0, description="ARFG on validation that a trial may have at most")
    workers: Optional[int] = Field(None, ge=1, description="trials at a time; as many as there are cores where absent")
    seed: int = Field(1, ge=0)
    strength: Optional[RangeSettings] = Field(None, description="λ, one for all tasks")
    head_ratio: Optional[RangeSettings] = Field(None, description="r, one for all tasks")
    mode: tuple[ActiveMode, ...] = ()
    loss: tuple[LossName, ...] = ()
    learning_rate: Optional[RangeSettings] = None
    shared_units: tuple[tuple[int, ...], ...] = ()
    tower_units: tuple[tuple[int, ...], ...] = ()
    embedding_units: tuple[int, ...] = ()

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
