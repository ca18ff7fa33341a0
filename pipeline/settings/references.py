"""``${NAME}`` and ``${NAME:-default}`` in a YAML file, replaced from the environment once the file is parsed.

A value may hold what YAML reads as its own, such as a `#` behind a space. So each reference is hidden from the parser behind
a mark that has no meaning to it, and put into the scalars afterwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\{(\w+)(:-([^}\n]*))?\}")
# Signs that Unicode leaves to everyone's own use.
_PRIVATE = range(0xE000, 0xF900)


class UnsetError(ValueError):
    """A variable that is named has no value and no default. The message names the line and the variable."""


class References:
    """The references of a text.

    Args:
      text: As it stands in the file.
      environment: Variable → value. A relative path of something that is there becomes the caller's.

    Attributes:
      text: The text with a mark in place of each reference.
    """

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._found: list[re.Match[str]] = []
        self._sign = next((chr(code) for code in _PRIVATE if chr(code) not in text), chr(_PRIVATE[0]))
        self.text = _REFERENCE.sub(self._hide, text)

    def _hide(self, match: re.Match[str]) -> str:
        self._found.append(match)
        return f"{self._sign}{len(self._found) - 1}{self._sign}"

    def are_in(self, scalar: str) -> bool:
        """Whether a scalar holds a mark, or what was meant for a reference."""
        return "${" in scalar or (bool(self._found) and self._sign in scalar)

    def fill(self, scalar: str, line: int) -> str:
        """A scalar of the parsed text with values in place of marks.

        Args:
          scalar: The scalar.
          line: Where it stands.

        Raises:
          UnsetError: A variable is not set or empty, and there is no default; or ``${`` begins no reference.
        """
        if "${" in scalar:
            raise UnsetError(f"line {line}: expected `${{NAME}}` or `${{NAME:-default}}`. Received: {scalar[:200]!r}")
        return re.sub(
            f"{self._sign}(\\d+){self._sign}", lambda mark: self._value(self._found[int(mark.group(1))], line), scalar
        )

    def _value(self, reference: re.Match[str], line: int) -> str:
        name, default = reference.group(1), reference.group(3)
        found = self._environment.get(name)
        if found:
            return os.path.abspath(found) if os.path.exists(found) else found
        if default is None:
            raise UnsetError(f"line {line}: the environment variable `{name}` is not set, and it has no default here")
        return str(default)
