"""The README's tables, and the plots, from results that are there and from none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from benchmarks.mtaf import draw, report, results
from benchmarks.mtaf.grid import MODES, NONE, SINGLE, SINGLE_FAIR, Setting
from benchmarks.mtaf.parts import PARTS, RELEASED
from tests.benchmarks.mtaf import made_up_tables as tables

README = Path(report.__file__).with_name("README.md")
BOTH = ("validation", "evaluated")


def frontier(seeds=3, **changes):
    points = tables.starts(seeds)
    for number, series in enumerate((*MODES, SINGLE_FAIR)):
        for strength in (1.0, 2.0):
            shift = 0.01 * number
            setting = Setting(series, "mmd", strength)._replace(**changes)
            points[setting] = [(1 + 0.02 * strength + 0.001 * s, 0.8 - 0.2 * strength + shift) for s in range(seeds)]
    return tables.table(points, thresholds=BOTH)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def between(text, mark):
    return re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- end of {mark} -->", text, re.S).group(1)


def cells(lines):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_readme_has_the_marks_of_all_tables(folder, readme, tmp_path):
    report.write(folder, readme, tmp_path / "plots")
    text = readme.read_text(encoding="utf-8")
    for mark in ("frontiers", "released", "ratio", "rule", "batches", "many", "noise"):
        assert between(text, mark) == "Not run yet."
    assert between(text, "runs").count("not run") == len(PARTS)


def planned(part, size):
    return len(PARTS[part].settings[size]) * len(PARTS[part].seeds[size])


def test_what_was_run_is_told():
    failing = frontier()
    dead = (failing["series"] == "mtaf") & (failing["seed"] == 2)
    failing.loc[dead, [name for name in failing if "/" in name]] = np.nan
    # As many rows as the minimum has, whatever they are here: each training has two.
    of_lsac = planned("lsac", "minimum")
    whole = pd.concat([frontier()] * of_lsac).head(2 * of_lsac)
    rows = cells(report.runs({"adult": failing, "lsac": whole}, "minimum"))
    # 10 settings × 3 seeds; two settings of `mtaf` failed with seed 2.
    assert rows[0] == ["adult", "mtaf_adult", "PARTIAL", "1, 2, 3", f"30 of {planned('adult', 'minimum')}", "2"]
    assert rows[2] == ["lsac", "mtaf_lsac", "whole", "1, 2, 3", f"{of_lsac} of {of_lsac}", "0"]
    assert rows[1][2:] == ["not run", "", f"0 of {planned('german', 'minimum')}", ""]


def test_the_full_size_has_trainings_of_its_own(folder, readme, tmp_path):
    results.write(folder, "adult", frontier())
    report.write(folder, readme, tmp_path / "plots", "full")
    assert (
        cells(between(readme.read_text(encoding="utf-8"), "runs").splitlines())[0][4]
        == f"30 of {planned('adult', 'full')}"
    )
    assert planned("adult", "full") > planned("adult", "minimum")


def test_frontiers_are_shown_with_thresholds_both_ways(folder, readme, tmp_path):
    results.write(folder, "adult", frontier())
    report.write(folder, readme, tmp_path / "plots")
    rows = cells(between(readme.read_text(encoding="utf-8"), "frontiers").splitlines())
    assert [row[:4] for row in rows] == [["adult", "shared_bottom", "mmd", kind] for kind in BOTH]
    # vanilla: start (1, 1), then ARE 1.021 and 1.041 (means over seeds) with ARFG 0.6 and 0.4.
    area = 0.021 * 0.1 + 0.02 * 0.5 + (1.1 - 1.041) * 0.7
    assert rows[0][4].startswith(f"{area:.3f} [")
    # mtaf is worse by 0.01 of ARFG in both of its points, and all of its frontier but the start is beaten.
    assert rows[0][8].startswith(f"{-(0.02 + 0.059) * 0.01:+.3f}")
    assert rows[0][10:] == ["0 of 3", "2 of 3"]
    # mtaf_difference by as much again.
    assert rows[0][9].startswith(f"{-(0.02 + 0.059) * 0.02:+.3f}")


def test_a_part_without_vanilla_has_no_difference():
    table = tables.table({**tables.starts(), Setting("mtaf", "mmd", 1.0): [(1.0, 0.5)] * 2})
    line = cells(report.frontiers({"adult": table}))[0]
    assert line[4] == "" and line[5].startswith("0.060") and line[8:] == ["", "", "", ""]


def test_the_released_figures_stand_beside_ours():
    points = {}
    for series, loss in RELEASED:
        points[Setting(series, loss, 1.0 if loss else 0.0)] = [(1.0, 0.5), (1.2, 0.7)]
    lines = report.released(tables.table(points, tasks=("income", "capital_gain"), thresholds=BOTH))
    rows = cells(lines)
    assert len(rows) == 3 * len(RELEASED)
    mmd = [row[0] for row in rows].index("vanilla mmd")
    assert rows[mmd][2:] == ["0.168", "0.131", "0.098", "0.02", "0.57", "0.995"]
    # ARFG 0.5 and 0.7: mean 0.6, half width t(0.975, 1) × 0.1 = 1.271.
    assert rows[mmd + 1][1] == "here, thresholds evaluated" and rows[mmd + 1][6] == "0.600 ± 1.271"


def test_further_ratios_are_compared_with_one():
    points = {
        **tables.starts(),
        Setting("vanilla", "mmd", 1.0): [(1.0, 0.9)] * 2,
        Setting("mtaf", "mmd", 1.0, 1.0): [(1.0, 0.8)] * 2,
        Setting("mtaf", "mmd", 1.0, 3.0): [(1.0, 0.6)] * 2,
    }
    rows = cells(report.ratios({"german": tables.table(points)}))
    assert [cell.split(" ")[0] for cell in rows[0]] == ["german", "mmd", "0.030", "0.050", "", "", "0.020"]
    assert report.ratios({"german": frontier()}) == ["Not run yet."]


def test_ratios_of_a_grid_that_was_stopped_have_the_areas_that_there_are():
    """Vanilla comes last, and of one loss r = 1 is still to come."""
    points = {
        **tables.starts(),
        Setting("mtaf", "mmd", 1.0, 1.0): [(1.0, 0.8)] * 2,
        Setting("mtaf", "mmd", 1.0, 3.0): [(1.0, 0.6)] * 2,
        Setting("mtaf", "correlation", 1.0, 3.0): [(1.0, 0.7)] * 2,
    }
    rows = {row[1]: row for row in cells(report.ratios({"german": tables.table(points)}))}
    assert [cell.split(" ")[0] for cell in rows["mmd"][2:]] == ["0.030", "0.050", "", "", ""]
    assert [cell.split(" ")[0] for cell in rows["correlation"][2:]] == ["", "0.040", "", "", ""]


def test_what_cannot_be_told_leaves_the_file_as_it_was(folder, readme, tmp_path, monkeypatch):
    def broken(path):
        raise KeyError("vanilla")

    monkeypatch.setattr(report, "noise", broken)
    results.write(folder, "adult", frontier())
    before = readme.read_text(encoding="utf-8")
    with pytest.raises(KeyError):
        report.write(folder, readme, tmp_path / "plots")
    assert readme.read_text(encoding="utf-8") == before


def test_a_file_of_tables_alone_has_all_marks_and_no_text(folder, tmp_path):
    path = tmp_path / "full" / "README.md"
    path.parent.mkdir()
    path.write_text(report.tables_alone(README.read_text(encoding="utf-8")), encoding="utf-8")
    assert all(line.startswith(("#", "<!-- ")) for line in path.read_text(encoding="utf-8").split("\n") if line)
    results.write(folder, "adult", frontier())
    report.write(folder, path, tmp_path / "plots", "full")
    assert f"30 of {planned('adult', 'full')}" in path.read_text(encoding="utf-8")
    # Tables that stand in a README are none of its own.
    assert report.tables_alone(path.read_text(encoding="utf-8")) == report.tables_alone(
        README.read_text(encoding="utf-8")
    )


def test_settings_in_words():
    table = tables.table(
        {
            Setting("mtaf", "mmd", 2.0, 3.0): [(1.0, 1.0)],
            Setting(NONE, network="mmoe"): [(1.0, 1.0)],
            Setting(SINGLE): [(1.0, 1.0)],
            Setting("mtaf", "mmd", 2.0, batches="balanced", batch_size=256): [(1.0, 1.0)],
        }
    )
    assert [report.words(row) for _, row in table.iterrows()] == [
        "mtaf, mmd, λ 2.0, r 3",
        "none, mmoe",
        "single-task",
        "mtaf, mmd, λ 2.0, r 1, balanced, batch 256",
    ]


def test_an_undefined_mean_says_of_how_many_seeds():
    table = tables.table({Setting(SINGLE): [(1.0, 1.0)] * 3, Setting("vanilla", "mmd", 1.0): [(1.0, 0.5), None, None]})
    rows = cells(report.by_setting({"adult": table}, ("adult",)))
    assert rows[1][2] == "undefined for 2 of 3 seeds" and rows[0][2] == "1.000 ± 0.000"
    table.loc[table["series"] == "vanilla", "arfg"] = np.nan
    assert cells(report.by_setting({"adult": table}, ("adult",)))[1][2] == "–"


def noise_table():
    rows = []
    for task in ("a", "b"):
        for kind in ("in_batch", "balanced"):
            for size in (64, 256):
                rows.append(
                    {
                        "task": task, "loss": "mmd", "rows": "task-specific", "batches": kind, "batch_size": size,
                        "draws": 5, "rows_in_batch": 7, "whole": 0.01, "mean": 0.01 + 1 / size, "sd": 2 / size,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_noise_is_shown_by_batch_size(folder, readme, tmp_path):
    results.write(folder, "noise", noise_table())
    report.write(folder, readme, tmp_path / "plots")
    lines = between(readme.read_text(encoding="utf-8"), "noise").splitlines()
    assert lines[0].count("in_batch") == 2 and lines[0].count("balanced") == 2
    assert cells(lines)[0][:5] == ["a", "mmd", "task-specific", "0.0100", "0.0256 ± 0.0312"]
    assert (tmp_path / "plots" / "noise.png").stat().st_size > 10_000


def test_plots_are_drawn_of_what_is_there_the_same_each_time(tmp_path):
    draw.draw({"adult": frontier(), "released": frontier()}, None, tmp_path / "a")
    draw.draw({"adult": frontier()}, None, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["adult-tasks.png", "adult.png"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_plot_says_what_it_shows(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(draw, "save", lambda made, path: said.extend(text.get_text() for text in made.findobj(Text)))
    draw.tradeoffs("adult", frontier(), "shared_bottom", tmp_path / "adult")
    for word in ("ARFG", "ARE", "vanilla", "mtaf_difference", "single-task models", "thresholds on evaluated scores"):
        assert any(word in text for text in said)


def test_each_network_has_a_plot(tmp_path):
    table = pd.concat([frontier(), frontier(network="mmoe").query("series != 'single-task'")])
    table.loc[(table["series"] == NONE).to_numpy() & (np.arange(len(table)) >= len(table) // 2), "network"] = "mmoe"
    draw.draw({"kuairand": table}, None, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "kuairand-mmoe-tasks.png",
        "kuairand-mmoe.png",
        "kuairand-shared_bottom-tasks.png",
        "kuairand-shared_bottom.png",
    ]


def test_a_setting_with_a_seed_that_failed_is_not_drawn(tmp_path):
    table = frontier()
    table.loc[(table["series"] == "mtaf") & (table["seed"] == 2), ["are", "arfg", "error/a", "fpr_gap/a"]] = np.nan
    draw.draw({"adult": table}, None, tmp_path)
    assert (tmp_path / "adult.png").stat().st_size > 10_000


def test_every_setting_is_listed_once(folder, readme, tmp_path):
    results.write(folder, "adult", frontier())
    results.write(folder, "lsac", frontier())
    report.write(folder, readme, tmp_path / "plots")
    text = readme.with_name("points.md").read_text(encoding="utf-8")
    assert text.count("## adult") == text.count("## lsac") == 1
    assert text.count("| vanilla, mmd, λ 1.0 |") == 2
