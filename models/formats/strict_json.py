"""JSON as its standard has it, for every file that we write.

Python writes NaN and infinity as words that no browser and few other programs read. A figure that is undefined is null
here, and nothing else is: whoever writes one says beside it why, where a reader could ask.
"""

from __future__ import annotations

import json
import math
from typing import Any, Optional


def dumps(value: Any, *, indent: Optional[int] = None, compact: bool = False) -> str:
    """``value`` as strict JSON; a number that is not finite becomes null, which means undefined.

    Args:
      value: Of dictionaries, lists, tuples, texts and numbers.
      indent: Spaces for each level; None writes one line.
      compact: Whether to leave out the spaces behind commas and colons.

    Example:
      >>> dumps({"auc": float("nan"), "error": 0.25})
      '{"auc": null, "error": 0.25}'
    """
    separators = (",", ":") if compact else None
    return json.dumps(defined(value), indent=indent, allow_nan=False, separators=separators)


def defined(value: Any) -> Any:
    """``value`` with None in the place of each number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: defined(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [defined(part) for part in value]
    return value
