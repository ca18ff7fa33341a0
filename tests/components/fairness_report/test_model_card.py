"""The model card: fields of the schema, from the run and from the settings."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.fairness_report.model_card import model_card, render_model_card
from components.fairness_report.settings import ModelCardSettings, PageSettings
from components.fairness_report.summary import compose

# Sections of the schema and the fields that it knows in them.
FIELDS = {
    "model_details": {"name", "overview", "documentation", "owners", "version", "licenses", "references", "citations"},
    "model_parameters": {"model_architecture", "data", "input_format", "output_format"},
    "quantitative_analysis": {"performance_metrics", "graphics"},
    "considerations": {"users", "use_cases", "limitations", "tradeoffs", "ethical_considerations"},
}
GIVEN = {
    "name": "Feed ranking <b>",
    "owners": [{"name": "Ranking team", "contact": "ranking@example.org"}],
    "version": {"name": "v3", "date": "2026-01-31"},
    "licenses": [{"identifier": "Apache-2.0"}],
    "references": ["https://example.org/paper"],
    "users": ["the feed"],
    "use_cases": ["ranking short videos"],
    "limitations": ["not for advertisements"],
    "ethical_considerations": [{"name": "older users", "mitigation_strategy": "reviewed each quarter"}],
}


@pytest.fixture
def picture(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG")
    return {"Trade-off": path}


def test_the_fields_are_those_of_the_schema(run: Any, picture: dict[str, Path]) -> None:
    card = model_card(run, compose(run), picture)
    assert set(card) == {"schema_version", *FIELDS} and card["schema_version"] == "0.0.2"
    for section, fields in FIELDS.items():
        assert set(card[section]) <= fields, section
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_what_the_run_knows_is_filled_in(run: Any, rows: Any, picture: dict[str, Path]) -> None:
    card = model_card(run, compose(run), picture)
    metrics = card["quantitative_analysis"]["performance_metrics"]
    rate = next(m for m in metrics if m["type"] == "click: false positive rate" and m["slice"] == "age: old")
    assert rate["value"] == pytest.approx(rows.rate("fpr", "model", "click", "age", "old"))
    assert rate["confidence_interval"]["lower_bound"] < rate["value"] < rate["confidence_interval"]["upper_bound"]
    assert {"Δp in percent, higher is better", "like: error in the worst cell of label and group"} <= {
        m["type"] for m in metrics
    }
    assert {"ARFG", "ARE", "like: AUC", "like: error", "like: FPR gap"} <= {m["type"] for m in metrics}
    assert card["model_details"]["version"]["name"] == run.run_id
    architecture = card["model_parameters"]["model_architecture"]
    assert architecture == "mmoe, 1,234 parameters; fairness loss: mmd, mtaf, λ 0.2"
    assert "device (categorical)" in card["model_parameters"]["input_format"]
    (image,) = card["quantitative_analysis"]["graphics"]["collection"]
    assert base64.b64decode(image["image"]) == b"\x89PNG"
    assert any(
        text.startswith("gender: female (") and ", male (" in text
        for text in card["model_parameters"]["data"][2]["sensitive"]["sensitive_data"]
    )
    assert {"description": "Task `x` has few negatives."} in card["considerations"]["limitations"]


def test_what_only_people_know_comes_from_the_settings(made: Any, rows: Any, picture: dict[str, Path]) -> None:
    run = made.run_of(rows, model_card=GIVEN)
    card = model_card(run, compose(run), picture)
    assert card["model_details"]["owners"] == GIVEN["owners"] and card["model_details"]["version"] == GIVEN["version"]
    assert card["considerations"]["use_cases"] == [{"description": "ranking short videos"}]
    assert card["considerations"]["limitations"][0] == {"description": "not for advertisements"}
    text = render_model_card(card)
    for part in (
        "Ranking team",
        "ranking@example.org",
        "older users: reviewed each quarter",
        "Apache-2.0",
        "v3, 2026-01-31",
    ):
        assert part in text
    assert "Feed ranking &lt;b&gt;" in text and "<b>" not in text
    assert (
        "data:image/png;base64," in text
        and "http" not in text.replace("https://example.org/paper", "").split("<body>")[1]
    )


def test_a_card_without_owners_says_where_they_go(run: Any, picture: dict[str, Path]) -> None:
    text = render_model_card(model_card(run, compose(run), picture))
    assert "model_card.owners" in text and "model_card.use_cases" in text


def test_a_refused_model_says_so(refused: Any, picture: dict[str, Path]) -> None:
    tradeoffs = model_card(refused, compose(refused), picture)["considerations"]["tradeoffs"]
    assert tradeoffs[0]["description"] == "The model was refused by the gate of this run."
    assert len(tradeoffs) == 1 + len(refused.judged.reasons)


@pytest.mark.parametrize(
    ("block", "message"),
    [({"owner": "x"}, "owner"), ({"licenses": [{}]}, "either `identifier` or `custom_text`"),
     ({"version": {"date": "31.1.2026"}}, "version.date")],
)  # fmt: skip
def test_wrong_blocks_are_refused(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelCardSettings.model_validate(block)


def test_the_page_greys_at_least_what_the_gap_leaves_out(made: Any, rows: Any) -> None:
    run = made.run_of(rows, evaluation={"min_count": 80}, report={"min_count": 10})
    assert run.settings.min_count == 80
    with pytest.raises(ValidationError):
        PageSettings(min_count=0)
