"""Settings with values that a search found put in their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from models.config.settings import TrainerSettings

Value = Union[float, int, str]


def with_values(settings: TrainerSettings, values: Mapping[str, Value]) -> TrainerSettings:
    """The settings with other values.

    Args:
      settings: Before.
      values: ``block.key`` → value, such as ``fairness.strength``; widths of layers as text, ``64,32``.

    Raises:
      ValueError: There is no such key, or the value does not suit it.
    """
    content = settings.model_dump(mode="json")
    for name, value in values.items():
        block, _, key = name.partition(".")
        if block not in ("fairness", "model", "training") or key not in content[block]:
            raise ValueError(
                f"hyperparameters should be keys of `fairness`, `model` and `training`. Received: `{name}`"
            )
        content[block][key] = _widths(value) if isinstance(content[block][key], list) else value
    return TrainerSettings.model_validate(content)


def _widths(value: Any) -> list[int]:
    return [int(width) for width in str(value).split(",") if width]
