"""Rows from TFMA's extracts to the accumulators, one at a time or many in one element."""

import pickle

import numpy as np
import pytest
from scipy import stats
from tensorflow_model_analysis.proto import config_pb2

from components.tradeoff_metrics.counting.accumulator import BLOCKS, GroupAccumulator
from components.tradeoff_metrics.counting.rows import FLUSH_ROWS, RowPreprocessor, TradeoffRows, block_of, blocks_of
from components.tradeoff_metrics.metrics import FairnessTradeoff, TradeoffCombiner

TASKS, GROUPS = ["like", "click"], ["gender", "age"]
THRESHOLDS = {"candidate": {"like": 0.5, "click": 0.4}, "baseline": {"click": 0.6, "like": 0.3}}
ARRAY = np.array([[0.5, 0.4], [0.3, 0.6]])


def random_rows(seed, n):
    rng = np.random.default_rng(seed)
    return dict(
        labels=rng.integers(0, 2, (n, 2)),
        known=rng.integers(0, 2, (n, 2)),
        scores=rng.random((2, n, 2)).astype(np.float32),
        gender=rng.choice(["f", "m", "ü"], n),
        age=rng.choice(["young", "old"], n),
    )


def extracts(rows, index):
    """What TFMA hands to a preprocessor for the rows ``index``."""
    by_task = lambda array: {task: array[index, t] for t, task in enumerate(TASKS)}  # noqa: E731
    models = ("candidate", "baseline")
    return {
        "labels": {model: by_task(rows["labels"]) for model in models},
        "example_weights": {model: by_task(rows["known"]) for model in models},
        "predictions": {model: by_task(rows["scores"][m]) for m, model in enumerate(models)},
        "features": {f"group/{g}": np.array([v.encode() for v in rows[g][index]], object) for g in GROUPS},
        "decision_thresholds": THRESHOLDS,
    }


def elements(rows, parts):
    preprocessor = RowPreprocessor(TASKS, GROUPS, "candidate", "baseline")
    n = len(rows["labels"])
    return [e for index in np.array_split(np.arange(n), parts) for e in preprocessor.process(extracts(rows, index))]


def moments(accumulator):
    order = accumulator.ordered()
    return (
        [accumulator.groups[g] for g in order],
        accumulator.moments[order].tolist(),
        [one.scores().counts.sum() for of_model in accumulator.histograms for one in of_model],
    )


@pytest.mark.parametrize("parts", [1, 7, 1500])
def test_rows_reach_every_group_key(parts):
    rows = random_rows(1, 1500)
    waiting = TradeoffRows(TASKS, GROUPS)
    for element in elements(rows, parts):
        waiting.add(*element)
    waiting.flush()
    for group in GROUPS:
        direct = GroupAccumulator(TASKS, ARRAY)
        direct.add_batch(rows["labels"], rows["known"], rows["scores"], rows[group])
        assert moments(waiting.accumulators[group]) == moments(direct)


def test_rows_are_moved_in_batches_and_none_is_lost_in_a_pickle():
    rows = random_rows(2, FLUSH_ROWS + 5)
    waiting = TradeoffRows(TASKS, GROUPS)
    sizes = []
    for element in elements(rows, FLUSH_ROWS + 5):
        waiting.add(*element)
        sizes.append(int(waiting.accumulators["age"].rows.sum()))
    assert sizes[FLUSH_ROWS - 2] == 0 and sizes[FLUSH_ROWS - 1] == sizes[-1] == FLUSH_ROWS
    assert pickle.loads(pickle.dumps(waiting)).accumulators["age"].rows.sum() == FLUSH_ROWS + 5


def test_combiner_gives_the_same_whatever_the_sharding_and_merge_order():
    rows = random_rows(3, 400)
    combiner = TradeoffCombiner(TASKS, GROUPS, "candidate", bins=20, confidence=0.95, min_count=1)
    outputs = []
    for parts, reverse in ((1, False), (13, False), (13, True)):
        shards = []
        for element in elements(rows, parts):
            shards.append(combiner.add_input(combiner.create_accumulator(), element))
        shards.append(combiner.create_accumulator())
        merged = combiner.merge_accumulators(shards[::-1] if reverse else shards)
        outputs.append(combiner.extract_output(combiner.compact(merged)))
    for other in outputs[1:]:
        assert other.keys() == outputs[0].keys()
        for key, value in outputs[0].items():
            if isinstance(value, float):
                assert other[key] == pytest.approx(value, rel=1e-12, nan_ok=True)
    assert {key.model_name for key in outputs[0]} == {"candidate"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda e: e.pop("decision_thresholds"),
            'run the Evaluator with module_path="components.tradeoff',
        ),
        (
            lambda e: e["features"].pop("group/age"),
            "column `group/age` should hold a text in every row. Received: None",
        ),
        (lambda e: e["features"].update({"group/age": np.array([], object)}), "column `group/age` should hold a text"),
        (
            lambda e: e["labels"]["candidate"].update(like=None),
            r"the label of task `like` should be 1 number\(s\).*None",
        ),
        (lambda e: e["example_weights"]["candidate"].update(like=np.ones(2)), "the weight of task `like`"),
        (lambda e: e["predictions"]["baseline"].update(click=np.ones(2)), "the baseline's score of task `click`"),
    ],
)
def test_incomplete_rows_are_refused_with_column_or_task(change, message):
    element = extracts(random_rows(4, 1), np.array([0]))
    change(element)
    with pytest.raises(ValueError, match=message):
        list(RowPreprocessor(TASKS, GROUPS, "candidate", "baseline").process(element))


