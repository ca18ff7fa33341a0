"""The base of all settings, below every package that has some."""

from __future__ import annotations

from typing import Union

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused and values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# One number for all tasks, or one for each by name.
PerTask = Union[float, dict[str, float]]
