import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.negative_splitter.batches import BatchSplitter, new_columns
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings

SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="click", column="clicks", positive="> 0"),
        TaskLabelSettings(name="like", column="rating", positive='== "up"', negative='== "down"', missing=("?",)),
        TaskLabelSettings(name="double", column="clicks", positive=">= 2"),
    ),
    groups=(
        GroupSettings(name="sex", column="sex", values={"F": "female", "M": "male"}),
        GroupSettings(name="age", column="age", buckets=(30,)),
        GroupSettings(name="sex_age", cross=("sex", "age")),
    ),
)
ROW = st.fixed_dictionaries(
    {
        "clicks": st.sampled_from([None, 0, 1, 2]),
        "rating": st.sampled_from([None, "up", "down", "?", ""]),
        "sex": st.sampled_from([None, "F", "M"]),
        "age": st.sampled_from([None, 20, 30, 31]),
        "note": st.sampled_from([None, "x", ["x", "y"]]),
    }
)


def oracle(row):
    """The new columns of one row, by hand."""
    clicks, rating = row["clicks"], row["rating"]
    labels = {
        "click": None if clicks is None else int(clicks > 0),
        "like": {"up": 1, "down": 0}.get(rating),
        "double": None if clicks is None else int(clicks >= 2),
    }
    new = {}
    for task, label in labels.items():
        others = [other for name, other in labels.items() if name != task and other is not None]
        kind = 0 if label != 0 else 3 if not others else 2 if all(others) else 1
        new |= {f"label/{task}": label or 0, f"weight/{task}": float(label is not None), f"negative/{task}": kind}
    sex = {"F": "female", "M": "male"}.get(row["sex"], "unknown")
    age = "unknown" if row["age"] is None else "<30" if row["age"] < 30 else ">=30"
    crossed = "unknown" if "unknown" in (sex, age) else f"{sex} x {age}"
    return new | {"group/sex": sex, "group/age": age, "group/sex_age": crossed}


def split(records):
    splitter = BatchSplitter(SETTINGS)
    added, counts = splitter.split(splitter.decode(records, "train"), "train")
    return [record + columns for record, columns in zip(records, added, strict=True)], counts


@settings(max_examples=50, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=30))
def test_rows_agree_with_a_row_by_row_oracle(encode, decode, rows):
    records = [encode(row) for row in rows]
    result, counts = split(records)
    assert counts.rows == len(rows)
    for row, record, output in zip(rows, records, result, strict=True):
        assert output.startswith(record)
        assert decode(output[len(record) :]) == oracle(row)


def test_all_readers_read_the_output_as_one_example(encode):
    rows = [
        {"clicks": 0, "rating": "up", "sex": "F", "age": 20, "note": ["x", "y"]},
        {"clicks": 2, "rating": None, "sex": None, "age": 31, "note": None},
    ]
    records = [encode(row) for row in rows]
    result, _ = split(records)
    for record, output in zip(records, result, strict=True):
        before, after = (tf.train.Example.FromString(r).features.feature for r in (record, output))
        assert {name: before[name] for name in before} == {name: after[name] for name in before}
        assert set(after) - set(before) == set(new_columns(SETTINGS))
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(result)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    assert columns["negative/click"].to_pylist() == [[1], [0]]
    assert columns["note"].to_pylist() == [[b"x", b"y"], None]
    assert columns["weight/like"].to_pylist() == [[1.0], [0.0]]
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in new_columns(SETTINGS).items()}
    parsed = tf.io.parse_example(result, spec)
    assert parsed["group/sex_age"].numpy().tolist() == [b"female x <30", b"unknown"]
    assert parsed["label/like"].numpy().tolist() == [1, 0]
    assert tf.io.parse_single_example(result[1], spec)["label/double"].numpy() == 1


def test_equal_inputs_give_equal_bytes(encode):
    records = [encode({"clicks": i % 3, "rating": "up", "sex": "FM"[i % 2], "age": 20 + i}) for i in range(24)]
    whole, _ = split(records)
    parts = [output for start in (0, 7, 9) for output in split(records[start : {0: 7, 7: 9, 9: 24}[start]])[0]]
    assert parts == whole


def test_a_column_absent_from_a_batch_is_missing_there(encode, decode):
    result, counts = split([encode({"clicks": 1, "sex": "F"}), encode({"clicks": 0, "sex": "M"})])
    assert [decode(record)["weight/like"] for record in result] == [0, 0]
    assert [decode(record)["negative/click"] for record in result] == [0, 1]
    assert [decode(record)["group/age"] for record in result] == ["unknown", "unknown"]
    assert counts.present == {"clicks": 2, "rating": 0, "sex": 2, "age": 0}


def test_a_column_of_another_type(encode):
    with pytest.raises(ValueError) as error:
        split([encode({"clicks": "many", "rating": "up"})])
    for part in ("split `train`", "`clicks` (number)", "`rating` (string)", "Key: clicks", "string"):
        assert part in str(error.value)


def test_records_that_are_no_examples(encode):
    with pytest.raises(ValueError, match=r"split `train`: expected examples with the columns"):
        split([encode({"clicks": 1}), b"garbage"])


@pytest.mark.parametrize("column, value", [("weight/click", 1.0), ("group/sex", "female"), ("label/like", 1.0)])
def test_a_column_that_the_splitter_adds(encode, column, value):
    with pytest.raises(ValueError, match=f"split `train`.*{column}"):
        split([encode({"clicks": 1, column: value})])


def test_nan_names_column_and_split(encode):
    with pytest.raises(ValueError, match="split `train`, column `clicks`: expected a finite number.*nan"):
        split([encode({"clicks": float("nan")})])
