"""TFX component that derives labels, groups and kinds of negatives."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.negative_splitter.executor import COUNTS_KEY, EXAMPLES_KEY, INPUT_KEY, SETTINGS_KEY, Executor
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.uses import column_kinds


class NegativeCounts(types.Artifact):
    """One file, ``counts.json``: labels and kinds of negatives per split, task and group, and warnings."""

    TYPE_NAME = "fairness.NegativeCounts"


class NegativeSplitterSpec(types.ComponentSpec):
    """Inputs, outputs and parameters of NegativeSplitter."""

    PARAMETERS = {
        SETTINGS_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    # TFX wants a name to stand once among inputs and outputs.
    INPUTS = {INPUT_KEY: ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {
        EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        COUNTS_KEY: ChannelParameter(type=NegativeCounts),
    }


class NegativeSplitter(base_beam_component.BaseBeamComponent):
    """Adds ``label/<task>``, ``weight/<task>``, ``negative/<task>`` and ``group/<name>`` to examples.

    Outputs: ``examples``, of the input's splits, and ``counts`` (``NegativeCounts``).
    """

    SPEC_CLASS = NegativeSplitterSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, examples: types.BaseChannel, settings: NegativeSplitterSettings, code: str = "") -> None:
        """Wires the component.

        Args:
            examples: Channel of ``Examples``: gzipped TFRecords of ``tf.Example``.
            settings: Tasks, groups and the rule for task-specific negatives.
            code: Hash of the source that runs, so that TFX's cache notices when it changes.

        Raises:
            ValueError: A rule cannot be read, or a column is read both as a number and as a text.
        """
        column_kinds(settings)
        spec = NegativeSplitterSpec(
            input_examples=examples,
            settings=settings.model_dump_json(),
            code=code,
            examples=types.Channel(type=standard_artifacts.Examples),
            counts=types.Channel(type=NegativeCounts),
        )
        super().__init__(spec=spec)
