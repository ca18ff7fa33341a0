"""Drafts a dataset's ``schema.pbtxt`` from its train split, to be read and curated by a person.

What the splitter derives gets its exact domain; a column that is always present is required; numbers get no range and
feature categories no list, since new values of those are handled by the model. Tighten what you know better.

``python -m pipeline.schema.draft CONFIG RESULT`` drafts in a process of its own, as `make schema` does: TFX takes long to
import and logs a lot.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pipeline  # noqa: F401  chooses the Keras 2 API before TFX imports TensorFlow

# isort: split
import tensorflow_data_validation as tfdv
from absl import logging
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import v1 as tfx

from components.interaction_log_gen.component import InteractionLogGen
from components.negative_splitter.component import NegativeSplitter
from models.formats.features import UNKNOWN_GROUP, group_key, label_key, negative_key, weight_key
from pipeline.running import stopping
from pipeline.running.events import EventWriter, StageHandler
from pipeline.running.failures import sentence
from pipeline.running.places import EVENTS_VARIABLE
from pipeline.running.run_record import latest
from pipeline.schema.columns import column_types
from pipeline.settings.config import RunSettings, load


def _statistics(settings: RunSettings) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics of the train split, behind the same first components as a run."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        log = InteractionLogGen(settings=settings.log_gen())
        splitter = NegativeSplitter(examples=log.outputs["examples"], settings=settings.splitter())
        statistics = tfx.components.StatisticsGen(examples=splitter.outputs["examples"])
        metadata = root / "metadata.sqlite"
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="draft_schema",
                pipeline_root=str(root / "artifacts"),
                metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(metadata)),
                components=[log, splitter, statistics],
            )
        )
        uri = latest(metadata, "draft_schema").output("StatisticsGen", "statistics").uri
        return tfdv.load_stats_binary(str(uri / "Split-train" / "FeatureStats.pb"))


def draft(settings: RunSettings) -> schema_pb2.Schema:
    """Returns the drafted schema."""
    statistics = _statistics(settings)
    # The statistics say what is there; text stays text however few values it has.
    inferred = tfdv.infer_schema(statistics, infer_feature_shape=False, max_string_domain_size=0)
    derived = {}
    for task in settings.tasks:
        derived[label_key(task.name)] = schema_pb2.Feature(int_domain=schema_pb2.IntDomain(min=0, max=1))
        derived[weight_key(task.name)] = schema_pb2.Feature(float_domain=schema_pb2.FloatDomain(min=0, max=1))
        derived[negative_key(task.name)] = schema_pb2.Feature(int_domain=schema_pb2.IntDomain(min=0, max=3))
    for group in settings.groups:
        derived[group_key(group.name)] = schema_pb2.Feature(
            string_domain=schema_pb2.StringDomain(value=_values(statistics, group_key(group.name)))
        )
    schema = schema_pb2.Schema()
    for feature in sorted(inferred.feature, key=lambda f: (f.name in derived, f.name)):
        copy = schema.feature.add(name=feature.name, type=feature.type)
        copy.value_count.CopyFrom(schema_pb2.ValueCount(min=1, max=1))
        if feature.name in derived:
            copy.MergeFrom(derived[feature.name])
        if _always_there(statistics, feature.name):
            copy.presence.CopyFrom(schema_pb2.FeaturePresence(min_fraction=1.0, min_count=1))
        else:
            copy.presence.CopyFrom(schema_pb2.FeaturePresence(min_count=1))
    _never_there(settings, schema)
    _several_values(settings, schema)
    return schema


def _never_there(settings: RunSettings, schema: schema_pb2.Schema) -> None:
    """Columns without a single value are in no statistics; nothing is demanded of them."""
    found = {feature.name for feature in schema.feature}
    for name, kind in column_types(settings).items():
        if name not in found:
            schema.feature.add(name=name, type=kind).value_count.CopyFrom(schema_pb2.ValueCount(min=1, max=1))


def _several_values(settings: RunSettings, schema: schema_pb2.Schema) -> None:
    multi = {f.name for f in settings.features.inputs if f.type == "multi_categorical"}
    for feature in schema.feature:
        if feature.name in multi:
            feature.value_count.CopyFrom(schema_pb2.ValueCount(min=1))


def _of(statistics: statistics_pb2.DatasetFeatureStatisticsList, name: str) -> statistics_pb2.FeatureNameStatistics:
    return next(f for f in statistics.datasets[0].features if (f.name or f.path.step[0]) == name)


def _values(statistics: statistics_pb2.DatasetFeatureStatisticsList, name: str) -> list[str]:
    found = {bucket.label for bucket in _of(statistics, name).string_stats.rank_histogram.buckets}
    return sorted(found - {UNKNOWN_GROUP}) + [UNKNOWN_GROUP]


def _always_there(statistics: statistics_pb2.DatasetFeatureStatisticsList, name: str) -> bool:
    feature = _of(statistics, name)
    common = feature.num_stats.common_stats if feature.HasField("num_stats") else feature.string_stats.common_stats
    return bool(common.num_missing == 0)


def main(config: str, result: str) -> None:
    """Drafts the schema of a YAML file and writes it as a text protobuf."""
    path = os.environ.get(EVENTS_VARIABLE)
    events = EventWriter(Path(path) if path else None)
    stopping.end_at_once()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_logger().addHandler(StageHandler(events))
    try:
        schema = draft(load(config))
    except Exception as error:
        events.write("error", stage=events.stage, text=sentence(error))
        raise
    Path(result).write_text(text_format.MessageToString(schema, as_utf8=True), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
