"""Every figure of every slice equals TFMA's own."""

import math

import pytest

from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from pipeline.evaluation import build_eval_config

TASKS = [("like", 0.6), ("click", "base_rate")]
GROUPS = ["gender", "age"]
SLICES = (("country",), ("group/gender", "country"), ("hour", "group/age"), ("absent",))


def config(batched):
    evaluation = EvaluationSettings(batched=batched, slices=SLICES)
    result = build_eval_config(TASKS, GROUPS, evaluation, GateSettings(arfg_max=2), "0")
    # A slice of one value, which an EvalConfig may ask for too.
    result.slicing_specs.add(feature_keys=["group/age"], feature_values={"hour": "1"})
    return result


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, float):
            assert found[key] == value or found[key] == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True), key
        else:
            assert found[key] == value, key


def test_every_key_of_every_slice(tmp_path, rows_module, write_rows, evaluate):
    rows = rows_module.random_rows(1, 120)
    # Two files make two bundles; the second starts with a column that the first has in no row.
    for i, part in enumerate((rows[:70], [row | {"absent": ["here"]} for row in rows[70:]])):
        write_rows(str(tmp_path / "data" / f"rows-{i}"), part)
    stock = evaluate(config(False), tmp_path / "data" / "*", tmp_path / "stock")
    ours = evaluate(config(True), tmp_path / "data" / "*", tmp_path / "ours")
    assert_equal(ours, stock)
    slices = {key[0] for key in stock}
    assert {
        (),
        (("country", b"be"),),
        (("country", b"at"), ("group/gender", b"f")),
        (("absent", b"here"),),
        (("group/age", b"old"), ("hour", 1)),
        (("negative/click", 3),),
    } <= slices
    # Not equal because nothing was computed: AUC is a number, and missing labels are left out of counts.
    assert 0.5 < stock[(), "candidate", "click", "auc", True, False] < 1
    known = sum(row["weight/click"][0] for row in rows)
    assert ours[(), "candidate", "click", "example_count", True, False] == known < 120
    # Where no label is known, TFMA has no mean either.
    assert math.isnan(ours[(("negative/click", 3),), "candidate", "click", "mean_label", True, False])


def test_workers_and_shards_do_not_matter(tmp_path, rows_module, write_rows, evaluate):
    rows = rows_module.random_rows(3, 200)
    write_rows(str(tmp_path / "one" / "rows"), rows)
    for i in range(4):
        write_rows(str(tmp_path / "four" / f"rows-{i}"), rows[i::4])
    alone = evaluate(config(True), tmp_path / "one" / "*", tmp_path / "alone")
    shared = evaluate(config(True), tmp_path / "four" / "*", tmp_path / "shared", workers=2)
    assert_equal(shared, alone)
    assert len(alone) > 5_000


@pytest.mark.slow
def test_five_thousand_rows(tmp_path, rows_module, write_rows, evaluate):
    write_rows(str(tmp_path / "data" / "rows"), rows_module.random_rows(2, 5000))
    stock = evaluate(config(False), tmp_path / "data" / "*", tmp_path / "stock")
    assert_equal(evaluate(config(True), tmp_path / "data" / "*", tmp_path / "ours"), stock)
    assert len(stock) > 10_000
