"""What a person reads at the end of a run."""

from __future__ import annotations

import io
from typing import Any

from pipeline.showing.console import new_console
from pipeline.showing.terminal import show


def estimate(value: float | None, interval: list[float] | None = None, reason: str = "") -> dict[str, Any]:
    return {"value": value, "interval": interval, "reason": reason}


def summary(**changes: Any) -> dict[str, Any]:
    triple = {
        "baseline": estimate(0.2, [0.18, 0.22]),
        "model": estimate(0.1, [0.08, 0.12]),
        "ratio": estimate(0.5, [0.4, 0.6]),
    }
    worst = {
        "baseline": estimate(0.3) | {"group": "male", "side": "negatives", "left_out": []},
        "model": estimate(0.25) | {"group": "fe[male]", "side": "", "left_out": []},
    }
    task = {
        "error": triple,
        "fpr_gap": triple,
        "error_difference": {"model": estimate(0.011, [0.002, 0.02])},
        "worst_group_error": worst,
        "worst_cell_error": worst,
        "worst_group_auc": worst
        | {"model": estimate(None, None, "no rows") | {"group": None, "side": "", "left_out": []}},
    }
    return {
        "dataset": "mini",
        "group": "gender",
        "rows": {"test": 1234},
        "left_out": ["`test` is a sample of 1,234 of 5,000 rows"],
        "tasks": {"click [raw]": task},
        "arfg": estimate(0.5, [0.4, 0.6]),
        "are": estimate(1.01, [0.99, 1.03]),
        "delta_p": estimate(-1.0, [-3.0, 1.0]),
        "negative_transfer_count": estimate(1.0, [1.0, 1.0]),
        "negative_transfer": {"surely": ["click [raw]"], "possibly": []},
        "blessed": True,
        "reasons": [],
        "pushed": "/serving/17",
        "paths": {"evaluation": "/runs/evaluation"},
        "settings": {"evaluation": {"cluster": None}},
        **changes,
    }


def printed(content: dict[str, Any]) -> str:
    out = io.StringIO()
    show(content, new_console(file=out, width=200))
    return out.getvalue()


def test_a_pushed_model() -> None:
    text = printed(summary())
    assert "`test` is a sample of 1,234 of 5,000 rows" in text
    assert "1,234 rows" in text and "gaps between gender" in text
    assert "click [raw]" in text
    assert "0.5000 [0.4000, 0.6000]" in text and "1.0100 [0.9900, 1.0300]" in text
    assert "passed the gate and pushed to /serving/17" in text
    assert "/runs/evaluation" in text


def test_what_sharing_does_to_tasks_and_who_is_worst() -> None:
    text = printed(summary())
    assert "-1.00 % [-3.00, +1.00]   (above 0: better than training the tasks apart)" in text
    assert "negative transfer, surely   click [raw] (error +1.10 points, +0.20 to +2.00)" in text
    assert "possibly" not in text
    assert "0.3000 male negatives → 0.2500 fe[male]" in text and "0.3000 male negatives → undefined" in text
    none = {"surely": [], "possibly": ["click [raw]"]}
    text = printed(summary(negative_transfer=none))
    assert "negative transfer, surely   no task" in text and "negative transfer, possibly click [raw]" in text
    undefined = estimate(None, None, "no label of task `x` is known")
    text = printed(summary(negative_transfer_count=undefined, delta_p=undefined))
    assert "negative transfer: undefined, no label of task `x` is known" in text
    assert "mean relative change of error  undefined" in text
    assert "-1.00 % (interval unbounded)" in printed(summary(delta_p=estimate(-1.0, None, "holds 0")))


def test_a_refused_model_comes_with_every_reason() -> None:
    text = printed(summary(blessed=False, pushed=None, reasons=["ARE is 1.2, above 1.05", "click [raw]: gap 0.2"]))
    assert "refused by the gate, not pushed" in text and "passed" not in text
    assert "• ARE is 1.2, above 1.05" in text and "• click [raw]: gap 0.2" in text


def test_an_undefined_value_is_no_number() -> None:
    text = printed(summary(arfg=estimate(None, None, "the baseline's FPR gap of task `click` is 0")))
    assert "ARFG, average relative fairness gap  undefined" in text
    assert "the baseline's FPR gap of task `click` is 0" in text


def test_an_unbounded_interval_is_said() -> None:
    text = printed(summary(arfg=estimate(0.7, None, "the interval holds 0")))
    assert "0.7000 (interval unbounded)" in text and "the interval holds 0" in text


def test_nothing_that_is_printed_is_markup() -> None:
    changed = summary(
        dataset="m[v2]",
        group="[red]g",
        pushed="/a [v2]/:smile:",
        paths={"report": "/a [v2][/bold]"},
        left_out=["[dim]x"],
    )
    text = printed(changed | {"reasons": ["[bold]why[/]"]})
    for shown in (
        "m[v2]: test split",
        "gaps between [red]g",
        "/a [v2]/:smile:",
        "/a [v2][/bold]",
        "[dim]x",
        "[bold]why[/]",
    ):
        assert shown in text


def test_what_intervals_take_as_independent_is_said() -> None:
    assert "intervals: rows are taken as independent" in printed(summary())
    clustered = printed(summary(settings={"evaluation": {"cluster": "user_id"}}))
    assert "intervals: values of `user_id` are resampled" in clustered
