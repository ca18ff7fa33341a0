"""The schema's node is another one when the file's content is."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx

from components.schema_import.component import SchemaImport


def run(folder: Path, schema: Path) -> list[str]:
    """Names of the features in the schema that the newest execution hands on, and the number of executions."""
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="schema",
        pipeline_root=str(folder / "root"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(folder / "db")),
        components=[SchemaImport(str(schema)).with_id("ImportSchemaGen")],
        enable_cache=True,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    outputs = sorted((folder / "root" / "ImportSchemaGen" / "schema").iterdir(), key=lambda path: int(path.name))
    found = text_format.Parse((outputs[-1] / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema())
    return [feature.name for feature in found.feature] + [str(len(outputs))]


def test_an_edit_in_place_is_noticed_and_an_unchanged_file_is_served_from_cache(tmp_path: Path) -> None:
    schema = tmp_path / "schema.pbtxt"
    schema.write_text('feature { name: "age" type: INT }\n', encoding="utf-8")
    assert run(tmp_path, schema) == ["age", "1"]
    assert run(tmp_path, schema) == ["age", "1"]
    schema.write_text('feature { name: "device" type: BYTES }\n', encoding="utf-8")
    assert run(tmp_path, schema) == ["device", "2"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`data_schema`.*nowhere\.pbtxt"):
        SchemaImport(str(tmp_path / "nowhere.pbtxt"))
