"""What became of the targets stands in the summary and at the end of a run."""

from __future__ import annotations

from typing import Any

from models.training.progress import epoch_line
from tests.pipeline.showing.test_terminal import printed, summary

HELD = {"held": True, "sentence": "target_gap 0.1 of `click [raw]` was held on validation: an FPR gap of 0.0800"}
MISSED = {"held": False, "sentence": "target_gap 0.01 of `like` was NOT held on validation: the closest was 0.0300"}


def test_the_end_of_a_run_says_which_targets_were_held() -> None:
    text = printed(summary(target_gap={"click [raw]": HELD, "like": MISSED}))
    assert HELD["sentence"] in text and MISSED["sentence"] in text
    assert "target_gap" not in printed(summary())


def test_the_line_of_an_epoch_shows_the_strength() -> None:
    validation = {"loss": 0.5, "auc": 0.75, "threshold": 0.4, "fpr_gap": 0.125}
    figures: dict[str, Any] = {"train": {"loss": 0.6, "auc": 0.7, "fairness": {}}, "validation": validation}
    record = {
        "epoch": 0,
        "seconds": 1.0,
        "rows_per_second": 10.0,
        "loss": {"train": 0.6, "validation": 0.5},
        "tasks": {"like": {**figures, "strength": 0.31416}, "click": figures},
    }
    short, like, click = epoch_line(record, 2, best=False).split("  |  ")
    assert short.endswith("validation 0.5000  like: FPR gap 0.1250 λ 0.314")
    assert like.endswith("FPR gap 0.1250 λ 0.3142") and "λ" not in click
