"""Figures: the files, their names, and the same bytes for the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.fairness_report.figures import draw
from components.fairness_report.page_data import page_data
from components.fairness_report.summary import compose


@pytest.fixture(scope="module")
def main(run: Any) -> dict[str, Any]:
    return page_data(run, compose(run)).main


def test_png_and_svg_of_each_and_the_same_bytes_again(main: dict[str, Any], tmp_path: Path) -> None:
    first, second = draw(main, tmp_path / "a"), draw(main, tmp_path / "b")
    assert {path.stem for path in first.values()} == {"tradeoff", "false_positive_rates", "training"}
    assert list(first) == list(second)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    assert len(list((tmp_path / "a").iterdir())) == 6


def test_they_show_something_and_no_date(main: dict[str, Any], tmp_path: Path) -> None:
    for path in draw(main, tmp_path / "figures").values():
        with Image.open(path) as picture:
            assert picture.width > 500 and len(picture.convert("RGB").getcolors(1 << 24) or []) > 20
            assert "Software" not in picture.info
        assert "dc:date" not in path.with_suffix(".svg").read_text(encoding="utf-8")
    names = (tmp_path / "figures" / "false_positive_rates.svg").read_text(encoding="utf-8")
    assert "female" in names and "click" in names


def test_names_with_dollars_and_undefined_values_draw(made: Any, tmp_path: Path) -> None:
    rows = made.random_rows(["$\\alpha", "b<c"], {"g": ["x$y$", "&", "_"]}, n=300)
    rows.labels[rows.groups["g"] == "&"] = 1
    run = made.run_of(rows)
    summary = compose(run)
    data = page_data(
        run, summary, earlier=[{**summary, "blessed": False}], frontier=[{"arfg": 1, "are": 1, "settings": {}}]
    )
    data.main["tradeoff"]["points"][0]["arfg"] = [None, None, None]
    draw(data.main, tmp_path / "figures")
    text = (tmp_path / "figures" / "false_positive_rates.svg").read_text(encoding="utf-8")
    assert "x$y$" in text and "$\\alpha" in text and "b&lt;c" in text


def test_only_the_largest_groups_are_drawn(made: Any, tmp_path: Path) -> None:
    groups = [f"g{number:02d}" for number in range(40)]
    run = made.run_of(made.random_rows(["a"], {"g": groups}, n=2000))
    draw(page_data(run, compose(run)).main, tmp_path / "figures")
    text = (tmp_path / "figures" / "false_positive_rates.svg").read_text(encoding="utf-8")
    assert sum(f">{group}<" in text for group in groups) == 24
