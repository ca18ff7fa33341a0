"""The component in a real local TFX run, its output read as every TFX component reads it."""

import json
import os
from pathlib import Path

import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import InteractionLogGenSettings
from models.formats.features import SPLITS

_SCHEMA = """
feature { name: "age" type: FLOAT presence { min_count: 1 } shape { dim { size: 1 } } }
feature { name: "city" type: BYTES presence { min_count: 0 } }
feature { name: "user" type: BYTES presence { min_count: 1 } }
"""


def _settings(root: Path, **log: object) -> InteractionLogGenSettings:
    split = {"by": "hash", "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2}}
    return InteractionLogGenSettings.model_validate(
        {
            "log": {
                "root": str(root),
                "sources": [{"files": ["log.csv"], "split": split}],
                "side_tables": [{"name": "users", "files": ["users.csv"], "key": "user"}],
                **log,
            },
            "columns": {"user": "string", "age": "number", "city": "string"},
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "log.csv").write_text("user,age\n" + "".join(f"{i % 20},{i}\n" for i in range(100)), encoding="utf-8")
    (folder / "users.csv").write_text("user,city\n" + "".join(f"{i},c{i % 3}\n" for i in range(19)), encoding="utf-8")
    return folder


def _run(tmp_path: Path, settings: InteractionLogGenSettings, code: str = "1") -> None:
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from components.interaction_log_gen.component import InteractionLogGen

    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="test",
            pipeline_root=str(tmp_path / "root"),
            components=[InteractionLogGen(settings=settings, code=code)],
            metadata_connection_config=metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db")),
            enable_cache=True,
        )
    )


def _artifacts(tmp_path: Path) -> list:
    from ml_metadata import MetadataStore
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.db")
    live = [a for a in MetadataStore(config).get_artifacts_by_type("Examples") if a.state == mlmd.Artifact.LIVE]
    return sorted(live, key=lambda artifact: artifact.id)


def test_tfxio_reads_what_a_local_run_wrote(tmp_path: Path, data: Path) -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx.components.util import tfxio_utils
    from tfx.types import standard_artifacts
    from tfx_bsl.tfxio import dataset_options

    _run(tmp_path, _settings(data))
    (artifact,) = _artifacts(tmp_path)
    assert json.loads(artifact.properties["split_names"].string_value) == list(SPLITS)
    counts = json.loads(artifact.custom_properties["row_counts"].string_value)
    assert sum(counts["rows"].values()) == 100 and counts["side_table_misses"] == {"users": 5}

    examples = standard_artifacts.Examples()
    examples.set_mlmd_artifact(artifact)
    schema = text_format.Parse(_SCHEMA, schema_pb2.Schema())
    rows = []
    for split in SPLITS:
        factory = tfxio_utils.get_tf_dataset_factory_from_artifact([examples], ["test"])
        pattern = os.path.join(examples.uri, f"Split-{split}", "*")
        options = dataset_options.RecordBatchesOptions(batch_size=7, num_epochs=1)
        read = tfxio_utils.get_record_batch_factory_from_artifact([examples], ["test"])
        assert factory is not None
        batches = list(read([pattern], options, schema))
        assert sum(batch.num_rows for batch in batches) == counts["rows"][split] > 0
        rows += [row for batch in batches for row in batch.to_pylist()]
    rows.sort(key=lambda row: row["age"][0])
    assert rows == [
        {"age": [float(i)], "user": [str(i % 20).encode()], "city": [b"c%d" % (i % 20 % 3)] if i % 20 < 19 else None}
        for i in range(100)
    ]


def test_the_cache_notices_side_tables_code_and_settings(tmp_path: Path, data: Path) -> None:
    runs = []

    def run(settings: InteractionLogGenSettings, code: str = "1") -> int:
        _run(tmp_path, settings, code)
        runs.append(len(_artifacts(tmp_path)))
        return runs[-1]

    assert run(_settings(data)) == 1
    assert run(_settings(data)) == 1
    with (data / "users.csv").open("a", encoding="utf-8") as file:
        file.write("19,c1\n")
    assert run(_settings(data)) == 2
    assert json.loads(_artifacts(tmp_path)[-1].custom_properties["row_counts"].string_value)["side_table_misses"] == {
        "users": 0
    }
    assert run(_settings(data), code="2") == 3
    assert run(_settings(data, drop_missing=["city"]), code="2") == 4
    assert run(_settings(data, drop_missing=["city"]), code="2") == 4


def test_a_failed_run_leaves_no_examples(tmp_path: Path, data: Path) -> None:
    with (data / "log.csv").open("a", encoding="utf-8") as file:
        file.write("1,old\n")
    with pytest.raises(Exception, match=r"log\.csv: column `age`, row 101: expected a number. Received: 'old'"):
        _run(tmp_path, _settings(data))
    assert _artifacts(tmp_path) == []
    assert not list((tmp_path / "root").rglob("*.gz"))


def test_a_split_without_rows_fails_the_run(tmp_path: Path, data: Path) -> None:
    settings = _settings(data, sources=[{"files": ["log.csv"], "split": "train"}])
    with pytest.raises(
        Exception, match="split `validation`: expected rows. Received none; the others have: train 100, test 0"
    ):
        _run(tmp_path, settings)
    assert _artifacts(tmp_path) == []


def test_a_missing_file_fails_when_the_pipeline_is_made(data: Path) -> None:
    from components.interaction_log_gen.component import InteractionLogGen

    settings = _settings(data, sources=[{"files": ["gone.csv"], "split": "train"}])
    with pytest.raises(LogError, match=r"`log.sources\[0\].files\[0\]` should name at least one file"):
        InteractionLogGen(settings=settings)
    # Where only the pipeline is compiled, the files need not be within reach.
    component = InteractionLogGen(settings=settings, fingerprint="known")
    assert component.spec.exec_properties["fingerprint"] == "known"


def test_settings_do_not_depend_on_the_order_of_columns(data: Path) -> None:
    from components.interaction_log_gen.component import InteractionLogGen

    one = _settings(data)
    other = one.model_copy(update={"columns": dict(reversed(one.columns.items()))})
    texts = {InteractionLogGen(settings=settings).spec.exec_properties["settings"] for settings in (one, other)}
    assert len(texts) == 1
    assert InteractionLogGenSettings.model_validate_json(texts.pop()) == one
