"""Extractors that keep rows together: large batches to the models, and one element per batch and slice to the metrics.

TFMA splits a batch into rows after prediction, and every metric then walks them in Python once per slice. Here a batch is
split by slice instead; labels, predictions and weights of an element are arrays over the rows of its slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.extractors import (
    example_weights_extractor,
    features_extractor,
    labels_extractor,
)
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import util
from tfx_bsl.arrow import table_util

from components.batched_evaluation.names import TAKES_ARRAYS, takes_arrays
from components.batched_evaluation.predictions import predictions_extractor_of
from components.batched_evaluation.slices import SliceCounter, columns_of, rows_by_slice, slice_specs

# Rows that go through the models and the metrics at once: enough to make the fixed cost of a batch vanish; a batch of
# 30 features takes some 10 MB.
BATCH_ROWS = 8192

_PER_ROW = (constants.LABELS_KEY, constants.PREDICTIONS_KEY, constants.EXAMPLE_WEIGHTS_KEY)


def batched_extractors(
    eval_shared_model: Any,
    eval_config: tfma.EvalConfig,
    tensor_adapter_config: Optional[Any] = None,
    keep: Sequence[str] = (),
) -> list[tfma.extractors.Extractor]:
    """In place of ``tfma.default_extractors``, for models that take serialized examples and transform them inside.

    Args:
        eval_shared_model: As there.
        eval_config: As there.
        tensor_adapter_config: As there.
        keep: Columns of texts that metrics read, whether or not slices are made of them.

    Raises:
        ValueError: The EvalConfig asks for what needs single rows.
    """
    _check(eval_config)
    representations = tensor_adapter_config.tensor_representations if tensor_adapter_config else None
    return [
        tfma.extractors.Extractor(stage_name="BatchRows", ptransform=_BatchRows()),
        features_extractor.FeaturesExtractor(eval_config=eval_config, tensor_representations=representations),
        labels_extractor.LabelsExtractor(eval_config=eval_config),
        example_weights_extractor.ExampleWeightsExtractor(eval_config=eval_config),
        predictions_extractor_of(eval_shared_model, eval_config),
        # The stage that TFMA's evaluators ask for.
        tfma.extractors.Extractor(
            stage_name=tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME, ptransform=_SplitBySlice(eval_config, keep)
        ),
    ]


def _check(eval_config: tfma.EvalConfig) -> None:
    options = eval_config.options
    asked = {
        "options.compute_confidence_intervals": options.compute_confidence_intervals.value,
        "options.min_slice_size": options.min_slice_size.value > 1,
        "slicing_specs.slice_keys_sql": any(spec.slice_keys_sql for spec in eval_config.slicing_specs),
        "metrics_specs.query_key": any(spec.query_key for spec in eval_config.metrics_specs),
        "model_specs.preprocessing_function_names": any(
            spec.preprocessing_function_names for spec in eval_config.model_specs
        ),
    }
    for name, given in asked.items():
        if given:
            raise ValueError(f"the EvalConfig's `{name}` needs single rows; set `evaluation.batched: false`")
    for metric in (metric for spec in eval_config.metrics_specs for metric in spec.metrics):
        if not takes_arrays(metric):
            raise ValueError(
                f"the metric `{metric.class_name}` may need single rows, for it does not say `{TAKES_ARRAYS} = True`; "
                "set `evaluation.batched: false`"
            )


class _BatchRows(beam.PTransform):
    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        return extracts | "BatchRows" >> beam.ParDo(BatchRowsFn())


class BatchRowsFn(beam.DoFn):
    """Joins record batches to ``BATCH_ROWS`` rows or more; a bundle's last one may be smaller."""

    def __init__(self, rows: int = BATCH_ROWS):
        self._target = rows

    def start_bundle(self) -> None:
        """Starts with nothing waiting."""
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields a large batch when enough rows wait."""
        batch = extracts[constants.ARROW_RECORD_BATCH_KEY]
        if batch.num_rows:
            self._waiting.append(batch)
            self._rows += batch.num_rows
        if self._rows >= self._target:
            yield self._joined()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yields what waits."""
        if self._waiting:
            window = GlobalWindow()
            yield WindowedValue(self._joined(), window.max_timestamp(), (window,))

    def _joined(self) -> dict[str, Any]:
        batches, self._waiting, self._rows = self._waiting, [], 0
        joined = batches[0] if len(batches) == 1 else table_util.MergeRecordBatches(batches)
        return {constants.ARROW_RECORD_BATCH_KEY: joined}


