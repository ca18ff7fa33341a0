from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading.batches import Unit, read_batches
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import ReadSettings
from components.interaction_log_gen.values.conversion import Place, convert

_READ = ReadSettings(format="tfrecord")


def _example(**features: object) -> bytes:
    example = tf.train.Example()
    for name, values in features.items():
        assert isinstance(values, list)
        if isinstance(values[0], bytes):
            example.features.feature[name].bytes_list.value.extend(values)
        elif isinstance(values[0], float):
            example.features.feature[name].float_list.value.extend(values)
        else:
            example.features.feature[name].int64_list.value.extend(values)
    return example.SerializeToString()


def _write(path: Path, records: Sequence[bytes]) -> Path:
    with tf.io.TFRecordWriter(str(path), "GZIP" if path.suffix == ".gz" else "") as writer:
        for record in records:
            writer.write(record)
    return path


def _read(path: Path, *wanted: str) -> dict[str, list]:
    rows: dict[str, list] = {name: [] for name in wanted}
    for batch in read_batches(Unit(0, str(path)), _READ, wanted, {}):
        for name in wanted:
            rows[name] += batch.columns[name].to_pylist()
    return rows


@pytest.mark.parametrize("name", ["log.tfrecord", "log.gz"])
def test_features_are_lists_and_null_where_absent(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, [_example(a=[1], b=[b"x", b"y"]), _example(a=[2], c=[0.5])])
    assert _read(path, "a", "b", "c") == {"a": [[1], [2]], "b": [[b"x", b"y"], None], "c": [None, [0.5]]}
    assert reading.column_names(str(path), _READ) == ["a", "b", "c"]


def test_a_feature_that_starts_late_is_null_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 2)
    path = _write(tmp_path / "log", [_example(a=[i]) for i in range(5)] + [_example(a=[5], b=[b"x"])])
    batches = list(read_batches(Unit(0, str(path)), _READ, ["a", "b"], {}))
    assert [batch.first_row for batch in batches] == [0, 2, 4]
    texts = [convert(batch.columns["b"], Need("b", "string"), (), Place("log", 0)).to_pylist() for batch in batches]
    assert texts == [[None, None], [None, None], [None, "x"]]
    numbers = [convert(batch.columns["b"], Need("b", "number"), (), Place("log", 0)) for batch in batches[:2]]
    assert all(array.null_count == 2 for array in numbers)


def test_batches_come_lazily(tmp_path: Path) -> None:
    path = _write(tmp_path / "log", [_example(a=[i]) for i in range(25_000)])
    path.write_bytes(path.read_bytes()[:-3])
    batches = read_batches(Unit(0, str(path)), _READ, ["a"], {})
    assert [next(batches).first_row, next(batches).first_row] == [0, 10_000]
    with pytest.raises(LogError, match="Rows read before it failed: 20000"):
        next(batches)


def test_a_feature_that_no_record_has_is_a_missing_column(tmp_path: Path) -> None:
    path = _write(tmp_path / "log", [_example(a=[1], b=[2])])
    with pytest.raises(LogError) as error:
        _read(path, "a", "z")
    assert str(error.value) == f"{path}: expected column `z`. Columns found: a, b"


def test_a_reserved_feature(tmp_path: Path) -> None:
    path = _write(tmp_path / "log", [_example(a=[1], b=[2])])
    with pytest.raises(LogError, match="column `b` is both here and in side table `users`"):
        list(read_batches(Unit(0, str(path)), _READ, ["a"], {"b": "users"}))


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("cut", [1, 12, 60])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str, cut: int) -> None:
    # TensorFlow takes a gzip file that ends between two records, or lacks its checksum, for complete.
    random = np.random.default_rng(0)
    path = _write(tmp_path / f"log{suffix}", [_example(a=random.random(3).tolist()) for _ in range(100)])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(LogError) as error:
        _read(path, "a")
    assert str(error.value).startswith(f"{path}: expected TFRecords of tf.Example")
    assert "Rows read before it failed: " in str(error.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_flipped_bit_is_found(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path / f"log{suffix}", [_example(a=[i]) for i in range(100)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(LogError, match="expected TFRecords of tf.Example"):
        _read(path, "a")


@pytest.mark.parametrize("name", ["log", "log.gz"])
def test_what_is_no_tfrecord_file_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(LogError, match="expected TFRecords of tf.Example"):
        _read(path, "a")


def test_records_that_are_no_examples_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "log", [_example(a=[1]), b"garbage"])
    with pytest.raises(LogError, match="expected TFRecords of tf.Example.*Unable to parse"):
        _read(path, "a")


def test_a_feature_of_two_types_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "log", [_example(a=[1]), _example(a=[b"x"])])
    with pytest.raises(LogError, match='expected TFRecords of tf.Example.*"?a"?'):
        _read(path, "a")
