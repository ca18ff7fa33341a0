"""Reads each split, adds labels, weights, kinds of negatives and groups, and writes it with its counts."""

from __future__ import annotations

import json
import os
from typing import Any

import apache_beam as beam
import tensorflow as tf
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.negative_splitter import report
from components.negative_splitter.counts import Counts, counts_to_json, dump_counts, load_counts, merge_counts
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.shards import Shard, SplitShard, columns_in, list_shards
from models.formats import strict_json

COUNTS_FILE = "counts.json"
INPUT_KEY = "input_examples"
EXAMPLES_KEY = "examples"
COUNTS_KEY = "counts"
SETTINGS_KEY = "settings"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of NegativeSplitter."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Splits the negatives of every split.

        Args:
            input_dict: ``input_examples``, gzipped TFRecords of ``tf.Example``.
            output_dict: ``examples`` with the new columns, same splits and number of files; ``counts``, one JSON file
                {"splits": see ``counts_to_json``, "warnings": [sentence]}.
            exec_properties: ``settings``, the JSON of ``NegativeSplitterSettings``.

        Raises:
            FileNotFoundError: A split has no files.
            ValueError: The examples do not hold what the settings read, or cannot be learnt from; see ``report``.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = NegativeSplitterSettings.model_validate_json(exec_properties[SETTINGS_KEY])
        source = artifact_utils.get_single_instance(input_dict[INPUT_KEY])
        target = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        folder = artifact_utils.get_single_uri(output_dict[COUNTS_KEY])
        _check_format(source)

        splits = artifact_utils.decode_split_names(source.split_names)
        _describe_output(source, target)
        patterns = {split: examples_utils.get_split_file_patterns([source], split)[0] for split in splits}
        shards = []
        for split, pattern in patterns.items():
            shards += list_shards(split, pattern, artifact_utils.get_split_uri([target], split))

        counts = self._split(shards, settings, folder)
        report.check_columns(counts, settings, splits, lambda split: columns_in(patterns[split]))
        result = counts_to_json(counts, splits, [task.name for task in settings.tasks])
        report.check_labels(result, settings)
        warnings = report.value_warnings(counts, settings) + report.warnings(result, settings)
        for warning in warnings:
            logging.warning("NegativeSplitter: %s", warning)
        _write_json(os.path.join(folder, COUNTS_FILE), {"splits": result, "warnings": warnings})

    def _split(self, shards: list[Shard], settings: NegativeSplitterSettings, folder: str) -> Counts:
        """Runs the Beam pipeline; the sums come back through a file, the way that every runner has."""
        path = os.path.join(folder, "sums.json")
        tf.io.gfile.makedirs(folder)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(shards)
                | "Split" >> beam.ParDo(SplitShard(settings))
                | "Sum" >> beam.CombineGlobally(merge_counts)
                | "Write" >> beam.Map(_write_sums, path)
            )
        with tf.io.gfile.GFile(path) as file:
            counts = load_counts(json.load(file))
        tf.io.gfile.remove(path)
        return counts


def _write_sums(counts: Counts, path: str) -> None:
    _write_json(path, dump_counts(counts))


def _write_json(path: str, value: Any) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(strict_json.dumps(value, indent=1))


def _check_format(examples: types.Artifact) -> None:
    received = (examples_utils.get_payload_format_string(examples), examples_utils.get_file_format(examples))
    if received != ("FORMAT_TF_EXAMPLE", "tfrecords_gzip"):
        raise ValueError(f"NegativeSplitter: expected FORMAT_TF_EXAMPLE in tfrecords_gzip. Received: {received}")


def _describe_output(source: types.Artifact, target: types.Artifact) -> None:
    target.split_names = source.split_names
    target.span, target.version = source.span, source.version
    examples_utils.set_payload_format(target, examples_utils.get_payload_format(source))
    examples_utils.set_file_format(target, examples_utils.get_file_format(source))
