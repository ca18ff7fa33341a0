"""Plots: styles that can be told apart, files that are the same for the same drawing."""

from __future__ import annotations

import matplotlib
import pytest

from pipeline.experiments import plots


def _draw(path, kinds=("png",)):
    with plots.figure(3, 2) as figure:
        axis = figure.subplots()
        axis.plot([0, 1], [1, 3], label="cost $5 of $10", **plots.styles(["a"])["a"].line())
        axis.legend()
        return plots.save(figure, path, kinds)


def test_files_depend_on_the_drawing_alone(tmp_path):
    first, second = (_draw(tmp_path / name / "plot", ("png", "svg")) for name in "ab")
    assert [path.name for path in first] == ["plot.png", "plot.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG")
    # Text stays text, and a dollar a dollar.
    assert "cost $5 of $10" in first[1].read_text(encoding="utf-8")


def test_a_name_with_a_dot_keeps_it(tmp_path):
    assert [path.name for path in _draw(tmp_path / "share-0.4")] == ["share-0.4.png"]


def test_the_style_ends_with_the_figure(tmp_path):
    before = dict(matplotlib.rcParams)
    _draw(tmp_path / "plot")
    assert dict(matplotlib.rcParams) == before


def test_no_two_styles_are_alike_and_the_order_decides():
    names = [f"n{i}" for i in range(32)]
    found = plots.styles(names)
    assert len(set(found.values())) == 32
    assert plots.styles(names[:3]) == {name: found[name] for name in names[:3]}


def test_more_names_than_styles_are_refused():
    with pytest.raises(ValueError, match="there are 32 styles. Received 33"):
        plots.styles([str(i) for i in range(33)])
