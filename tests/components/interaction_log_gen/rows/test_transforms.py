"""The Beam pipeline on the in-process runner: every format, sharding and failure."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from tfx_bsl.coders import example_coder

from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import columns, counts, join, transforms
from components.interaction_log_gen.settings import InteractionLogGenSettings
from models.formats.features import SPLITS

_ROWS = 400
_HASH = {"by": "hash", "columns": ["user"], "fractions": {"train": 0.5, "validation": 0.3, "test": 0.2}}
_COLUMNS = {"user": "string", "age": "number", "tag": "string", "click": "number", "city": "string"}


def _table() -> pa.Table:
    random = np.random.default_rng(1)
    missing = random.random(_ROWS) < 0.2
    return pa.table(
        {
            "user": pa.array(random.integers(0, 60, _ROWS)),
            "age": pa.array(random.integers(0, 800, _ROWS) / 8, mask=missing),
            "tag": pa.array(random.choice(["a", 'b,"x"', "ç"], _ROWS), mask=missing[::-1].copy()),
            "click": pa.array(random.integers(0, 2, _ROWS)),
        }
    )


def _write_users(folder: Path) -> None:
    users = [f"{user},city{user % 7}" for user in range(0, 60, 2)]
    (folder / "users.csv").write_text("user,city\n" + "\n".join(users) + "\n", encoding="utf-8")


def _write_log(folder: Path, format_: str, parts: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_users(folder)
    table = _table()
    size = -(-_ROWS // parts)
    for part in range(parts):
        path = folder / f"log_{part}"
        piece = table.slice(part * size, size)
        if format_ == "parquet":
            pq.write_table(piece, path, row_group_size=150)
        elif format_ == "tfrecord":
            batch = pa.RecordBatch.from_arrays([_as_lists(column) for column in piece.columns], piece.column_names)
            with tf.io.TFRecordWriter(str(path)) as writer:
                for example in example_coder.RecordBatchToExamples(batch):
                    writer.write(example)
        else:
            pyarrow.csv.write_csv(piece, path)
            if format_ == "csv.gz":
                path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()


def _as_lists(array: pa.ChunkedArray) -> pa.Array:
    lists = [None if value is None else [value] for value in array.to_pylist()]
    if pa.types.is_string(array.type):
        return pa.array(lists, pa.list_(pa.binary()))
    return pa.array(lists, pa.list_(pa.float32() if pa.types.is_floating(array.type) else pa.int64()))


def _settings(root: Path, format_: str = "csv", log: Mapping[str, Any] | None = None) -> InteractionLogGenSettings:
    source = {"files": ["log_*"], "read": {"format": format_.split(".")[0]}, "split": _HASH}
    table = {"name": "users", "files": ["users.csv"], "key": "user"}
    return InteractionLogGenSettings.model_validate(
        {
            "log": {"root": str(root), "sources": [source], "side_tables": [table], **(log or {})},
            "columns": _COLUMNS,
        }
    )


def _run(settings: InteractionLogGenSettings, out: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    plan = columns.plan(settings, join.side_table_columns(settings.log))
    paths = [[file.path for file in source] for source in files.log_files(settings.log)]
    folders = {name: str(out / f"Split-{name}") for name in SPLITS}
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        transforms.write_examples(pipeline, settings, plan, paths, folders, str(out / "notices.json"))
    found = pipeline.result.metrics().query(MetricsFilter().with_namespace(transforms.METRICS))["counters"]
    return counts.row_counts({counter.key.metric.name: counter.committed for counter in found}, settings.log)


def _records(out: Path, split: str) -> list[bytes]:
    shards = sorted((out / f"Split-{split}").glob("*"))
    assert shards and all(shard.name.startswith("data_tfrecord-") and shard.suffix == ".gz" for shard in shards)
    return [
        record
        for shard in shards
        for record in tf.compat.v1.io.tf_record_iterator(str(shard), tf.io.TFRecordOptions(compression_type="GZIP"))
    ]


def _all(out: Path) -> dict[str, list[bytes]]:
    return {split: sorted(_records(out, split)) for split in SPLITS}


def _values(record: bytes) -> dict[str, object]:
    """Features of a serialized example: text or number, None where the example lacks it."""
    values: dict[str, object] = dict.fromkeys(_COLUMNS)
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        if feature.WhichOneof("kind") == "bytes_list":
            (text,) = feature.bytes_list.value
            values[name] = text.decode()
        else:
            (values[name],) = feature.float_list.value
    return values


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    root = tmp_path_factory.mktemp("reference")
    _write_log(root, "csv")
    found = _run(_settings(root), root / "out")
    assert [path.name for path in sorted((root / "out").rglob("*.gz"))] == ["data_tfrecord-00000-of-00001.gz"] * 3
    return found, _all(root / "out")


def test_examples_equal_a_plain_python_join(reference) -> None:
    found, records = reference
    rows = _table().to_pylist()
    expected = [
        {
            "user": str(row["user"]),
            "age": row["age"],
            "tag": row["tag"],
            "click": float(row["click"]),
            "city": f"city{row['user'] % 7}" if row["user"] % 2 == 0 else None,
        }
        for row in rows
    ]
    written = [_values(record) for split in SPLITS for record in records[split]]
    assert sorted(map(json.dumps, [dict(sorted(row.items())) for row in written])) == sorted(
        map(json.dumps, [dict(sorted(row.items())) for row in expected])
    )
    assert found["rows"] == {split: len(records[split]) for split in SPLITS}
    assert all(found["rows"].values())
    assert found["side_table_misses"] == {"users": sum(row["user"] % 2 for row in rows)}


def test_a_users_rows_share_a_split(reference) -> None:
    _, records = reference
    users = [{_values(record)["user"] for record in records[split]} for split in SPLITS]
    assert not users[0] & users[1] and not users[0] & users[2] and not users[1] & users[2]


@pytest.mark.parametrize(
    ("format_", "parts", "options"),
    [
        ("csv", 3, ()),
        ("csv.gz", 1, ()),
        ("parquet", 1, ()),
        ("parquet", 2, ("--direct_num_workers=2", "--direct_running_mode=multi_threading")),
        ("tfrecord", 3, ()),
    ],
)
def test_formats_shards_and_workers_give_the_same_examples(
    reference, tmp_path: Path, format_: str, parts: int, options: tuple[str, ...]
) -> None:
    _write_log(tmp_path, format_, parts)
    assert _run(_settings(tmp_path, format_), tmp_path / "out", options) == reference[0]
    assert _all(tmp_path / "out") == reference[1]


def test_the_in_process_runner_repeats_itself_to_the_byte(tmp_path: Path) -> None:
    _write_log(tmp_path, "parquet", 3)
    for name in ("one", "two"):
        _run(_settings(tmp_path, "parquet"), tmp_path / name)
    for split in SPLITS:
        assert _records(tmp_path / "one", split) == _records(tmp_path / "two", split)


def test_rows_without_a_needed_value_are_dropped_and_counted(reference, tmp_path: Path) -> None:
    _write_log(tmp_path, "csv")
    found = _run(_settings(tmp_path, log={"drop_missing": ["age"]}), tmp_path / "out")
    rows = _table().to_pylist()
    assert found["dropped_missing"] == sum(row["age"] is None for row in rows) > 0
    for split, records in _all(tmp_path / "out").items():
        assert records == [record for record in reference[1][split] if _values(record)["age"] is not None]


@pytest.mark.parametrize("split", [_HASH, {k: v for k, v in _HASH.items() if k != "columns"}])
def test_a_cap_keeps_the_same_sample_whatever_the_shards(tmp_path: Path, split: dict) -> None:
    # Without `columns` both the split and the sample hash the whole row, and must not hash it alike.
    source = {"files": ["log_*"], "split": split}
    _write_log(tmp_path / "1", "csv", 1)
    whole = _run(_settings(tmp_path / "1", log={"sources": [source]}), tmp_path / "whole")
    samples = []
    for parts in (1, 4):
        root, out = tmp_path / str(parts), tmp_path / f"out_{parts}"
        _write_log(root, "csv", parts)
        found = _run(_settings(root, log={"sources": [source], "max_rows": {"test": 20, "train": 5000}}), out)
        assert 15 <= found["rows"]["test"] <= 20
        assert found["rows"]["test"] + found["capped"]["test"] == whole["rows"]["test"]
        assert found["rows"]["train"] == whole["rows"]["train"] and found["capped"]["train"] == 0
        samples.append(_all(out))
    assert samples[0] == samples[1]
    assert set(samples[0]["test"]) <= set(_records(tmp_path / "whole", "test"))


def test_several_sources_with_splits_of_their_own(tmp_path: Path) -> None:
    _write_users(tmp_path)
    header = "user,age,tag,click\n"
    (tmp_path / "old.csv").write_text(header + "".join(f"{i},{i},a,1\n" for i in range(10)), encoding="utf-8")
    (tmp_path / "new.txt").write_text("remark\n" + "".join(f"{i};?;a;0.\n" for i in range(5)), encoding="utf-8")
    time = {"by": "time", "column": "age", "validation_from": 7, "test_from": 100}
    new = {"header": False, "column_names": ["user", "age", "tag", "click"], "separator": ";", "skip_rows": 1}
    sources = [
        {"files": ["old.csv"], "split": time},
        {"files": ["new.txt"], "read": {**new, "missing": ["?"], "trailing": "."}, "split": "test"},
    ]
    found = _run(_settings(tmp_path, log={"sources": sources}), tmp_path / "out")
    assert found["rows"] == {"train": 7, "validation": 3, "test": 5}
    assert [_values(record)["age"] for record in _records(tmp_path / "out", "validation")] == [7.0, 8.0, 9.0]
    assert {(_values(r)["age"], _values(r)["click"]) for r in _records(tmp_path / "out", "test")} == {(None, 0.0)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,age,tag\n1,2,a\n", "log_9: expected column `click`. Columns found: user, age, tag"),
        ("user,age,tag,click,city\n1,2,a,1,x\n", "log_9: column `city` is both here and in side table `users`"),
        ("user,age,tag,click\n1,2,a,yes\n", "log_9: column `click`, row 1: expected a number. Received: 'yes'"),
        ("user,age,tag,click\n1,2,a\n", "log_9: row 1: expected 4 cells"),
    ],
)
def test_one_bad_shard_fails_the_run_and_leaves_no_shard(tmp_path: Path, content: str, message: str) -> None:
    _write_log(tmp_path, "csv", 2)
    (tmp_path / "log_9").write_text(content, encoding="utf-8")
    with pytest.raises(Exception, match="LogError|log_9") as error:
        _run(_settings(tmp_path), tmp_path / "out")
    assert message in str(error.value)
    assert not list((tmp_path / "out").glob("Split-*/data_tfrecord*"))


def test_large_splits_get_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "_SHARD_BATCHES", 1)
    monkeypatch.setattr("components.interaction_log_gen.reading.batches.BATCH_ROWS", 100)
    _write_log(tmp_path, "csv")
    found = _run(_settings(tmp_path), tmp_path / "out")
    shards = sorted(path.name for path in (tmp_path / "out/Split-train").iterdir())
    assert shards == [f"data_tfrecord-0000{i}-of-00004.gz" for i in range(4)]
    assert len(_records(tmp_path / "out", "train")) == found["rows"]["train"]
