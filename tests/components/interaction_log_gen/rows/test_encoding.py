import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders import example_coder

from components.interaction_log_gen.rows.encoding import encode

_ROW = st.tuples(
    st.none() | st.floats(width=32, allow_nan=False),
    st.none() | st.text(max_size=200),
    st.none() | st.lists(st.text(max_size=3), min_size=1, max_size=60),
)


def _columns(rows: list[tuple], names: list[str]) -> dict[str, pa.Array]:
    types = (pa.float32(), pa.string(), pa.list_(pa.string()))
    return {
        name: pa.array([row[i] for row in rows], type_)
        for i, (name, type_) in enumerate(zip(names, types, strict=True))
    }


def _protobuf(row: tuple, names: list[str]) -> bytes:
    example = tf.train.Example()
    example.features.SetInParent()
    number, text, texts = row
    if number is not None:
        example.features.feature[names[0]].float_list.value.append(number)
    if text is not None:
        example.features.feature[names[1]].bytes_list.value.append(text.encode())
    if texts is not None:
        example.features.feature[names[2]].bytes_list.value.extend(value.encode() for value in texts)
    return example.SerializeToString(deterministic=True)


@given(st.lists(_ROW, min_size=1, max_size=20), st.lists(st.text(max_size=150), unique=True, min_size=3, max_size=3))
@settings(deadline=None)
def test_bytes_are_those_of_protobufs_deterministic_form(rows: list[tuple], names: list[str]) -> None:
    assert encode(_columns(rows, names)).to_pylist() == [_protobuf(row, names) for row in rows]


@given(st.lists(_ROW, min_size=1, max_size=20), st.integers(0, 5))
@settings(deadline=None)
def test_slices_are_encoded_as_copies_are(rows: list[tuple], start: int) -> None:
    names = ["number", "text", "texts"]
    sliced = {name: array.slice(start) for name, array in _columns(rows, names).items()}
    assert encode(sliced).to_pylist() == encode(_columns(rows[start:], names)).to_pylist()


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 16_383, 16_384, 3_000_000])
def test_lengths_around_those_of_varints(length: int) -> None:
    text = "x" * length
    (record,) = encode({"text": pa.array([text])}).to_pylist()
    assert tf.train.Example.FromString(record).features.feature["text"].bytes_list.value == [text.encode()]


def test_tfx_reads_what_is_written() -> None:
    columns = _columns([(1.5, "a", ["x", "y"]), (None, None, None), (-2.0, "é", ["z"])], ["n", "s", "l"])
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(encode(columns).to_pylist())
    assert batch.to_pydict() == {
        "n": [[1.5], None, [-2.0]],
        "s": [[b"a"], None, ["é".encode()]],
        "l": [[b"x", b"y"], None, [b"z"]],
    }


def test_no_rows_are_no_examples() -> None:
    assert encode(_columns([], ["n", "s", "l"])).to_pylist() == []
