"""Means with intervals, Markdown tables in a README that a command rewrites, and the rows of figures behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


class MeanInterval(NamedTuple):
    """A mean over seeds and half the width of its interval.

    Attributes:
      mean: NaN without values.
      half: Student's t times the standard error; NaN with fewer than two values.
      number: Of values.
    """

    mean: float
    half: float
    number: int

    @property
    def lower(self) -> float:
        """The interval's lower end."""
        return self.mean - self.half

    @property
    def upper(self) -> float:
        """The interval's upper end."""
        return self.mean + self.half


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> MeanInterval:
    """The mean of ``values`` and its t interval.

    Seeds are taken as independent. For a comparison, pass the differences of pairs that share a seed.

    Raises:
      ValueError: A value is not finite, or ``confidence`` is no share.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` should be between 0 and 1. Received: {confidence}")
    numbers = np.asarray(list(values), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"values should be finite. Received: {numbers.tolist()}")
    count = len(numbers)
    if count < 2:
        return MeanInterval(float(numbers[0]) if count else math.nan, math.nan, count)
    half = stats.t.ppf((1 + confidence) / 2, count - 1) * numbers.std(ddof=1) / math.sqrt(count)
    return MeanInterval(float(numbers.mean()), float(half), count)


def show(found: MeanInterval, digits: int = 3, *, sign: bool = False) -> str:
    """``mean ± half``; the mean alone where one value has no interval, a dash where there is no value."""
    if not found.number:
        return "–"
    text = f"{found.mean:{'+' if sign else ''}.{digits}f}"
    return text if math.isnan(found.half) else f"{text} ± {found.half:.{digits}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> list[str]:
    """Lines of a Markdown table.

    Args:
      head: Column names.
      rows: Cells.
      texts: Columns from the left that hold words; the others are aligned to the right.

    Raises:
      ValueError: A row has another number of cells than the head.
    """
    lines = [_line(head), "|" + "---|" * texts + "--:|" * (len(head) - texts)]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row should have {len(head)} cells, as the head {list(head)}. Received: {list(row)}")
        lines.append(_line(row))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def replace_between_marks(path: Path, name: str, lines: Sequence[str]) -> None:
    """Puts ``lines`` between ``<!-- name -->`` and ``<!-- end of name -->`` of a file, and leaves the rest as it is.

    Raises:
      ValueError: The file lacks a mark, or has one twice.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"{path} should hold `{begin}` and, below it, `{end}`, once each")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    path.write_text(before + "\n".join([begin, *lines, end]) + after, encoding="utf-8")


def merge_rows(path: Path, new: pd.DataFrame, order: Sequence[str], keys: Sequence[str] = ("dataset",)) -> None:
    """Puts ``new`` in the place of the rows of a CSV file that have the same ``keys``, the data sets in the given order.

    Args:
      path: The file; made where it is missing.
      new: Rows of one data set or more, with a column ``dataset``.
      order: All data sets.
      keys: Columns that tell which rows are replaced; rows are sorted by ``seed`` too where it is one of them.

    Raises:
      ValueError: There are no rows, as where all trainings failed.
    """
    if new.empty:
        raise ValueError(f"there should be rows to write into {path}. Received none: no training came to an end")
    parts = [new]
    if path.exists():
        old = read_rows(path)
        same = pd.MultiIndex.from_frame(old[list(keys)]).isin(pd.MultiIndex.from_frame(new[list(keys)]))
        parts.insert(0, old[~same])
    frame = pd.concat(parts, ignore_index=True)
    if "seed" in keys:
        frame = frame.sort_values("seed", kind="stable")
    frame = frame.sort_values("dataset", key=lambda column: column.map(list(order).index), kind="stable")
    frame.to_csv(path, index=False, float_format="%.6g")


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of such a file; an empty text stays one."""
    return pd.read_csv(path, keep_default_na=False)
