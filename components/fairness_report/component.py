"""FairnessReport: one folder per run for the fairness reviewer."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.fairness_report import executor
from components.fairness_report.rendering import assets_hash
from components.fairness_report.sections.earlier_runs import REPORT_TYPE
from components.fairness_report.settings import ReportSettings
from components.gate.component import GateVerdict
from components.negative_splitter.component import NegativeCounts


class FairnessReportArtifact(types.Artifact):
    """A folder: ``index.html``, ``summary.json``, ``model_card.html`` and ``.json``, ``figures/*.png`` and ``*.svg``.

    Custom properties: ``arfg`` and ``are`` (absent where undefined) and ``blessed``.
    """

    TYPE_NAME = REPORT_TYPE


class FairnessReportSpec(types.ComponentSpec):
    """Contract of FairnessReport."""

    PARAMETERS = {
        "settings": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
        "metadata": component_spec.ExecutionParameter(type=str, optional=True),
        "frontier": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "verdict": component_spec.ChannelParameter(type=GateVerdict),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "baseline_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "baseline_model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "counts": component_spec.ChannelParameter(type=NegativeCounts),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=FairnessReportArtifact)}


class FairnessReport(base_component.BaseComponent):
    """Writes the report of a run, whether its model was pushed or refused.

    Args:
      settings: What the report depends on.
      inputs: The input channels by the names of ``FairnessReportSpec.INPUTS``.
      metadata: The local engine's metadata file, in which earlier runs are looked up; without it they are not known.
      code: Hash of the source that the component runs; the page's own files are added here.

    Raises:
      FileNotFoundError: There is no file where ``report.frontier`` points.
    """

    SPEC_CLASS = FairnessReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        settings: ReportSettings,
        inputs: dict[str, types.BaseChannel],
        metadata: Optional[str] = None,
        code: str = "",
    ):
        super().__init__(
            spec=FairnessReportSpec(
                settings=settings.model_dump_json(),
                metadata=metadata,
                # The text and not the path: the file may lie where the executor does not run, and its content counts.
                frontier=_text(settings.report.frontier) if settings.report.frontier else None,
                code=f"{code}-{assets_hash()}",
                report=types.Channel(type=FairnessReportArtifact),
                **inputs,
            )
        )


def _text(path: str) -> str:
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"report.frontier: expected a CSV file at {path}. Received: no such file")
    with tf.io.gfile.GFile(path) as file:
        return file.read()
