"""Runs the Beam pipeline and describes what it wrote."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf
from absl import logging
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.runner import PipelineResult
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import columns, join
from components.interaction_log_gen.rows.counts import check_splits, row_counts
from components.interaction_log_gen.rows.transforms import METRICS, write_examples
from components.interaction_log_gen.settings import InteractionLogGenSettings
from components.interaction_log_gen.values import notices
from models.formats.features import SPLITS


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads, joins, splits and writes the log."""

    def Do(  # noqa: N802  the name is TFX's
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the ``examples`` artifact.

        Args:
          input_dict: empty.
          output_dict: ``examples``.
          exec_properties: ``settings``, the JSON of InteractionLogGenSettings.

        Raises:
          LogError: the log is not what the settings say, or a split has no rows.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = InteractionLogGenSettings.model_validate_json(exec_properties["settings"])
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)  # type: ignore[attr-defined]
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        paths = [[file.path for file in source] for source in files.log_files(settings.log)]
        plan = columns.plan(settings, join.side_table_columns(settings.log))
        folders = {name: artifact_utils.get_split_uri([examples], name) for name in SPLITS}
        noted = os.path.join(examples.uri, "notices.json")
        tf.io.gfile.makedirs(examples.uri)
        with self._make_beam_pipeline() as pipeline:
            write_examples(pipeline, settings, plan, paths, folders, noted)
        counts = row_counts(_counters(pipeline.result), settings.log)
        check_splits(counts, settings.log)
        counts["warnings"] = notices.sentences(_read_notices(noted), counts)
        for warning in counts["warnings"]:
            logging.warning("InteractionLogGen: %s", warning)
        examples.set_string_custom_property("row_counts", json.dumps(counts, sort_keys=True))
        logging.info("InteractionLogGen wrote %s: %s", examples.uri, counts)


def _read_notices(path: str) -> notices.Notices:
    """Reads what the pipeline noted, and removes the file: it is no part of the examples."""
    with tf.io.gfile.GFile(path) as file:
        found = notices.Notices.from_json(json.load(file))
    tf.io.gfile.remove(path)
    return found


def _counters(result: PipelineResult) -> dict[str, int]:
    found = result.metrics().query(MetricsFilter().with_namespace(METRICS))["counters"]
    counters: dict[str, int] = {}
    for counter in found:
        # Not every runner tells what was committed apart from what was attempted.
        value = counter.attempted if counter.committed is None else counter.committed
        counters[counter.key.metric.name] = counters.get(counter.key.metric.name, 0) + value
    return counters
