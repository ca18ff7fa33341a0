"""Rows of slices against TFMA's slice keys, row by row."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import util

from components.batched_evaluation import slices
from components.batched_evaluation.slices import SliceCounter, columns_of, rows_by_slice, slice_specs

SPECS = [
    {},
    {"feature_keys": ["text"]},
    {"feature_keys": ["number", "text"]},
    {"feature_keys": ["several", "number"]},
    {"feature_keys": ["float"]},
    {"feature_keys": ["text"], "feature_values": {"number": "2"}},
    {"feature_values": {"text": "b"}},
    {"feature_values": {"float": "0.5"}},
    # Leads to the slice of the spec before, which counts once.
    {"feature_values": {"text": "b", "several": "x"}},
    {"feature_keys": ["several"], "feature_values": {"text": "b"}},
    {"feature_keys": ["nowhere"]},
]


def eval_config(specs=SPECS):
    return tfma.EvalConfig(slicing_specs=[tfma.SlicingSpec(**spec) for spec in specs])


def features(rng, n):
    columns = {
        "text": [[value] for value in rng.choice(["a", "b", "ü"], n).tolist()],
        "number": [[value] for value in rng.integers(0, 4, n).tolist()],
        "float": [[value] for value in rng.choice([0.5, 1.25], n).tolist()],
        "several": [[None, [], ["x"], ["y", "x"], ["x", "y", "x"]][kind] for kind in rng.integers(0, 5, n)],
        "unused": [["z"]] * n,
    }
    kinds = {"number": pa.int64(), "float": pa.float64()}
    arrays = {
        name: pa.array(
            [None if v is None else [x.encode() if isinstance(x, str) else x for x in v] for v in values],
            pa.list_(kinds.get(name, pa.binary())),
        )
        for name, values in columns.items()
    }
    return util.record_batch_to_tensor_values(pa.RecordBatch.from_pydict(arrays))


def row_by_row(values, n, specs):
    """TFMA's way: split the batch, and ask for the slices of each row."""
    found = {}
    for position, row in enumerate(util.split_extracts({"features": values})):
        for key in set(slicer_lib.get_slices_for_features_dicts([], row["features"], specs)):
            found.setdefault(key, []).append(position)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [1, 9, 200])
def test_equal_to_tfma_row_by_row(seed, n):
    values, specs = features(np.random.default_rng(seed), n), slice_specs(eval_config())
    found = {key: rows.tolist() for key, rows in rows_by_slice(values, n, specs, SliceCounter())}
    assert found == row_by_row(values, n, specs)
    assert found[()] == list(range(n))
    if n == 200:
        assert (("number", 2), ("several", "y")) in found and len(found) == 28


def test_no_row_has_no_slice():
    assert list(rows_by_slice({"text": np.array([], object)}, 0, slice_specs(eval_config()), SliceCounter())) == []


def test_no_spec_means_the_overall_slice_and_cross_slices_need_both_sides():
    assert slice_specs(tfma.EvalConfig()) == [slicer_lib.SingleSliceSpec()]
    config = eval_config([{}])
    config.cross_slicing_specs.add(
        baseline_spec=tfma.SlicingSpec(feature_values={"text": "a"}),
        slicing_specs=[tfma.SlicingSpec(feature_values={"text": "b"}), tfma.SlicingSpec()],
    )
    specs = slice_specs(config)
    assert len(specs) == 3 and columns_of(specs) == ["text"]


def test_many_columns_do_not_overflow():
    rng = np.random.default_rng(0)
    n = 3000
    values = {f"c{i}": rng.integers(0, n, n) for i in range(8)}
    values["c0"] = np.zeros(n, np.int64)
    values["c1"] = np.arange(n) % 2
    specs = slice_specs(eval_config([{"feature_keys": [f"c{i}" for i in range(8)]}]))
    found = dict(rows_by_slice(values, n, specs, SliceCounter()))
    assert len(found) == n and all(len(rows) == 1 for rows in found.values())
    key = next(key for key, rows in found.items() if rows[0] == 17)
    assert dict(key) == {name: column[17] for name, column in values.items()}


def test_an_identifier_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(slices, "MAX_SLICES", 50)
    specs = slice_specs(eval_config([{}, {"feature_keys": ["user"]}]))
    few = dict(rows_by_slice({"user": np.arange(60) % 50}, 60, specs, SliceCounter()))
    assert len(few) == 51
    with pytest.raises(
        ValueError, match=r"slices by \['user'\] should be at most 50. Received: 60 in a batch of 60 rows"
    ):
        dict(rows_by_slice({"user": np.arange(60)}, 60, specs, SliceCounter()))


def test_slices_are_counted_over_batches(monkeypatch):
    monkeypatch.setattr(slices, "MAX_SLICES", 50)
    specs, counter = slice_specs(eval_config([{"feature_keys": ["user"]}])), SliceCounter()
    for start in (0, 0, 15):
        assert len(dict(rows_by_slice({"user": np.arange(start, start + 30)}, 30, specs, counter))) == 30
    with pytest.raises(ValueError, match=r"slices by \['user'\] should be at most 50. Received: 51 or more"):
        dict(rows_by_slice({"user": np.arange(40, 70)}, 30, specs, counter))


def test_text_that_is_not_utf8_is_refused():
    values = {"text": np.array([b"\xff"], object)}
    with pytest.raises(ValueError, match='non-UTF8 feature value .* in column "text"'):
        dict(rows_by_slice(values, 1, slice_specs(eval_config([{"feature_keys": ["text"]}])), SliceCounter()))