class _SplitBySlice(beam.PTransform):
    def __init__(self, eval_config: tfma.EvalConfig, keep: Sequence[str]):
        super().__init__()
        self._specs, self._keep = slice_specs(eval_config), list(keep)

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        return extracts | "SplitBySlice" >> beam.ParDo(SplitBySliceFn(self._specs, self._keep))


class SplitBySliceFn(beam.DoFn):
    """Splits batches, and keeps count of the slices that it has met."""

    def __init__(self, specs: list[slicer_lib.SingleSliceSpec], keep: Sequence[str]):
        self._specs, self._keep = specs, keep

    def setup(self) -> None:
        """Has met no slice yet."""
        self._counter = SliceCounter()

    def process(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields an element for each slice of a batch."""
        return split_by_slice(batch, self._specs, self._counter, self._keep)


def split_by_slice(
    batch: dict[str, Any], specs: list[slicer_lib.SingleSliceSpec], counter: SliceCounter, keep: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yields an element for each slice of a batch.

    Labels, predictions, weights and the columns that slices are made of become arrays over the slice's rows, and so do those
    to ``keep``: a text in every row, empty where it has none. Other features and the serialized examples are left behind;
    all else is handed on as it is.

    Raises:
        ValueError: A label, weight or prediction is not one number in every row, or a column to ``keep`` has several values
            in one; there are too many slices.
    """
    features = batch[constants.FEATURES_KEY]
    per_row = {key: _arrays(batch[key], key) for key in _PER_ROW if batch.get(key) is not None}
    columns = {name: features[name] for name in columns_of(specs) if features.get(name) is not None}
    rows_of_batch = len(batch[constants.INPUT_KEY])
    dense = {name: values.ravel() for name, values in columns.items() if _is_one_a_row(values)}
    dense |= {name: _texts(features.get(name), rows_of_batch, name) for name in keep}
    dropped = {*per_row, constants.FEATURES_KEY, constants.INPUT_KEY, constants.ARROW_RECORD_BATCH_KEY}
    shared = {key: value for key, value in batch.items() if key not in dropped}
    for key, rows in rows_by_slice(columns, rows_of_batch, specs, counter):
        element = {name: _take(values, rows) for name, values in per_row.items()}
        element[constants.FEATURES_KEY] = _take(dense, rows)
        element[constants.SLICE_KEY_TYPES_KEY] = slicer_lib.slice_keys_to_numpy_array([key])
        yield {**shared, **element}


def _is_one_a_row(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.size == len(values)


def _arrays(values: Any, where: str) -> Any:
    """The nested dictionaries with their arrays as [n]."""
    if isinstance(values, Mapping):
        return {name: _arrays(value, f"{where}/{name}") for name, value in values.items()}
    if not _is_one_a_row(values) or values.dtype == object:
        received = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise ValueError(f"`{where}` should be one number in every row. Received: {received}")
    return values.ravel()


def _texts(values: Any, rows: int, column: str) -> np.ndarray:
    """The text of each row [n], empty where it has none, from a column as TFMA's features extractor gives it."""
    if values is None:
        return np.full(rows, b"", object)
    split = [row["value"] for row in util.split_extracts({"value": values})]
    found = [np.ravel(getattr(value, "values", value)) for value in split]
    several = next((value for value in found if len(value) > 1), None)
    if several is not None or len(found) != rows:
        raise ValueError(f"column `{column}` should hold one text, or none, in every row. Received: {several}")
    # A row without a value may also come as one that is None.
    texts = [value[0] if len(value) and value[0] is not None else b"" for value in found]
    return np.array([text.encode() if isinstance(text, str) else text for text in texts], object)


def _take(values: Any, rows: np.ndarray) -> Any:
    if isinstance(values, Mapping):
        return {name: _take(value, rows) for name, value in values.items()}
    return values[rows]
