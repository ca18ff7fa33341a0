"""Data for experiments: the pipeline's own components up to Transform, cached between calls."""

from __future__ import annotations

from pathlib import Path

import pipeline  # noqa: F401  chooses the Keras 2 API before TFX imports TensorFlow

# isort: split
from tfx import v1 as tfx

from models.training.sweep import SweepData
from pipeline.pipeline import data_nodes
from pipeline.running.relocation import relocate
from pipeline.running.run_record import latest
from pipeline.settings.config import RunSettings


def prepare(settings: RunSettings, folder: Path) -> SweepData:
    """Runs the data components of the pipeline under ``folder``.

    Returns:
      The Transform graph, patterns of the transformed train and validation files, and of the raw test files.
    """
    metadata = folder / "metadata.sqlite"
    relocate(metadata)
    name = f"{settings.dataset}_data"
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name=name,
            pipeline_root=str(folder / "artifacts"),
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(metadata)),
            components=list(data_nodes(settings)),
            enable_cache=True,
        )
    )
    record = latest(metadata, name)
    transformed = record.output("Transform", "transformed_examples").uri
    raw = record.output("NegativeSplitter", "examples").uri
    return SweepData(
        transform_dir=str(record.output("Transform", "transform_graph").uri),
        train=str(transformed / "Split-train" / "*"),
        validation=str(transformed / "Split-validation" / "*"),
        test=str(raw / "Split-test" / "*"),
    )
