"""What Transform does to a row: numbers are standardised, categories become ids, labels and groups pass through.

TFX's Transform calls ``preprocessing_fn`` by its dotted name. The analyses (means, variances, vocabularies) see the splits
that the component's ``splits_config`` names for analysis, which the pipeline sets to train alone. At serving time only the
features are there: no feature depends on a label, so Transform drops the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

import tensorflow as tf
import tensorflow_transform as tft

from models.config.settings import (
    CategoricalFeature,
    Feature,
    FeatureSettings,
    MultiCategoricalFeature,
    NumericFeature,
    Settings,
    TrainerSettings,
)
from models.data.moments import analyze_moments
from models.formats.features import (
    UNKNOWN_GROUP,
    feature_vocabulary,
    group_key,
    group_vocabulary,
    label_key,
    negative_key,
    weight_key,
)
from models.formats.texts import WHOLE, ZERO

# A missing (or empty) category is a value of its own, and takes a place in the vocabulary where it is frequent enough. A
# value that reads like this gets a backslash before it.
MISSING_CATEGORY = "__missing__"

# A vocabulary is a file of lines, and tft leaves out what would take two of them. Where a value holds a line break, these
# stand for its signs; and where it holds one of these itself, so that no two values become one.
_WRITTEN = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_NOT_AS_IT_IS = r"[\n\r]|\\[\\nr]"

Column = Union[tf.Tensor, tf.SparseTensor, tf.RaggedTensor]


class PreprocessingSettings(Settings):
    """All that Transform depends on."""

    tasks: tuple[str, ...]
    groups: tuple[str, ...]
    features: FeatureSettings

    @classmethod
    def of(cls, settings: TrainerSettings) -> PreprocessingSettings:
        """The part of a trainer's settings that Transform reads, so that TFX caches it while the rest changes."""
        inputs = tuple(
            feature if isinstance(feature, NumericFeature) else feature.model_copy(update={"embedding": None})
            for feature in settings.features.inputs
        )
        return cls(
            tasks=tuple(task.name for task in settings.tasks),
            groups=settings.groups,
            features=FeatureSettings(inputs=inputs),
        )


def preprocessing_fn(inputs: Mapping[str, Column], custom_config: Mapping[str, Any]) -> dict[str, Column]:
    """Transforms a batch.

    Args:
      inputs: Raw columns, dense or sparse. Numeric features are numbers, all other features and groups are strings.
      custom_config: ``settings``, the JSON of ``PreprocessingSettings``. Further keys (the hash of the code, which is
        there for TFX's cache) are ignored.

    Returns:
      For each numeric feature float32 [n], standardised in float64 (missing, NaN and infinite values become the mean of
      train, which is 0 once scaled; so does everything where train has one value only); categorical: int64 [n], the id in
      ``feature_vocabulary(name)`` or of an out-of-vocabulary bucket after it, or with ``hash_buckets`` the value's hash;
      multi_categorical: sparse int64 [n, L] of such ids. ``label/<task>`` and ``negative/<task>``: int64 [n];
      ``weight/<task>``: float32 [n]; ``group/<name>``: int64 [n], the position in ``group_vocabulary(name)``, −1 for
      "unknown" and for values that train does not have. Values that differ in any byte have ids of their own, white space
      and line breaks included.

    Raises:
      ValueError: A column is missing or of the wrong type.
    """
    settings = PreprocessingSettings.model_validate_json(custom_config["settings"])
    numbers = _numbers(inputs, [f for f in settings.features.inputs if isinstance(f, NumericFeature)])
    outputs: dict[str, Column] = {
        feature.name: numbers[feature.name] if isinstance(feature, NumericFeature) else _ids_of(inputs, feature)
        for feature in settings.features.inputs
    }
    for task in settings.tasks:
        for key, dtype in (
            (label_key(task), tf.int64),
            (weight_key(task), tf.float32),
            (negative_key(task), tf.int64),
        ):
            outputs[key] = tf.cast(_dense(_column(inputs, key, numeric=True), 0), dtype)
    for name in settings.groups:
        outputs[group_key(name)] = _group(_column(inputs, group_key(name), numeric=False), name)
    return outputs


def _ids_of(inputs: Mapping[str, Column], feature: Union[CategoricalFeature, MultiCategoricalFeature]) -> Column:
    column = _column(inputs, feature.name, numeric=False)
    return (
        _categorical(column, feature)
        if isinstance(feature, CategoricalFeature)
        else _multi_categorical(column, feature)
    )


def _column(inputs: Mapping[str, Column], name: str, *, numeric: bool) -> Column:
    if name not in inputs:
        raise ValueError(f"column `{name}` is missing from the examples. Received: {sorted(inputs)}")
    column = inputs[name]
    if (column.dtype == tf.string) == numeric:
        expected = "numbers" if numeric else "strings"
        raise ValueError(f"column `{name}` should hold {expected}. Received: {column.dtype.name}")
    return column


def _sparse(column: Column) -> tf.SparseTensor:
    """``column`` as a sparse [n, m], whichever form its schema gives it."""
    if isinstance(column, tf.SparseTensor):
        return column
    if isinstance(column, tf.RaggedTensor):
        return column.to_sparse()
    # tf.sparse.from_dense would drop zeros and empty strings.
    column = tf.reshape(column, [tf.shape(column)[0], -1])
    indices = tf.where(tf.ones_like(column, dtype=tf.bool))
    return tf.SparseTensor(indices, tf.gather_nd(column, indices), tf.shape(column, out_type=tf.int64))


