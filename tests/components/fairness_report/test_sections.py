"""The page's data, section by section, against the rows and the records it was made of."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from components.fairness_report.page_data import page_data
from components.fairness_report.sections.data import dataset_data
from components.fairness_report.sections.histograms import histogram_data
from components.fairness_report.sections.rates import rates_data, short
from components.fairness_report.sections.tfma import tfma_data
from components.fairness_report.sections.tradeoff import tradeoff_data
from components.fairness_report.sections.training import fairness_text, sharing_notes, training_data
from components.fairness_report.sections.verdict import transfer, verdict_data, widened_gaps
from components.fairness_report.summary import compose
from components.tradeoff_metrics.figures.worst import METRICS
from components.tradeoff_metrics.telling.parts import plain


@pytest.fixture(scope="module")
def summary(run: Any) -> dict[str, Any]:
    return compose(run)


def test_page_data_is_json(run: Any, summary: dict[str, Any]) -> None:
    for part in page_data(run, summary):
        assert json.loads(json.dumps(part, allow_nan=False)) is not None


def test_columns_of_rates_follow_the_groups(run: Any, summary: dict[str, Any], rows: Any) -> None:
    found = rates_data(run, summary)
    assert list(found) == ["gender", "age"]
    age = found["age"]
    assert age["groups"] == ["mid", "old", "young"] and sum(age["rows"]) == len(rows.labels) and age["unknown"] == 0
    for g, group in enumerate(age["groups"]):
        column = age["cells"]["click"]["baseline"]["tpr"]
        expected = rows.rate("tpr", "baseline", "click", "age", group)
        assert column["v"][g] == short(expected)
        assert column["lo"][g] < expected < column["hi"][g]
        assert column["of"][g] == rows.count(1, "click", "age", group)
        assert column["n"][g] == round(expected * column["of"][g])
    assert "n" not in age["cells"]["click"]["model"]["auc"]


def test_gaps_name_their_ends(run: Any, summary: dict[str, Any], rows: Any) -> None:
    for key in rows.groups:
        gap = rates_data(run, summary)[key]["gaps"]["like"]["fpr"]
        rates = {g: rows.rate("fpr", "model", "like", key, g) for g in np.unique(rows.groups[key])}
        assert gap["model"]["highest"] == max(rates, key=lambda g: rates[g])
        assert gap["model"]["value"] == short(max(rates.values()) - min(rates.values()))
        base = {g: rows.rate("fpr", "baseline", "like", key, g) for g in rates}
        ratio = (max(rates.values()) - min(rates.values())) / (max(base.values()) - min(base.values()))
        assert gap["ratio"]["value"] == pytest.approx(ratio, rel=1e-5)


def test_rows_without_a_group_are_counted_apart(made: Any) -> None:
    rows = made.random_rows(["click"], {"gender": ["female", "male", "unknown"]}, n=600)
    found = rates_data(run := made.run_of(rows), compose(run))["gender"]
    assert found["groups"] == ["female", "male"]
    assert found["unknown"] == (rows.groups["gender"] == "unknown").sum()


def test_the_verdict_lists_what_failed_first(refused: Any) -> None:
    found = verdict_data(refused, compose(refused))
    oks = [bound["ok"] for bound in found["bounds"]]
    assert oks == sorted(oks) and not oks[0] and oks[-1]
    units = {bound["metric"]: bound["unit"] for bound in found["bounds"]}
    assert units == {
        "are": "ratio", "arfg": "ratio", "fpr_gap": "points", "fpr_gap_ratio": "ratio", "tpr_gap": "points",
        "worst_group_error": "percent", "min_negatives": "count", "min_positives": "count", "worst_group_auc": "ratio",
        "worst_cell_error": "percent", "worst_cell_auc": "ratio", "delta_p": "change", "error_difference": "points",
        "negative_transfer_count": "count",
    }  # fmt: skip


def test_the_largest_gap_of_a_task_is_over_all_keys_with_enough_rows(made: Any, rows: Any, run: Any) -> None:
    found = verdict_data(run, compose(run))["largest"]
    for task, entry in zip(rows.tasks, found, strict=True):
        rates = {key: [rows.rate("fpr", "model", task, key, g) for g in np.unique(c)] for key, c in rows.groups.items()}
        spread = {key: max(values) - min(values) for key, values in rates.items()}
        assert entry["key"] == max(spread, key=lambda key: spread[key])
        assert entry["value"] == pytest.approx(max(spread.values()))
        assert f"*{task}*" in plain(entry["parts"])
    too_few = made.run_of(rows, report={"min_count": 5000})
    assert verdict_data(too_few, compose(too_few))["largest"] == []


def test_negative_transfer_lists_who_is_worse(run: Any, swapped: Any) -> None:
    assert transfer(run) == []
    found = transfer(swapped)
    assert [(entry["task"], entry["surely"]) for entry in found] == [("like", True), ("click", True)]
    values = swapped.primary["values"]["error_difference/like"]
    assert plain(found[0]["parts"]).startswith(f"*like*: error +{100 * values['value']:.1f} points (+")


def test_the_worst_cell_of_a_task_is_over_all_keys_with_enough_rows(made: Any, rows: Any, run: Any) -> None:
    found = verdict_data(run, compose(run))["worst"]
    for task, entry in zip(rows.tasks, found, strict=True):
        cells = {
            (key, group, kind): rate if kind == "fpr" else 1 - rate
            for key, column in rows.groups.items()
            for group in np.unique(column)
            for kind in ("fpr", "tpr")
            for rate in [rows.rate(kind, "model", task, key, group)]
        }
        key, group, _ = max(cells, key=lambda cell: cells[cell])
        assert entry["key"] == key and entry["value"] == pytest.approx(max(cells.values()))
        assert plain(entry["parts"]).startswith(f"{group} in *{task}*: {100 * entry['value']:.1f} % wrong predictions")
    too_few = made.run_of(rows, report={"min_count": 5000})
    assert verdict_data(too_few, compose(too_few))["worst"] == []


def test_the_table_of_the_worst_agrees_with_the_summary(run: Any, summary: dict[str, Any]) -> None:
    found = rates_data(run, summary)
    for task, figures in summary["tasks"].items():
        for key, expected in (("gender", figures), ("age", figures["worst"]["age"])):
            assert set(found[key]["worst"][task]) == set(METRICS)
            for metric in METRICS:
                for who in ("model", "baseline"):
                    shown = found[key]["worst"][task][metric][who]
                    assert shown["value"] == short(expected[metric][who]["value"])
                    assert (shown["group"], shown["side"]) == tuple(expected[metric][who][k] for k in ("group", "side"))
                    assert shown["of"] > 0


def test_gaps_that_widened_are_named_unless_a_bound_guards_them(made: Any, rows: Any, run: Any) -> None:
    assert widened_gaps(run) == []
    swapped = made.Rows(rows.tasks, rows.labels, rows.known, rows.scores[::-1], rows.groups, rows.thresholds)
    found = widened_gaps(made.run_of(swapped))
    assert {"like", "click"} == {text for entry in found for kind, text in entry["parts"] if kind == "task"}
    assert any("more false positives" in plain(entry["parts"]) for entry in found)
    assert [entry["value"] for entry in found] == sorted((entry["value"] for entry in found), reverse=True)
    guarded = widened_gaps(made.run_of(swapped, gate={"fpr_gap_max": 0.9, "tpr_gap_ratio_max": {"like": 9}}))
    gone = {plain(entry["parts"]) for entry in found} - {plain(entry["parts"]) for entry in guarded}
    assert gone and all("more false positives" in text or "*like*" in text for text in gone)
    # A mean over tasks guards none of them.
    assert len(widened_gaps(made.run_of(swapped, gate={"arfg_max": 9.0}))) == len(found)


def check_thresholds(found: Any, rows: Any, task: str, who: str) -> None:
    """Each of them divides the raw scores as the cells beside it are divided."""
    t, m = rows.tasks.index(task), {"model": 0, "baseline": 1}[who]
    for cells, group in zip(found["groups"], np.unique(rows.groups["age"]), strict=True):
        for label, part in ((0, 0), (1, 2)):
            inside = rows.known[:, t] & (rows.groups["age"] == group) & (rows.labels[:, t] == label)
            for step, threshold in enumerate(found["thresholds"]):
                above = sum(n for cell, n in zip(cells[part], cells[part + 1], strict=True) if cell > step)
                assert above == (rows.scores[m, inside, t] > threshold).sum()


def test_histograms_give_the_rates_at_each_of_their_thresholds(run: Any, rows: Any) -> None:
    for who in ("model", "baseline"):
        found = histogram_data(run)["age"]["like"][who]
        assert 400 < len(found["thresholds"]) <= 1001
        check_thresholds(found, rows, "like", who)


def test_too_many_cells_are_joined_and_lose_no_row(run: Any, rows: Any) -> None:
    fine, coarse = histogram_data(run), histogram_data(run, max_cells=2000)
    cells = 0
    for key in fine:
        for task in fine[key]:
            for who, new in coarse[key][task].items():
                old = fine[key][task][who]
                assert set(new["thresholds"]) < set(old["thresholds"])
                assert (new["thresholds"][0], new["thresholds"][-1]) == (0, 1)
                for before, after in zip(old["groups"], new["groups"], strict=True):
                    assert (sum(before[1]), sum(before[3])) == (sum(after[1]), sum(after[3]))
                    assert after[0] == sorted(set(after[0])) and max(after[0]) < len(new["thresholds"])
                    cells += len(after[0]) + len(after[2])
    assert cells <= 2000
    check_thresholds(coarse["age"]["click"]["baseline"], rows, "click", "baseline")


def test_tfma_tables_hold_what_tfma_computed(run: Any) -> None:
    table = tfma_data("like", run)
    assert "auc" in table["names"] and not [name for name in table["names"] if name.endswith("_diff")]
    assert table["slices"][0] == ["", "Overall", "Overall"]
    assert ["group/gender", "female", "group/gender:female"] in table["slices"]
    assert len(table["slices"]) == 1 + 2 + 3 == len(table["model"]) == len(table["baseline"])
    for number, (slice_key, outputs) in enumerate(run.slices["candidate"]):
        name = "Overall" if not slice_key else ":".join(slice_key[0])
        row = [slice[2] for slice in table["slices"]].index(name)
        expected = outputs["like"][""]["auc"]["doubleValue"]
        assert table["model"][row][table["names"].index("auc")] == short(expected), number


def test_earlier_runs_of_other_tasks_or_groups_are_no_points(summary: dict[str, Any]) -> None:
    other = {**summary, "run": "earlier", "settings": {**summary["settings"], "fairness": {"strength": 0.5}}}
    strange = {**summary, "group": "age"}
    undefined = {**summary, "arfg": {"value": None, "interval": None, "reason": "0"}}
    frontier = [{"arfg": 0.5, "are": 1.0, "settings": {"a": "1"}}]
    found = tradeoff_data(summary, [other, strange, undefined], 2, frontier)
    assert [(p["run"], p["current"]) for p in found["points"]][::2] == [("earlier", False), (summary["run"], True)]
    assert found["points"][0]["changes"] == {"fairness.strength": [0.5, 0.2]} and found["points"][2]["changes"] == {}
    assert found["points"][1]["arfg"] == [None, None, None]
    assert found["frontier"] == frontier and found["gone"] == 2 and found["known"]
    assert found["limits"] == {"are": 2.0}
    assert not tradeoff_data(summary, None, 0, [])["known"]


@pytest.mark.parametrize(
    ("mode", "first", "asked", "text"),
    [
        ("none", {"like": 1.0, "click": 1.0}, None, "none"),
        ("mtaf", {"like": 0.2, "click": 0.2}, None, "mmd, mtaf, λ 0.2"),
        ("mtaf", {"like": 0.2, "click": 1.5}, None, "mmd, mtaf, λ 0.2 (like) and 1.5 (click)"),
        ("vanilla", {"like": 0.0, "click": 0.0}, 0.05, "mmd, vanilla, λ learned for FPR gaps of at most 0.05"),
        (
            "vanilla",
            {"like": 0.0, "click": 1.0},
            {"like": 0.05},
            "mmd, vanilla, λ learned for FPR gaps of at most 0.05 (like), λ 1 (click)",
        ),
    ],
)
def test_what_a_training_did_for_fairness_is_told(mode: str, first: dict[str, float], asked: Any, text: str) -> None:
    fairness = {"mode": mode, "loss": "mmd", "strength": None, "target_gap": asked}
    assert fairness_text({"tasks": ["like", "click"], "fairness": fairness, "first_strength": first}) == text


def test_training_curves_and_weights(made: Any, rows: Any) -> None:
    run = made.run_of(rows, tasks=[{"name": "like", "weight": 3.0}, {"name": "click", "weight": 1.0}])
    found = training_data(run)
    assert found["model"]["weights"] == {"like": 0.75, "click": 0.25}
    assert found["baseline"]["weights"] == {"like": 0.5, "click": 0.5}
    task = found["model"]["tasks"]["like"]
    assert task["fairness"] == {"head": [0.02] * 4, "shared": [0.01] * 4}
    assert task["fpr_gap"] == [short(0.1 / e) for e in range(1, 5)]
    assert found["baseline"]["tasks"]["like"]["fairness"] == {}
    assert "strength" not in task and "gates" not in task
    weights = [0.25, 0.3, 0.35, 0.4]
    for record, weight in zip(run.training["candidate"]["history"], weights, strict=True):
        record["tasks"]["like"] = {**record["tasks"]["like"], "strength": 0.3, "gates": [0.9, 0.1], "weight": 0.5}
        record["tasks"]["click"] = {**record["tasks"]["click"], "weight": weight}
    run.training["candidate"]["gate_names"] = {"like": ["public", "private of <like>"]}
    found = training_data(run)["model"]["tasks"]
    assert found["like"]["strength"] == [0.3] * 4 and found["like"]["gates"][0] == [0.9, 0.1]
    assert found["like"]["gate_names"] == ["public", "private of <like>"] and found["click"]["weight"] == weights
    # A weight that stands still is told once.
    assert "weight" not in found["like"]
    # A task without gates has no names, and gates without names have none.
    assert "gate_names" not in found["click"]
    del run.training["candidate"]["gate_names"]
    assert "gate_names" not in training_data(run)["model"]["tasks"]["like"]
    run.training["candidate"]["gate_names"] = {"like": ["public"]}
    with pytest.raises(ValueError, match=r"task `like`: expected as many `gates` as `gate_names` \['public'\]"):
        training_data(run)


def test_what_a_strategy_decided_on_sharing_is_said() -> None:
    assert (
        sharing_notes({})
        == sharing_notes({"closed_gates": [], "architecture": None, "parameters": {"network": 5}})
        == []
    )
    (closed,) = sharing_notes({"closed_gates": ["like", "click"]})
    assert "closed" in closed and "like, click" in closed
    notes = sharing_notes(
        {
            "closed_gates": [],
            "architecture": {"like": ["public", "private"]},
            "parameters": {"network": 1234, "full": 5678, "single_task": 3456},
        }
    )
    assert notes[0] == "like takes, from the input on: public, private." and "1,234" in notes[1] and "5,678" in notes[1]


def test_the_data_section(run: Any, summary: dict[str, Any], rows: Any) -> None:
    found = dataset_data(run, summary)
    cell = found["tasks"]["click"]["test"]
    t = rows.tasks.index("click")
    assert (
        cell["known"] == rows.known[:, t].sum() and cell["positives"] == (rows.known & (rows.labels == 1))[:, t].sum()
    )
    assert cell["shared"] + cell["specific"] + cell["undetermined"] == cell["known"] - cell["positives"]
    assert set(found["groups"]["age"]) == {"train", "test"}
    assert found["groups"]["age"]["train"]["like"]["old"]["rows"] == (rows.groups["age"] == "old").sum()
    age, device = found["features"]
    assert age["splits"]["train"]["missing"] == 0.25 and age["splits"]["test"]["histogram"] == [0.25, 0.75]
    assert device["splits"]["train"]["top"] == [["<b>phone</b>", 0.75], ["tv", 0.25]]
    assert found["leftOut"][0].startswith("6 rows") and found["warnings"] == ["Task `x` has few negatives."]
