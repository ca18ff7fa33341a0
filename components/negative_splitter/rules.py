"""Rules that turn a column into a 0/1 label: an operator and a literal."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.negative_splitter.columns import ColumnKind, Values
from models.formats.cuts import NO_CUTS, Cuts
from models.formats.texts import whole_number

RULE_FORMS = '`> 0`, `>= 4`, `< 3.5`, `<= 2`, `== 1`, `== ">50K"`, `!= "none"`, `in [1, 2]`, `in ["a", "b"]`'

_RULE = re.compile(r"\s*(>=|<=|==|!=|>|<|in\b)\s*(.*\S)\s*", re.DOTALL)
_COMPARE: dict[str, Any] = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
Operator = Literal[">", ">=", "<", "<=", "==", "!=", "in"]


@dataclass(frozen=True)
class Rule:
    """A test of one value, such as ``>= 4`` or ``in ["like", "love"]``.

    Examples hold numbers as float32, so literals are compared in the floats that stand for them: ``== 0.1`` matches a
    stored 0.1, which float64 would not, and ``== 100000001`` no other whole number (``models/formats/cuts.py``).

    Attributes:
        text: The rule as it was written.
        operator: One of ``> >= < <= == != in``.
        literals: What values are compared to: one, or several for ``in``.
        column_kind: "number" or "string", from the literals: the kind in which the column has to be read.
    """

    text: str
    operator: Operator
    literals: tuple[int | float, ...] | tuple[str, ...]
    column_kind: ColumnKind

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Reads a rule.

        Args:
            text: One of the forms in ``RULE_FORMS``.

        Raises:
            ValueError: The text has none of these forms.
        """
        found = _RULE.fullmatch(text)
        if found is None:
            raise ValueError(f"a rule should be an operator and a literal: {RULE_FORMS}. Received: `{text}`")
        sign, literal = found[1], found[2]
        try:
            value = ast.literal_eval(literal)
        except (ValueError, SyntaxError) as error:
            raise ValueError(
                f"rule `{text}`: `{literal}` is neither a number, a quoted text nor a list of them. Forms: {RULE_FORMS}"
            ) from error
        if (sign == "in") != isinstance(value, list):
            raise ValueError(f"rule `{text}`: `in` goes with a list, and only `in` does. Forms: {RULE_FORMS}")
        literals, kind = _literals(value if isinstance(value, list) else [value], f"rule `{text}`")
        if kind == "string" and sign in _COMPARE:
            raise ValueError(f"rule `{text}`: `{sign}` compares numbers, not texts. Forms: {RULE_FORMS}")
        return cls(text.strip(), sign, literals, kind)  # type: ignore[arg-type]

    @classmethod
    def one_of(cls, values: Sequence[Any], where: str) -> Rule:
        """The rule ``in [...]`` for given values; ``where`` begins the message of an error."""
        literals, kind = _literals(values, where)
        return cls(f"in {list(values)!r}", "in", literals, kind)

    def matches(self, values: Values, cuts: Cuts = NO_CUTS) -> np.ndarray:
        """Tests every value.

        Args:
            values: [rows], float32 numbers, or a LargeBinaryArray of UTF-8 texts; whichever ``column_kind`` says.
            cuts: What the column's numbers were kept apart from when they became float32.

        Returns:
            bool [rows]. False where a text is null; what a number stands for that is missing is the caller's affair.
        """
        if isinstance(values, np.ndarray):
            if self.column_kind != "number":
                raise TypeError(f"rule `{self.text}` reads texts. Received: numbers")
            return self._matches_numbers(values, cuts)
        if self.column_kind != "string":
            raise TypeError(f"rule `{self.text}` reads numbers. Received: {values.type}")
        listed = pa.array([str(literal).encode() for literal in self.literals], pa.large_binary())
        equal = pc.is_in(values, value_set=listed).to_numpy(zero_copy_only=False).astype(bool)
        if self.operator != "!=":
            return equal
        return ~equal & values.is_valid().to_numpy(zero_copy_only=False)

    def _matches_numbers(self, values: np.ndarray, cuts: Cuts) -> np.ndarray:
        literals = np.array([cuts.stored(literal) for literal in self.literals], np.float32)  # type: ignore[arg-type]
        if self.operator in _COMPARE:
            return _COMPARE[self.operator](values, literals[0])
        equal = np.isin(values, literals)
        return ~equal if self.operator == "!=" else equal


def _literals(values: Sequence[Any], where: str) -> tuple[tuple[Any, ...], ColumnKind]:
    if not values:
        raise ValueError(f"{where}: the list is empty. Forms: {RULE_FORMS}")
    if all(isinstance(value, str) for value in values):
        # As the log is read.
        return tuple(map(whole_number, values)), "string"
    if not all(isinstance(value, (bool, int, float)) for value in values):
        raise ValueError(f"{where}: literals should be all numbers or all texts. Received: {list(values)!r}")
    for value in values:
        # Compared in Python's own arithmetic: the cast itself would overflow with a warning, or raise.
        if not abs(value) <= float(np.finfo(np.float32).max):
            raise ValueError(f"{where}: {value!r} is no finite float32, the type of numbers in examples")
    return tuple(value if isinstance(value, float) else int(value) for value in values), "number"
