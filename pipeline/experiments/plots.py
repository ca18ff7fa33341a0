"""How the figures of experiments and of `make frontier` look, and how they are written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind can tell apart; markers and lines differ as well.
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
_MARKERS = "osD^vP*X"
_LINES = ("-", "--", "-.", ":")
_RC: dict[str, Any] = {
    "svg.hashsalt": "experiments",
    "svg.fonttype": "none",
    "font.size": 9,
    # A name is a name: `$` starts no formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 120,
}


class Style(NamedTuple):
    """How one method is drawn, in all figures of an experiment."""

    color: str
    marker: str
    linestyle: str

    def line(self) -> dict[str, Any]:
        """Keyword arguments of ``Axes.plot`` and ``Axes.errorbar``."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": self.linestyle,
            "markersize": 4,
            "linewidth": 1.2,
        }


def styles(names: Sequence[str]) -> dict[str, Style]:
    """Name → style, the same for the same order of names; no two alike up to 32 names.

    Raises:
      ValueError: There are more names than styles.
    """
    if len(names) > len(_COLOURS) * len(_LINES):
        raise ValueError(f"there are {len(_COLOURS) * len(_LINES)} styles. Received {len(names)} names")
    found = [Style(_COLOURS[i], _MARKERS[i], line) for line, i in itertools.product(_LINES, range(len(_COLOURS)))]
    return dict(zip(names, found, strict=False))


@contextmanager
def figure(width: float, height: float, **style: Any) -> Iterator[Figure]:
    """A figure of ``width`` × ``height`` inches in the common style, but for ``style``; no window system is touched."""
    with matplotlib.rc_context({**_RC, **style}):
        made = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(made)
        yield made


def save(made: Figure, path: Path, kinds: Sequence[str] = ("png",)) -> list[Path]:
    """Writes ``<path>.<kind>`` for each kind; the bytes depend on what is drawn and not on the time.

    Call it where ``figure`` is open, since the style of what is written is read then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [path.with_name(f"{path.name}.{kind}") for kind in kinds]
    for file in files:
        made.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else {"Software": None})
    return files
