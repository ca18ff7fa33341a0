"""The `frontier` block: what it takes, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from models.config.settings import FairnessSettings
from pipeline.frontier.settings import FrontierSettings
from pipeline.settings.config import ConfigError, load

ROOT = Path(__file__).resolve().parents[3]


def test_an_absent_block_has_defaults_that_fit_any_run() -> None:
    block = load(ROOT / "data_schemas" / "sample" / "dataset.yaml").frontier
    assert block.modes == ("none", "vanilla", "mtaf") and block.seeds == (1, 2, 3)
    assert block.losses_of(FairnessSettings(loss="correlation")) == ("correlation",)
    assert block.thresholds == "validation"


def test_strengths_by_loss_name_the_losses() -> None:
    block = FrontierSettings.model_validate({"strengths": {"mmd": [1, 2], "fpr_gap": [0.5]}})
    assert block.losses_of(FairnessSettings(loss="correlation")) == ("mmd", "fpr_gap")
    assert block.strengths_of("mmd") == (1.0, 2.0) and block.strengths_of("fpr_gap") == (0.5,)


def test_a_weighting_is_a_name_or_a_block() -> None:
    block = FrontierSettings.model_validate({"weightings": ["dwa", {"method": "gradnorm", "alpha": 1.0}]})
    assert [weighting.method for weighting in block.weightings or ()] == ["dwa", "gradnorm"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strengths": [-1]}, "`strengths`  should be one or more numbers, at least 0"),
        ({"strengths": []}, "should be one or more numbers"),
        ({"strengths": {"mmd": [float("inf")]}}, "should be a finite number"),
        ({"strengths": {"mmd": [1]}, "losses": ["mmd", "fpr_gap"]}, "a list for each of the losses"),
        ({"strengths": [1], "sample": {"trials": 3}}, "remove `strengths` or `sample`"),
        ({"sample": {"trials": 3, "range": [1, 0.1]}}, "the lower one first"),
        ({"sample": {"trials": 3, "range": [0, 1]}}, "two numbers above 0"),
        ({"sample": {"trials": 0}}, "greater than or equal to 1"),
        ({"networks": ["shared_button"]}, "`networks` should be some of"),
        ({"weightings": ["luck"]}, "luck"),
        ({"seeds": [1, 1]}, "`seeds` should differ"),
        ({"seeds": []}, "at least 1 item"),
        ({"modes": ["mtaff"]}, "mtaf"),
        ({"head_ratios": [-0.5]}, "greater than or equal to 0"),
        ({"reference": {"are": 0}}, "greater than 0"),
        ({"lambda": [1]}, "Extra inputs"),
    ],
)
def test_what_cannot_be_trained_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FrontierSettings.model_validate(wrong)


def test_an_error_names_the_file_and_the_key(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "data_schemas" / "german" / "dataset.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({**content, "frontier": {"thresholds": "later"}}), encoding="utf-8")
    with pytest.raises(ConfigError, match="run.yaml:\n  frontier.thresholds: .*'later'"):
        load(path)
