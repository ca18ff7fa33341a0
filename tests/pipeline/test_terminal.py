"""What a person reads at the end of a run."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from pipeline.terminal import show


def estimate(value: float | None, interval: list[float] | None = None, reason: str = "") -> dict[str, Any]:
    return {"value": value, "interval": interval, "reason": reason}


def summary(**changes: Any) -> dict[str, Any]:
    triple = {
        "baseline": estimate(0.2, [0.18, 0.22]),
        "model": estimate(0.1, [0.08, 0.12]),
        "ratio": estimate(0.5, [0.4, 0.6]),
    }
    return {
        "dataset": "mini",
        "group": "gender",
        "rows": {"test": 1234},
        "left_out": ["`test` is a sample of 1,234 of 5,000 rows"],
        "tasks": {"click [raw]": {"error": triple, "fpr_gap": triple}},
        "arfg": estimate(0.5, [0.4, 0.6]),
        "are": estimate(1.01, [0.99, 1.03]),
        "blessed": True,
        "reasons": [],
        "pushed": "/serving/17",
        "paths": {"evaluation": "/runs/evaluation"},
        "settings": {"evaluation": {"cluster": None}},
        **changes,
    }


def printed(content: dict[str, Any]) -> str:
    out = io.StringIO()
    show(content, Console(file=out, width=200))
    return out.getvalue()


def test_a_pushed_model() -> None:
    text = printed(summary())
    assert "`test` is a sample of 1,234 of 5,000 rows" in text
    assert "1,234 rows" in text and "gaps between gender" in text
    assert "click [raw]" in text
    assert "0.5000 [0.4000, 0.6000]" in text and "1.0100 [0.9900, 1.0300]" in text
    assert "passed the gate and pushed to /serving/17" in text
    assert "/runs/evaluation" in text


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


def test_what_intervals_take_as_independent_is_said() -> None:
    assert "intervals: rows are taken as independent" in printed(summary())
    clustered = printed(summary(settings={"evaluation": {"cluster": "user_id"}}))
    assert "intervals: values of `user_id` are resampled" in clustered
