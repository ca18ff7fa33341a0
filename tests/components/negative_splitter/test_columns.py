import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.negative_splitter.columns import single_values

NUMBERS = pa.large_list(pa.float32())
TEXTS = pa.large_list(pa.large_binary())


def batch(values, kind):
    return pa.RecordBatch.from_arrays([pa.array(values, kind)], ["c"])


def test_numbers_with_null_and_empty_lists():
    column = single_values(batch([[1.5], None, [], [0.0]], NUMBERS), "c", "number", "train")
    assert column.present.tolist() == [True, False, False, True]
    assert column.values.dtype == np.float32
    assert column.values.tolist() == [1.5, 0, 0, 0]


def test_an_empty_text_is_a_missing_value():
    column = single_values(batch([[b"a"], None, [], [b""], [b"a"]], TEXTS), "c", "string", "train")
    assert column.present.tolist() == [True, False, False, False, True]
    assert column.values.to_pylist() == [b"a", None, None, None, b"a"]


@given(st.lists(st.none() | st.binary(max_size=3), min_size=1), st.integers(0, 5))
def test_slices_of_batches(values, start):
    start = min(start, len(values) - 1)
    whole = batch([None if v is None else [v] for v in values], TEXTS)
    column = single_values(whole.slice(start), "c", "string", "train")
    assert column.values.to_pylist() == [v or None for v in values[start:]]
    assert column.present.tolist() == [bool(v) for v in values[start:]]


@pytest.mark.parametrize("kind, null", [("number", 0.0), ("string", None)])
@pytest.mark.parametrize("array", [pa.nulls(3), pa.array([None] * 3, NUMBERS)])
def test_a_column_that_a_batch_lacks_is_missing_in_all_rows(kind, null, array):
    name = "c" if pa.types.is_null(array.type) else "other"
    column = single_values(pa.RecordBatch.from_arrays([array], [name]), "c", kind, "train")
    assert not column.present.any()
    values = column.values.tolist() if kind == "number" else column.values.to_pylist()
    assert values == [null] * 3


@pytest.mark.parametrize("bad, text", [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_numbers_that_are_not_finite(bad, text):
    message = rf"split `test`, column `c`: expected a finite number.*Received: {text} \(1 of 2 rows"
    with pytest.raises(ValueError, match=message):
        single_values(batch([[1.0], [bad]], NUMBERS), "c", "number", "test")


def test_several_values_in_a_row():
    with pytest.raises(
        ValueError, match=r"split `test`, column `c`: expected at most one value a row. Received: \[1.0, 2.0\]"
    ):
        single_values(batch([[1.0], [1.0, 2.0]], NUMBERS), "c", "number", "test")


@pytest.mark.parametrize("kind, values, type_", [("number", [[b"a"]], TEXTS), ("string", [[1.0]], NUMBERS)])
def test_a_column_of_the_other_kind(kind, values, type_):
    with pytest.raises(ValueError, match=rf"split `test`, column `c`: expected a {kind}.*Received: {type_.value_type}"):
        single_values(batch(values, type_), "c", kind, "test")


def test_the_value_that_errors_show():
    numbers = single_values(batch([[1.5]], NUMBERS), "c", "number", "train")
    broken = single_values(batch([[b"\xff>50K"]], TEXTS), "c", "string", "train")
    assert numbers.text(0) == "1.5"
    assert ">50K" in broken.text(0)
