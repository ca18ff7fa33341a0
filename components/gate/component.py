"""Gate: the verdict on the candidate, between the Evaluator and the push."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.gate.executor import Executor
from components.tradeoff_metrics.settings import GateSettings


class GateVerdict(types.Artifact):
    """One file, ``verdict.json``; see ``VerdictRecord``.

    Custom properties: ``blessed``, ``model_digest`` and ``file_digest``.
    """

    TYPE_NAME = "fairness.GateVerdict"


class GateSpec(types.ComponentSpec):
    """Contract of Gate."""

    PARAMETERS = {
        "gate": component_spec.ExecutionParameter(type=str),
        "tasks": component_spec.ExecutionParameter(type=str),
        "groups": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "evaluator_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {
        "verdict": component_spec.ChannelParameter(type=GateVerdict),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class Gate(base_component.BaseComponent):
    """Judges the candidate once, with every reason, and fails where TFMA or the Evaluator judged otherwise.

    Args:
      evaluation: The Evaluator's evaluation.
      evaluator_blessing: The Evaluator's blessing, which says which files were judged.
      gate: The settings that the EvalConfig was built from.
      tasks: Names of the tasks.
      groups: Names of the group keys, the primary one first.
      code: Hash of the source that the component runs, so that the cache notices edited code.
    """

    SPEC_CLASS = GateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        evaluation: types.BaseChannel,
        evaluator_blessing: types.BaseChannel,
        gate: GateSettings,
        tasks: Sequence[str],
        groups: Sequence[str],
        code: str = "",
    ):
        super().__init__(
            spec=GateSpec(
                evaluation=evaluation,
                evaluator_blessing=evaluator_blessing,
                gate=gate.model_dump_json(),
                tasks=json.dumps(list(tasks), allow_nan=False),
                groups=json.dumps(list(groups), allow_nan=False),
                code=code,
                verdict=types.Channel(type=GateVerdict),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