def _dense(column: Column, default: Union[int, float, str]) -> tf.Tensor:
    """The first value of each row, [n]; ``default`` where a row has none."""
    sparse = _sparse(column)
    first = tf.sparse.retain(sparse, tf.equal(sparse.indices[:, 1], 0))
    rows = first.dense_shape[0]
    flat = tf.SparseTensor(first.indices[:, :1], first.values, tf.reshape(rows, [1]))
    return tf.sparse.to_dense(flat, default_value=tf.cast(default, column.dtype))


def _numbers(inputs: Mapping[str, Column], features: Iterable[NumericFeature]) -> dict[str, tf.Tensor]:
    """All numeric features, by name. One pass over train takes the moments of all of them."""
    columns = {f.name: (_finite(_column(inputs, f.name, numeric=True), f.scale), f.scale) for f in features}
    scaled = {name: column for name, (column, scale) in columns.items() if scale != "none"}
    outputs = {name: _dense(column, 0.0) for name, (column, scale) in columns.items() if scale == "none"}
    if scaled:
        moments = analyze_moments([column.values for column in scaled.values()])
        for index, (name, column) in enumerate(scaled.items()):
            # A column without spread has a deviation of exactly 0, and says nothing.
            z = tf.math.divide_no_nan(column.values - moments[index, 0], moments[index, 1])
            outputs[name] = _dense(column.with_values(tf.cast(z, tf.float32)), 0.0)
    return outputs


def _finite(column: Column, scale: str) -> tf.SparseTensor:
    """The numbers that are there: float64, whose steps are fine enough for Unix seconds, or float32 where they stay."""
    sparse = _sparse(column)
    numbers = tf.cast(sparse.values, tf.float32 if scale == "none" else tf.float64)
    if scale == "log1p_standardize":
        # NaN below −1, which counts as missing.
        numbers = tf.math.log1p(numbers)
    return tf.sparse.retain(sparse.with_values(numbers), tf.math.is_finite(numbers))


def _categorical(column: Column, feature: CategoricalFeature) -> tf.Tensor:
    values = _whole(_dense(column, ""))
    named = tf.strings.regex_replace(_one_line(values), rf"^(\\*{MISSING_CATEGORY})$", r"\\\1")
    return _ids(tf.where(tf.equal(values, ""), tf.fill(tf.shape(values), MISSING_CATEGORY), named), feature)


def _multi_categorical(column: Column, feature: MultiCategoricalFeature) -> tf.SparseTensor:
    """Ids of the parts of every value of a cell.

    White space around a separator belongs to it; with ``separator: ""`` values are neither split nor stripped.
    """
    sparse = _sparse(column)
    sparse = sparse.with_values(_whole(sparse.values))
    if feature.separator:
        parts = tf.strings.split(sparse.values, feature.separator)
        rows = tf.gather(sparse.indices[:, 0], parts.value_rowids())
        values = tf.strings.strip(parts.values)
    else:
        rows, values = sparse.indices[:, 0], sparse.values
    present = tf.not_equal(values, "")
    ragged = tf.RaggedTensor.from_value_rowids(
        _one_line(tf.boolean_mask(values, present)), tf.boolean_mask(rows, present), nrows=sparse.dense_shape[0]
    )
    return _ids(ragged.to_sparse(), feature)


def _whole(values: tf.Tensor) -> tf.Tensor:
    """``1000`` of 1000.0, as the log is read: a client that writes ids as floats asks for the same id."""
    return tf.strings.regex_replace(tf.strings.regex_replace(values, ZERO, "0"), WHOLE, r"\1")


def _one_line(values: tf.Tensor) -> tf.Tensor:
    """Texts as a vocabulary holds them, one line each; ``_as_it_was`` is the inverse."""
    written = values
    for sign, text in _WRITTEN.items():
        # In a rewrite a backslash is written twice.
        written = tf.strings.regex_replace(written, re.escape(sign), text.replace("\\", "\\\\"))
    changed = tf.not_equal(tf.strings.regex_replace(values, _NOT_AS_IT_IS, ""), values)
    return tf.where(changed, written, values)


def _as_it_was(text: str) -> str:
    signs = {written: sign for sign, written in _WRITTEN.items()}
    return re.sub(r"\\[\\nr]", lambda found: signs[found[0]], text)


def _ids(values: Column, feature: Union[CategoricalFeature, MultiCategoricalFeature]) -> Column:
    if feature.hash_buckets is not None:
        return tft.hash_strings(values, feature.hash_buckets)
    return tft.compute_and_apply_vocabulary(
        values,
        top_k=feature.vocabulary,
        num_oov_buckets=feature.oov_buckets,
        vocab_filename=feature_vocabulary(feature.name),
    )


def _group(column: Column, name: str) -> tf.Tensor:
    values = _one_line(_dense(column, UNKNOWN_GROUP))
    known = _sparse(values)
    known = tf.sparse.retain(known, tf.not_equal(known.values, UNKNOWN_GROUP))
    vocabulary = tft.vocabulary(known, vocab_filename=group_vocabulary(name))
    return tft.apply_vocabulary(values, vocabulary, default_value=-1)


def vocabulary_sizes(output: tft.TFTransformOutput, features: Iterable[Feature]) -> dict[str, int]:
    """Number of ids of each categorical feature, out-of-vocabulary buckets included.

    Args:
      output: What Transform wrote.
      features: Those of the settings that it ran with.

    Returns:
      Feature name → number of rows that its embedding needs.
    """
    return {
        feature.name: feature.hash_buckets
        or output.vocabulary_size_by_name(feature_vocabulary(feature.name)) + feature.oov_buckets
        for feature in features
        if not isinstance(feature, NumericFeature)
    }


def group_values(output: tft.TFTransformOutput, name: str) -> list[str]:
    """Values of the group ``name`` that train has, in the order of their ids."""
    return [_as_it_was(value.decode()) for value in output.vocabulary_by_name(group_vocabulary(name))]
