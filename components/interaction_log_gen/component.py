"""The TFX component that turns an interaction log into examples."""

from __future__ import annotations

import json
from typing import Optional

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.interaction_log_gen.executor import Executor
from components.interaction_log_gen.reading.fingerprint import fingerprint as files_fingerprint
from components.interaction_log_gen.settings import InteractionLogGenSettings


class InteractionLogGenSpec(ComponentSpec):
    """Execution properties and output of InteractionLogGen."""

    PARAMETERS = {
        "settings": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}


class InteractionLogGen(base_beam_component.BaseBeamComponent):
    """Reads an interaction log (CSV, Parquet, TFRecords of tf.Example), joins side tables, splits, writes tf.Examples.

    ``outputs["examples"]`` has the splits train, validation and test as gzipped TFRecords, as TFX's own ExampleGens leave
    them; its custom property ``row_counts`` says in JSON how many rows each got, and how many were dropped, capped, or
    without a match in a side table. A missing value is a feature without a value.

    TFX's cache serves an earlier output while the settings, the files (path, size, modification time; side tables too)
    and the code are as they were.
    """

    SPEC_CLASS = InteractionLogGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, settings: InteractionLogGenSettings, code: str = "", fingerprint: Optional[str] = None) -> None:
        """Creates the component.

        Args:
          settings: where the log is, how it is read, joined and split, and which columns are written.
          code: a hash of the source that the component runs, so that edited code is not served from the cache.
          fingerprint: of the log's files; computed here where absent. Hand one in where the files cannot be reached from
            the machine that only compiles the pipeline.

        Raises:
          LogError: a glob of the settings matches no file.
        """
        spec = InteractionLogGenSpec(
            settings=json.dumps(settings.model_dump(mode="json"), sort_keys=True),
            fingerprint=files_fingerprint(settings.log) if fingerprint is None else fingerprint,
            code=code,
            examples=Channel(type=standard_artifacts.Examples),
        )
        super().__init__(spec=spec)
