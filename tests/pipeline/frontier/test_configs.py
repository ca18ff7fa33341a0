"""The YAML file of a frontier point: it loads, and trains that point."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.frontier import configs
from pipeline.frontier.configs import content
from pipeline.frontier.grid import points
from pipeline.frontier.tradeoff import tradeoff
from pipeline.settings.config import RunSettings, load
from tests.pipeline.frontier.made import curve, made_table, run_settings

ROOT = Path(__file__).resolve().parents[3]


def written(run: RunSettings, outcome: Any, folder: Path) -> dict[str, Path]:
    found, frame = made_table(run, outcome)
    compared = tradeoff(frame, run.frontier.seeds, run.frontier.reference)
    return configs.write(run, "mini.yaml", found, frame, compared, folder / "yaml", folder / "frontier.csv")


@pytest.mark.parametrize("name", ["sample", "adult", "german", "lsac", "kuairand"])
def test_every_point_of_every_shipped_dataset_round_trips(name: str, tmp_path: Path) -> None:
    """From another folder, the file gives the point's settings and leaves all else as it was."""
    run = load(ROOT / "data_schemas" / name / "dataset.yaml")
    block = {"losses": ["mmd"], "strengths": [0.5], "weightings": ["dwa", "fixed"], "networks": ["mmoe", "cgc"]}
    frontier = type(run.frontier).model_validate({**block, "seeds": [3], "modes": ["none", "vanilla", "mtaf"]})
    run = run.model_copy(update={"frontier": frontier})
    for point in points(run):
        if point.is_baseline:
            continue
        path = tmp_path / "deep" / f"{point.name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            yaml.safe_dump(content(run, point, tmp_path / "frontier.csv"), sort_keys=False), encoding="utf-8"
        )
        read = load(path)
        assert read.candidate() == point.trainer
        assert read.baseline() == run.baseline().model_copy(update={"training": read.baseline().training})
        assert read.baseline().training.seed == 3
        assert read.report.frontier == str(tmp_path / "frontier.csv")
        own = {"fairness", "training", "model", "report", "frontier", "push"}
        assert read.model_dump(exclude=own) == run.model_dump(exclude=own)
        assert read.push == run.push


def test_a_file_for_each_frontier_point_numbered_by_error(tmp_path: Path) -> None:
    run = run_settings({"losses": ["mmd"], "strengths": [2, 0.5, 1], "seeds": [1, 2]})
    files = written(run, curve, tmp_path)
    names = sorted(path.name for path in files.values())
    assert names == ["mtaf-1.yaml", "mtaf-2.yaml", "mtaf-3.yaml", "none-1.yaml"] + [
        f"vanilla-{number}.yaml" for number in (1, 2, 3)
    ]
    assert sorted(path.name for path in (tmp_path / "yaml").iterdir()) == names
    assert [load(tmp_path / "yaml" / f"mtaf-{n}.yaml").fairness.strength for n in (1, 2, 3)] == [0.5, 1, 2]


def test_the_file_says_where_it_comes_from_and_what_to_expect(tmp_path: Path) -> None:
    run = run_settings({"losses": ["mmd"], "strengths": [1], "modes": ["vanilla"], "seeds": [1, 2, 3]})
    (path,) = written(run, curve, tmp_path).values()
    text = path.read_text(encoding="utf-8")
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert comment.startswith(
        "Point 1 of 1 on the frontier of `vanilla` (vanilla, mmd, λ 1, shared_bottom), made by `make frontier "
        "CONFIG=mini.yaml`."
    )
    # By `curve`: ARE 1.02 + 0.001 seed, ARFG 0.5 + 0.01 seed.
    assert (
        "over the seeds 1, 2, 3 [lowest, highest]: ARE 1.0220 [1.0210, 1.0230], ARFG 0.5200 [0.5100, 0.5300]" in comment
    )
    assert "This file trains seed 2, the one nearest to the mean: ARE 1.0220, ARFG 0.5200." in comment
    assert "click: error 0.1022, FPR gap 0.0578." in comment
    assert all(len(line) <= 120 for line in text.splitlines())
    assert load(path).training.seed == 2
    assert "frontier:" not in [line for line in text.splitlines()]


def test_of_one_seed_nothing_is_said_of_ranges(tmp_path: Path) -> None:
    run = run_settings({"strengths": [1], "modes": ["vanilla"], "seeds": [5]})
    (path,) = written(run, curve, tmp_path).values()
    assert "nearest" not in path.read_text(
        encoding="utf-8"
    ) and "of one seed: ARE 1.0250, ARFG 0.5500." in path.read_text(encoding="utf-8")
    assert load(path).training.seed == 5


def test_thresholds_on_the_evaluated_scores_are_told(tmp_path: Path) -> None:
    run = run_settings({"strengths": [1], "modes": ["vanilla"], "seeds": [5], "thresholds": "evaluated"})
    (path,) = written(run, curve, tmp_path).values()
    assert "a run fixes them on validation" in path.read_text(encoding="utf-8").replace("\n#  ", "")


def test_a_push_folder_stays(tmp_path: Path) -> None:
    run = run_settings({"strengths": [1], "seeds": [1]}, push={"directory": "/serving"})
    point = points(run)[1]
    assert content(run, point, tmp_path)["push"] == {"directory": "/serving"}
    assert os.path.isabs(content(run, point, tmp_path)["report"]["frontier"])
