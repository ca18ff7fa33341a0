"""The figures: both forms, what is drawn where, colours that differ."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import matplotlib.colors
import numpy as np
import pytest

from pipeline.frontier import plots
from pipeline.frontier.grid import Point
from pipeline.frontier.tradeoff import tradeoff
from tests.pipeline.frontier.made import TASKS, curve, made_table, run_settings


def drawn(outcome: Any, folder: Path, **block: Any) -> dict[str, str]:
    """Draws, and returns each SVG's text."""
    run = run_settings({"losses": ["mmd"], "strengths": [0.5, 1, 2], "seeds": [1, 2], **block})
    _, frame = made_table(run, outcome)
    found = tradeoff(frame, run.frontier.seeds, run.frontier.reference)
    paths = plots.draw("mini $a$", "gender", TASKS, frame, found, folder / "plots")
    assert all(path.stat().st_size > 10_000 and path.read_bytes().startswith(b"\x89PNG") for path in paths)
    texts = {}
    for path in paths:
        root = ElementTree.parse(path.with_suffix(".svg")).getroot()
        texts[path.stem] = "\n".join(text for text in root.itertext() if text.strip())
    return texts


def test_both_figures_say_what_they_show(tmp_path: Path) -> None:
    texts = drawn(curve, tmp_path)
    assert set(texts) == {"arfg_are", "gap_error"}
    for text in texts.values():
        # A `$` in a name starts no formula.
        assert "mini $a$" in text and "mean over seeds 1, 2; whiskers: lowest and highest seed" in text
        for entry in ("none", "vanilla", "mtaf", "single-task models"):
            assert entry in text
        assert "beyond the edges" not in text
    assert "reference of hypervolumes" in texts["arfg_are"] and "95 % bootstrap" in texts["arfg_are"]
    for task in TASKS:
        assert task in texts["gap_error"]


def test_one_seed_has_the_rows_intervals(tmp_path: Path) -> None:
    text = drawn(curve, tmp_path, seeds=[3])["arfg_are"]
    assert "one seed (3); whiskers: 95 % interval of the test rows" in text and "bootstrap" not in text


def test_a_setting_far_off_does_not_press_the_others_together(tmp_path: Path) -> None:
    def outcome(point: Point) -> tuple[float, float]:
        return (50.0, 2.0) if point.setting.strength == 2 else curve(point)

    assert "2 settings beyond the edges" in drawn(outcome, tmp_path)["arfg_are"]


def test_a_single_point_and_a_gap_of_zero_can_be_drawn(tmp_path: Path) -> None:
    drawn(lambda point: (1.0, 0.0), tmp_path, modes=["none"])


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawn(curve, tmp_path / name)
    for path in (tmp_path / "a" / "plots").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "plots" / path.name).read_bytes()


# Linear RGB as the three kinds of dichromats see it (Viénot, Brettel and Mollon 1999; Brettel 1997 for tritanopes).
_SEEN = {
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "tritanopia": [[1, 0.14461, -0.14461], [0, 0.85924, 0.14076], [0, 0.85924, 0.14076]],
}


@pytest.mark.parametrize("kind", _SEEN)
def test_modes_differ_for_the_colour_blind(kind: str) -> None:
    def seen(colour: str) -> np.ndarray:
        rgb = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return np.clip(np.array(_SEEN[kind]) @ linear, 0, 1) ** (1 / 2.2)

    styles = plots._STYLES.values()
    for (one, *_), (other, *_) in itertools.combinations(styles, 2):
        assert np.abs(seen(one) - seen(other)).max() > 0.15
    # In black and white, shapes and lines tell them apart.
    assert len({marker for _, marker, _ in styles}) == len({line for *_, line in styles}) == len(styles)
