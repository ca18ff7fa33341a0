"""The worlds with a spurious block as data sets that are ready to train on: drawn, and prepared by the pipeline."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from rich.console import Console
from tensorflow_metadata.proto.v0 import schema_pb2

from benchmarks.robustness.spurious import GROUP, TASK, WORLDS, SpuriousSettings, write
from models.formats.features import group_key, label_key, negative_key, weight_key
from pipeline.experiments.runner import DataSet, experiment_folder, open_data


def dataset_name(world: str, draw: int) -> str:
    """What a draw of a world is called in folders."""
    return f"spurious_{world}_{draw}"


def open_draw(world: str, draw: int, console: Console) -> DataSet:
    """Draws a world with the seed ``draw``, and prepares it or takes it from cache.

    Raises:
      KeyError: There is no such world.
      PreparationError: A component failed.
    """
    settings, name = WORLDS[world], dataset_name(world, draw)
    return open_data(write_draw(settings, draw, experiment_folder("robustness") / "logs" / name, name), console)


def write_draw(settings: SpuriousSettings, draw: int, folder: Path, name: str) -> Path:
    """Writes the log, its settings and its schema; returns the path of ``dataset.yaml``."""
    path = write(settings, draw, folder, name)
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema(settings)), encoding="utf-8")
    return path


def schema(settings: SpuriousSettings) -> schema_pb2.Schema:
    """What is known of the columns before a row is drawn, so that no draft has to be made of each draw."""
    found = schema_pb2.Schema()
    for column in settings.columns:
        _feature(found, column, schema_pb2.FLOAT)
    _feature(found, "y", schema_pb2.FLOAT)
    # A group's column is read as text.
    for column in ("a", group_key(GROUP)):
        _feature(found, column, schema_pb2.BYTES)
    for key, most in ((label_key(TASK), 1), (negative_key(TASK), 3)):
        domain = _feature(found, key, schema_pb2.INT).int_domain
        domain.min, domain.max = 0, most
    bounds = _feature(found, weight_key(TASK), schema_pb2.FLOAT).float_domain
    bounds.min, bounds.max = 0, 1
    return found


def _feature(found: schema_pb2.Schema, name: str, kind: int) -> schema_pb2.Feature:
    feature = found.feature.add(name=name, type=kind)
    feature.value_count.min = feature.value_count.max = 1
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    return feature
