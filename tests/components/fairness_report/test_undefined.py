"""A run with figures that are undefined: its report is strict JSON, and says why each of them is."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.fairness_report.executor import write_report

NAN = float("nan")


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"not JSON: {word}")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def undefined(made: Any) -> Any:
    """Test rows without a positive of `like` and without a known label of `click`, and a training that saw the same."""
    rows = made.random_rows(["like", "click"], {"gender": ["female", "male"], "age": ["old", "mid", "young"]}, n=400)
    rows.labels[:, 0] = 0
    rows.known[:, 1] = False
    bounds = {"are_max": 2.0, "arfg_max": 1.0, "worst_group_auc_min": 0.5, "tpr_gap_max": 0.1, "delta_p_min": -5}
    run = made.run_of(rows, gate=bounds)
    training = copy.deepcopy(run.training)
    for history in (training["candidate"]["history"], training["baseline"]["history"]):
        history[0]["tasks"]["like"]["validation"] |= {"auc": NAN, "fpr_gap": NAN}
        history[1]["tasks"]["like"]["train"]["auc"] = NAN
        history[1]["loss"]["train"] = float("inf")
    return dataclasses.replace(run, training=training)


@pytest.fixture(scope="module")
def written(undefined: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undefined")
    write_report(folder, undefined)
    return folder


def test_all_that_is_written_is_strict_json(written: Path) -> None:
    page = (written / "index.html").read_text(encoding="utf-8")
    embedded = re.findall(r'<script type="application/json" id="[^"]*">(.*?)</script>', page, re.DOTALL)
    assert len(embedded) >= 3
    for text in [*embedded, *((written / name).read_text("utf-8") for name in ("summary.json", "model_card.json"))]:
        strict(text)


def estimates(found: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(found, dict):
        if {"value", "interval", "reason"} <= set(found):
            yield where, found
        for key, part in found.items():
            yield from estimates(part, f"{where}/{key}")


def test_each_undefined_figure_says_why(written: Path) -> None:
    summary = strict((written / "summary.json").read_text(encoding="utf-8"))
    missing = {where: found for where, found in estimates(summary) if found["value"] is None}
    assert {"/arfg", "/are", "/tasks/like/auc/model", "/tasks/click/error/model"} <= set(missing)
    assert all(found["reason"] for found in missing.values())
    assert not summary["blessed"] and all("nan" not in reason.split() for reason in summary["reasons"])


def test_what_a_reader_sees_names_no_nan(written: Path) -> None:
    card = (written / "model_card.html").read_text(encoding="utf-8")
    texts = re.sub(r"<[^>]*>", " ", re.sub(r"<(script|style)\b.*?</\1>", " ", card, flags=re.DOTALL))
    assert not re.search(r"\bnan\b", texts, re.IGNORECASE)