def test_rows_decided_at_other_thresholds_do_not_mix():
    (block, values, _), *_ = elements(random_rows(5, 3), 3)
    waiting = TradeoffRows(TASKS, GROUPS)
    waiting.add(block, values, ARRAY)
    waiting.add(block, values, ARRAY.copy())
    with pytest.raises(ValueError, match="the same in all rows"):
        waiting.add(block, values, ARRAY + 0.1)


def test_metric_needs_a_candidate_and_a_baseline():
    config = config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec(name="candidate")])
    with pytest.raises(ValueError, match=r"needs a candidate and a baseline model.*\['candidate'\]"):
        FairnessTradeoff(TASKS, GROUPS).computations(config, model_names=["candidate"])


def test_metric_survives_its_config():
    metric = FairnessTradeoff(TASKS, GROUPS, code="abc", bins=7)
    again = FairnessTradeoff.from_config(dict(metric.get_config()))
    assert again.get_config() == metric.get_config()
    models = [config_pb2.ModelSpec(name="candidate"), config_pb2.ModelSpec(name="baseline", is_baseline=True)]
    config = config_pb2.EvalConfig(model_specs=models)
    names = ["candidate", "baseline"]
    # Equal computations are computed once.
    first, second = (m.computations(config, model_names=names)[0] for m in (metric, again))
    assert first == second


def blocks(rows, users, index=slice(None), text=bytes):
    encode = (lambda values: np.char.encode(values, "utf-8").astype(object)) if text is bytes else np.asarray
    groups = [encode(rows[group][index]) for group in GROUPS]
    labels, known, scores = rows["labels"][index], rows["known"][index], rows["scores"][:, index]
    return blocks_of(encode(users[index]), BLOCKS, labels, known, scores, groups)


def test_the_block_of_a_row_without_a_cluster_follows_from_the_row_alone():
    rows = random_rows(6, 5_000)
    users = np.where(np.arange(5_000) % 4 == 0, "", "u1")
    block, lone = blocks(rows, users)
    np.testing.assert_array_equal(lone, users == "")
    assert (block[~lone] == block_of(np.array(["u1"], object), BLOCKS)).all()
    # Evenly spread, as rows that know nothing of each other.
    assert stats.chisquare(np.bincount(block[lone], minlength=BLOCKS)).pvalue > 1e-4
    order = np.random.default_rng(7).permutation(5_000)
    np.testing.assert_array_equal(blocks(rows, users, order)[0], block[order])
    np.testing.assert_array_equal(blocks(rows, users, slice(40, 50))[0], block[40:50])
    # As the experiments have them: texts that are no bytes, numbers of other types, labels of no meaning.
    other = dict(rows, known=rows["known"].astype(np.float32), scores=rows["scores"].astype(np.float64))
    other["labels"] = np.where(rows["known"] == 1, rows["labels"], 1).astype(np.float64)
    np.testing.assert_array_equal(blocks(other, users, text=str)[0], block)


@pytest.mark.parametrize("change", ["labels", "known", "scores", "gender", "age"])
def test_rows_that_differ_in_anything_may_lie_in_other_blocks(change):
    rows, users = random_rows(8, 400), np.full(400, "")
    rows["known"][:] = 1
    other = dict(rows)
    if change in GROUPS:
        other[change] = np.where(rows[change] == rows[change][0], rows[change][-1], "z")
    elif change == "scores":
        other["scores"] = rows["scores"] * np.float32(0.99)
    else:
        other[change] = 1 - rows[change]
    assert (blocks(rows, users)[0] != blocks(other, users)[0]).mean() > 0.9


def test_rows_without_a_cluster_are_counted_whatever_the_sharding():
    rows = random_rows(9, 600)
    users = np.array([b"" if i % 3 else f"u{i % 7}".encode() for i in range(600)], object)
    preprocessor = RowPreprocessor(TASKS, GROUPS, "candidate", "baseline", "user")
    found = []
    for parts in (1, 9, 600):
        waiting = []
        for index in np.array_split(np.arange(600), parts):
            given = extracts(rows, index)
            given["features"]["user"] = users[index]
            if parts == 600 and not users[index[0]]:
                # A row by itself has no value, and not an empty one.
                given["features"]["user"] = [None, np.array([], object)][index[0] % 2]
            waiting.append(TradeoffRows(TASKS, GROUPS, clustered=True))
            for element in preprocessor.process(given):
                waiting[-1].add(*element)
        whole = TradeoffRows(TASKS, GROUPS, clustered=True)
        for part in waiting[::-1]:
            whole.merge(pickle.loads(pickle.dumps(part)))
        whole.flush()
        for accumulator in whole.accumulators.values():
            assert accumulator.lone_rows == 400
        order = whole.accumulators["age"].ordered()
        found.append(whole.accumulators["age"].block_sums[order].tolist())
    assert found[0] == found[1] == found[2]
