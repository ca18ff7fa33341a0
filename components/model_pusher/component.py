"""ModelPusher: serves the model that the gate let pass."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.gate.component import GateVerdict
from components.model_pusher import executor


class ModelPusherSpec(types.ComponentSpec):
    """Contract of ModelPusher."""

    PARAMETERS = {
        "directory": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": component_spec.ChannelParameter(type=GateVerdict),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class ModelPusher(base_component.BaseComponent):
    """Pushes the model to ``directory/<version>`` if the gate blessed it.

    Args:
      model: The candidate.
      model_blessing: The gate's blessing; required.
      verdict: The gate's verdict, which has to say the same; required.
      directory: The serving directory.
      code: Hash of the source that the component runs, so that the cache notices edited code.
    """

    SPEC_CLASS = ModelPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        verdict: types.BaseChannel,
        directory: str,
        code: str = "",
    ):
        super().__init__(
            spec=ModelPusherSpec(
                model=model,
                model_blessing=model_blessing,
                verdict=verdict,
                directory=directory,
                code=code,
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
