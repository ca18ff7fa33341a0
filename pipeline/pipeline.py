"""The pipeline: a pure function from settings to TFX nodes, the same for every runner."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from tfx import v1 as tfx
from tfx.dsl.components.base import base_node
from tfx.proto import trainer_pb2, transform_pb2

from components.anomaly_gate.component import AnomalyGate
from components.batched_evaluation.names import METRICS_MODULE
from components.evaluator.component import Evaluator
from components.fairness_report.component import FairnessReport
from components.gate.component import Gate
from components.interaction_log_gen.component import InteractionLogGen
from components.model_pusher.component import ModelPusher
from components.negative_splitter.component import NegativeSplitter
from components.schema_import.component import SchemaImport
from models.config.extensions import extensions_hash
from models.config.settings import TrainerSettings
from models.data.preprocessing import PreprocessingSettings
from pipeline.evaluation import AUC_MODULE, EXTRACTOR_MODULE, build_eval_config
from pipeline.running.provenance import source_hash
from pipeline.settings.config import RunSettings


class Places(NamedTuple):
    """What a runner binds: where artifacts, metadata, pushed models and checkpoints lie."""

    pipeline_root: str
    serving: str
    checkpoints: Optional[str]
    metadata: Optional[str] = None


def _trainer(
    name: str, settings: TrainerSettings, transform: Any, schema: Any, places: Places, found: Optional[Any] = None
) -> base_node.BaseNode:
    return tfx.components.Trainer(
        run_fn="models.training.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        hyperparameters=found,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
        custom_config={
            "settings": settings.model_dump_json(),
            "code": source_hash("models.training.trainer") + extensions_hash(settings.extensions),
            "checkpoint_root": places.checkpoints,
        },
    ).with_id(name)


def _tuner(settings: RunSettings, transform: Any, schema: Any, places: Places) -> Optional[base_node.BaseNode]:
    if settings.tune is None:
        return None
    # Imported where it is asked for: KerasTuner takes seconds.
    from pipeline.tuner.component import candidate_tuner

    return candidate_tuner(
        settings.tune,
        settings.candidate(),
        settings.baseline(),
        transform=transform,
        schema=schema,
        trials_root=places.checkpoints,
    )


class DataNodes(NamedTuple):
    """The nodes from the log to transformed examples, in the order in which they run."""

    log: Any
    splitter: Any
    statistics: Any
    schema: Any
    validator: Any
    gate: Any
    transform: Any


def data_nodes(settings: RunSettings) -> DataNodes:
    """Wires the nodes that prepare data. Reads no file but the log's fingerprints."""
    log = InteractionLogGen(settings=settings.log_gen(), code=source_hash("components.interaction_log_gen.executor"))
    splitter = NegativeSplitter(
        examples=log.outputs["examples"],
        settings=settings.splitter(),
        code=source_hash("components.negative_splitter.executor"),
    )
    examples = splitter.outputs["examples"]
    statistics = tfx.components.StatisticsGen(examples=examples)
    schema = SchemaImport(settings.data_schema).with_id("ImportSchemaGen")
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    gate = AnomalyGate(anomalies=validator.outputs["anomalies"], code=source_hash("components.anomaly_gate.executor"))
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="models.data.preprocessing.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=["train", "validation"]),
        custom_config={
            # The baseline's, since its groups stand in the order of their declaration whatever fairness looks at.
            "settings": PreprocessingSettings.of(settings.baseline()).model_dump_json(),
            "code": source_hash("models.data.preprocessing"),
        },
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    transform.add_upstream_node(gate)
    return DataNodes(log, splitter, statistics, schema, validator, gate, transform)


def create_pipeline(settings: RunSettings, places: Places, beam_pipeline_args: list[str]) -> tfx.dsl.Pipeline:
    """Wires the nodes, the same for every runner.

    Args:
      settings: The run's settings.
      places: What the runner binds.
      beam_pipeline_args: How Beam runs.
    """
    data = data_nodes(settings)
    schema = data.schema.outputs["schema"]
    tuner = _tuner(settings, data.transform, schema, places)
    found = tuner.outputs["best_hyperparameters"] if tuner else None
    candidate = _trainer("Candidate", settings.candidate(), data.transform, schema, places, found)
    baseline = _trainer("Baseline", settings.baseline(), data.transform, schema, places)
    evaluator = Evaluator(
        examples=data.splitter.outputs["examples"],
        model=candidate.outputs["model"],
        baseline_model=baseline.outputs["model"],
        example_splits=["test"],
        eval_config=build_eval_config(
            tasks=[(task.name, task.threshold) for task in settings.tasks],
            groups=list(settings.candidate().groups),
            evaluation=settings.evaluation,
            gate=settings.gate,
            code=source_hash(
                "components.evaluator.executor",
                "components.tradeoff_metrics.metrics",
                METRICS_MODULE,
                EXTRACTOR_MODULE,
                AUC_MODULE,
            ),
        ),
        module_path=EXTRACTOR_MODULE,
    )
    gate = Gate(
        evaluation=evaluator.outputs["evaluation"],
        evaluator_blessing=evaluator.outputs["blessing"],
        gate=settings.gate,
        tasks=[task.name for task in settings.tasks],
        groups=list(settings.candidate().groups),
        code=source_hash("components.gate.executor"),
    )
    pusher = ModelPusher(
        model=candidate.outputs["model"],
        model_blessing=gate.outputs["blessing"],
        verdict=gate.outputs["verdict"],
        directory=places.serving,
        code=source_hash("components.model_pusher.executor"),
    )
    report = FairnessReport(
        settings=settings.fairness_report(),
        inputs={
            "evaluation": evaluator.outputs["evaluation"],
            "verdict": gate.outputs["verdict"],
            "pushed_model": pusher.outputs["pushed_model"],
            "model": candidate.outputs["model"],
            "model_run": candidate.outputs["model_run"],
            "baseline_model": baseline.outputs["model"],
            "baseline_model_run": baseline.outputs["model_run"],
            "counts": data.splitter.outputs["counts"],
            "examples": data.log.outputs["examples"],
            "statistics": data.statistics.outputs["statistics"],
            "anomalies": data.validator.outputs["anomalies"],
        },
        metadata=places.metadata,
        code=source_hash("components.fairness_report.executor"),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=settings.dataset,
        pipeline_root=places.pipeline_root,
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(places.metadata) if places.metadata else None
        ),
        components=[*data, *([tuner] if tuner else []), baseline, candidate, evaluator, gate, pusher, report],
        enable_cache=True,
        beam_pipeline_args=beam_pipeline_args,
    )
