"""TFX component that brings the curated schema into a run, and notices when the file changes.

TFX's own is cached by the file's path alone: after an edit in place it hands on the schema that it copied before.
"""

from __future__ import annotations

import hashlib

from tfx import types
from tfx.components.schema_gen.import_schema_gen.executor import Executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter


class SchemaImportSpec(types.ComponentSpec):
    """Output and parameters of SchemaImport."""

    PARAMETERS = {
        standard_component_specs.SCHEMA_FILE_KEY: ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {standard_component_specs.SCHEMA_KEY: ChannelParameter(type=standard_artifacts.Schema)}


class SchemaImport(base_component.BaseComponent):
    """Copies a schema file; output ``schema`` (``Schema``), as ``tfx.components.ImportSchemaGen`` gives it."""

    SPEC_CLASS = SchemaImportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, schema_file: str) -> None:
        """Wires the component; reads the file for its hash.

        Args:
            schema_file: Path of a ``schema.pbtxt``.

        Raises:
            FileNotFoundError: There is no such file.
        """
        if not fileio.exists(schema_file):
            raise FileNotFoundError(f"`data_schema` should be the path of a schema file. Received: {schema_file}")
        with fileio.open(schema_file, "rb") as file:
            fingerprint = hashlib.sha256(file.read()).hexdigest()[:24]
        schema = types.Channel(type=standard_artifacts.Schema)
        super().__init__(spec=SchemaImportSpec(schema_file=schema_file, fingerprint=fingerprint, schema=schema))
