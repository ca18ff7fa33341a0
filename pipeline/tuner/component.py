"""TFX's Tuner with a table of the trials' figures among its results."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx import v1 as tfx
from tfx.components.tuner import executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils

from models.config.settings import TrainerSettings
from pipeline.running.provenance import source_hash
from pipeline.tuner.search import table
from pipeline.tuner.settings import TuneSettings

# Beside TFX's own `tuner_results.json`, which has the score alone.
TABLE = "trials.json"


class TunerExecutor(executor.Executor):
    """Searches, and writes the best values, TFX's results and the table."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the search."""
        tuner = executor.search(input_dict, exec_properties, self._get_tmp_dir(), print_tuning_summary=False)
        executor.write_best_hyperparameters(tuner, output_dict)
        folder = artifact_utils.get_single_uri(output_dict["tuner_results"])
        with fileio.open(os.path.join(folder, TABLE), "w") as file:
            file.write(table(tuner.rows))


class Tuner(tfx.components.Tuner):
    """TFX's Tuner; the same inputs, outputs and properties."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(TunerExecutor)


def candidate_tuner(
    tune: TuneSettings,
    candidate: TrainerSettings,
    baseline: TrainerSettings,
    *,
    transform: Any,
    schema: Any,
    trials_root: str | None,
) -> Tuner:
    """The node.

    Args:
      tune: The search.
      candidate: What the trials change.
      baseline: What they are measured against.
      transform: The Transform node.
      schema: Channel of the schema.
      trials_root: Where trials are kept for a run that goes on after a kill.
    """
    return Tuner(
        tuner_fn="pipeline.tuner.search.tuner_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
        custom_config={
            "candidate": candidate.model_dump_json(),
            "baseline": baseline.model_dump_json(),
            "tune": tune.model_dump_json(),
            "code": source_hash("pipeline.tuner.search", "pipeline.experiments.worker"),
            "trials_root": trials_root,
        },
    )
