"""Transform gives every value of a log an id of its own, and standardises numbers as float64 would."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models.data.preprocessing import PreprocessingSettings, _as_it_was, _one_line, group_values, preprocessing_fn
from models.formats.features import feature_vocabulary, group_key

# What tft's vocabularies leave out, what stripping merged, what stands for a missing value, and what reads like an escape.
VALUES = [
    *("a\nb", "a\\nb", "a\\\nb", "a\\\\nb", "\n", "\r", "\\n", "\\", "\\\n", "x\r", "x", "x\r\n", "C:\\new", "C:\new"),
    *(
        "a",
        " a",
        "a ",
        "\ta",
        " ",
        "  ",
        "\t",
        "\u00a0",
        "__missing__",
        "\\__missing__",
        "\\\\__missing__",
        "__missing__\n",
    ),
    *("\0", "a\0", "x\x0b", "x\x0c", "x\x85", "x\u2028", "\\N", "NULL", "é", "e\u0301", "A"),
]
ROWS = 8 * len(VALUES)
RANDOM = np.random.default_rng(0)
NUMBERS = {
    "seconds": 1_700_000_000 + RANDOM.integers(-100_000, 100_000, ROWS),
    "large": (1e20 * RANDOM.normal(size=ROWS)).astype(np.float32),
    "largest": (3e38 * RANDOM.uniform(-1, 1, size=ROWS)).astype(np.float32),
    "small": (1e-30 * RANDOM.normal(size=ROWS)).astype(np.float32),
    "near": np.float32(1e6) + RANDOM.integers(0, 2, ROWS).astype(np.float32) * np.float32(0.0625),
    "ordinary": RANDOM.normal(40, 12, ROWS).astype(np.float32),
    "constant": np.full(ROWS, np.float32(0.1)),
    "counts": RANDOM.integers(0, 1_000_000, ROWS),
}
SETTINGS = PreprocessingSettings.model_validate(
    {
        "tasks": [],
        "groups": ["age band", "age-band", "text"],
        "features": {
            "inputs": [
                {"type": "categorical", "name": "one", "vocabulary": 100},
                {"type": "multi_categorical", "name": "several", "separator": "", "vocabulary": 100},
                {"type": "multi_categorical", "name": "split", "separator": "|"},
                *(
                    {
                        "type": "numeric",
                        "name": name,
                        "scale": "log1p_standardize" if name == "counts" else "standardize",
                    }
                    for name in NUMBERS
                ),
            ]
        },
    }
)


def raw_rows():
    return [
        {
            "one": [VALUES[i % len(VALUES)]] if i else [],
            "several": [VALUES[i % len(VALUES)], VALUES[-1 - i % len(VALUES)]],
            "split": ["a | b|\n"],
            "group/age band": [("young", "old")[i % 2]],
            "group/age-band": [("old", "older", "oldest")[i % 3]],
            "group/text": [VALUES[i % len(VALUES)]],
            **{name: [values[i].item()] for name, values in NUMBERS.items()},
        }
        for i in range(ROWS)
    ]


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    """Raw rows, and the same after Transform; its output; and a row through its graph as a served model has it."""
    rows = raw_rows()
    spec = {name: tf.io.VarLenFeature(tf.string) for name in rows[0]}
    spec |= {name: tf.io.VarLenFeature(tf.as_dtype(values.dtype)) for name, values in NUMBERS.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    function = functools.partial(preprocessing_fn, custom_config={"settings": SETTINGS.model_dump_json()})
    folder = tmp_path_factory.mktemp("transform")
    with tft_beam.Context(temp_dir=str(folder / "temp"), desired_batch_size=50):
        (found, _), transform = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        transform | tft_beam.WriteTransformFn(str(folder / "out"))
    return rows, found, tft.TFTransformOutput(str(folder / "out"))


def test_each_value_has_an_id_of_its_own(transformed):
    rows, found, _ = transformed
    for name in ("one", "several"):
        ids = {}
        for row, after in zip(rows, found, strict=True):
            for value, number in zip(row[name] or [None], np.ravel(after[name]).tolist(), strict=True):
                ids.setdefault(value, set()).add(number)
        assert all(len(numbers) == 1 for numbers in ids.values())
        assert len(set.union(*ids.values())) == len(ids) == len(VALUES) + (name == "one")
        # None is in the bucket of values that train does not have.
        assert max(set.union(*ids.values())) < len(ids)


def test_a_served_value_has_the_id_of_training(transformed):
    rows, found, output = transformed
    layer = output.transform_features_layer()
    served = layer({"one": tf.sparse.from_dense([[value] for value in VALUES])})["one"].numpy()
    expected = {row["one"][0]: int(after["one"]) for row, after in zip(rows, found, strict=True) if row["one"]}
    assert served.tolist() == [expected[value] for value in VALUES]


def test_white_space_belongs_to_a_separator(transformed):
    _, found, output = transformed
    assert sorted(output.vocabulary_by_name(feature_vocabulary("split"))) == [b"a", b"b"]
    assert len(found[0]["split"]) == 2


def test_group_values_are_the_log_s(transformed):
    rows, found, output = transformed
    for name in SETTINGS.groups:
        values = group_values(output, name)
        assert sorted(values) == sorted({row[group_key(name)][0] for row in rows})
        assert [values[after[group_key(name)]] for after in found] == [row[group_key(name)][0] for row in rows]


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "constant"])
def test_numbers_are_standardised_as_in_float64(transformed, name):
    _, found, output = transformed
    values = NUMBERS[name].astype(np.float64)
    values = np.log1p(values) if name == "counts" else values
    # In units in which NumPy's own squares are numbers.
    values = values / np.abs(values).max()
    expected = (values - values.mean()) / values.std()
    assert np.ptp(expected) > 1
    np.testing.assert_allclose([row[name] for row in found], expected, rtol=1e-6, atol=1e-6)
    layer = output.transform_features_layer()
    served = layer({name: tf.sparse.from_dense(NUMBERS[name][:20, None])})[name]
    np.testing.assert_array_equal(served, [row[name] for row in found[:20]])


def test_a_constant_is_zero(transformed):
    _, found, output = transformed
    assert {float(row["constant"]) for row in found} == {0.0}
    served = output.transform_features_layer()({"constant": tf.sparse.from_dense([[0.1], [7.0], [-1e30]])})
    assert served["constant"].numpy().tolist() == [0.0] * 3


@given(st.lists(st.text(st.sampled_from("\\\n\rnra"), max_size=8), min_size=1, max_size=20))
def test_a_line_is_read_as_the_value_that_it_stands_for(values):
    lines = [line.decode() for line in _one_line(tf.constant(values)).numpy()]
    assert not any("\n" in line or "\r" in line for line in lines)
    assert [_as_it_was(line) for line in lines] == values


def test_what_holds_no_line_break_is_written_as_it_is():
    values = ["a", "a\\b", "\\N", "\\", "C:\\data", "é"]
    assert [line.decode() for line in _one_line(tf.constant(values)).numpy()] == values
    # Bytes that are no text stay what they are.
    assert _one_line(tf.constant([b"\xff", b"\xff\n"])).numpy().tolist() == [b"\xff", b"\xff\\n"]
