"""TFX component that stops a run whose examples have anomalies.

ExampleValidator writes anomalies and lets the run go on. This node reads them and fails; components that must not see bad
examples are put after it with ``transform.add_upstream_node(gate)``.
"""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.anomaly_gate.executor import ANOMALIES_KEY, CHECKED_KEY, Executor


class AnomaliesChecked(types.Artifact):
    """One file, ``checked.json``: the splits that were found to be without anomalies."""

    TYPE_NAME = "fairness.AnomaliesChecked"


class AnomalyGateSpec(types.ComponentSpec):
    """Input, output and parameter of AnomalyGate."""

    PARAMETERS = {"code": ExecutionParameter(type=str)}
    INPUTS = {ANOMALIES_KEY: ChannelParameter(type=standard_artifacts.ExampleAnomalies)}
    OUTPUTS = {CHECKED_KEY: ChannelParameter(type=AnomaliesChecked)}


class AnomalyGate(base_component.BaseComponent):
    """Fails with TFDV's description of each anomaly; output ``checked`` (``AnomaliesChecked``) where there are none."""

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, anomalies: types.BaseChannel, code: str = "") -> None:
        """Wires the component.

        Args:
            anomalies: Channel of ``ExampleAnomalies``, ExampleValidator's output.
            code: Hash of the source that runs, so that TFX's cache notices when it changes.
        """
        checked = types.Channel(type=AnomaliesChecked)
        super().__init__(spec=AnomalyGateSpec(anomalies=anomalies, checked=checked, code=code))
