"""Rows without a value of the column that names clusters: each is a cluster of its own, by whatever path it comes."""

import re

import numpy as np
import pytest

from components.tradeoff_metrics.counting.accumulator import BLOCKS, GroupAccumulator
from components.tradeoff_metrics.counting.rows import blocks_of
from components.tradeoff_metrics.details import decode_details
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from components.tradeoff_metrics.summary import summarise
from pipeline.evaluation import build_eval_config
from pipeline.running.failures import sentence

TASKS, GROUPS = ["like", "click"], ["gender", "age"]
THRESHOLDS = np.array([[0.6, 0.4]] * 2)


def config(batched, **settings):
    evaluation = EvaluationSettings(
        batched=batched, cluster="user", slice_negative_kinds=False, min_count=1, **settings
    )
    return build_eval_config([("like", 0.6), ("click", "base_rate")], GROUPS, evaluation, GateSettings(arfg_max=2), "0")


@pytest.fixture
def made(rows_module, write_rows, tmp_path):
    """Rows of which a third have a user, some an empty one and the others none; the second file has none in any row."""
    rows = rows_module.random_rows(4, 150)
    for i, row in enumerate(rows[:100]):
        if i % 2:
            row["user"] = [f"u{i % 13}"] if i % 5 else [""]
    write_rows(str(tmp_path / "data" / "rows-0"), rows[:100])
    write_rows(str(tmp_path / "data" / "rows-1"), rows[100:])
    return rows, tmp_path / "data" / "*"


def details_of(values, where=()):
    names = {"": "gender", "@age": "age"}
    return {
        group: decode_details(values[where, "candidate", "", f"tradeoff_details{end}", False, False])
        for end, group in names.items()
    }


def direct(rows):
    """Details as the experiments make them, of arrays."""
    labels, known = (np.array([[row[f"{what}/{t}"][0] for t in TASKS] for row in rows]) for what in ("label", "weight"))
    scores = np.array([[[row[f"{m}_{t}"][0] for t in TASKS] for row in rows] for m in ("candidate", "baseline")])
    scores = scores.astype(np.float32)
    groups = {key: np.array([row[f"group/{key}"][0] for row in rows]) for key in GROUPS}
    users = np.array([row.get("user", [""])[0] for row in rows])
    block, lone = blocks_of(users, BLOCKS, labels, known.astype(np.float32), scores, list(groups.values()))
    result = {}
    for key in GROUPS:
        accumulator = GroupAccumulator(TASKS, THRESHOLDS, BLOCKS)
        accumulator.add_batch(labels, known, scores, groups[key], block, lone)
        result[key] = summarise(accumulator, key, None if key == "gender" else key, cluster="user", min_count=1)[1]
    return result


def assert_close(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(found[key], value)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
    else:
        assert found == expected


@pytest.mark.parametrize("batched", [True, False])
def test_every_path_gives_the_same_figures_and_counts_them(made, evaluate, tmp_path, batched):
    rows, data = made
    values = evaluate(config(batched), data, tmp_path / "out")
    found, expected = details_of(values), direct(rows)
    lone = sum(not row.get("user", [""])[0] for row in rows)
    assert 0 < lone < len(rows)
    for key in GROUPS:
        assert found[key]["lone_rows"] == lone and found[key]["cluster"] == "user"
        assert_close(found[key]["values"], expected[key]["values"])
        assert_close(found[key]["tasks"], expected[key]["tasks"])
    women = details_of(values, (("group/gender", b"f"),))["gender"]
    own = [row for row in rows if row["group/gender"] == ["f"]]
    assert women["lone_rows"] == sum(not row.get("user", [""])[0] for row in own) and women["rows"] == len(own)


def test_a_column_that_no_row_has_takes_all_rows_as_independent(rows_module, write_rows, evaluate, tmp_path):
    rows = rows_module.random_rows(5, 60)
    write_rows(str(tmp_path / "data" / "rows"), rows)
    found = details_of(evaluate(config(True), tmp_path / "data" / "*", tmp_path / "out"))["gender"]
    assert found["lone_rows"] == found["rows"] == 60
    assert_close(found["values"], direct(rows)["gender"]["values"])


def test_several_values_in_a_row_are_refused(made, write_rows, evaluate, tmp_path):
    rows, _ = made
    rows[3]["user"] = ["u1", "u2"]
    write_rows(str(tmp_path / "bad" / "rows"), rows)
    with pytest.raises(Exception) as error:
        evaluate(config(True), tmp_path / "bad" / "*", tmp_path / "out")
    message = sentence(error.value)
    assert re.search(r"column `user` should hold one text, or none, in every row. Received: .*u1.*u2", message), message
