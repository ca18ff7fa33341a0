"""Comparing what runs with different numbers of workers wrote: order and files do not count, bits do."""

from __future__ import annotations

import pytest
import tensorflow as tf

from benchmarks.beam import scaling
from benchmarks.beam.digests import compare_stage, files_digest, newest, records_digest

RECORDS = [f"record {i}".encode() for i in range(20)]


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)
    return path


def stage(folder, records, execution=3, counts="{}"):
    """A stage's outputs, the records over two files."""
    for part in range(2):
        write(folder / "examples" / str(execution) / "Split-train" / f"data-{part}.gz", records[part::2])
    path = folder / "counts" / str(execution) / "counts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(counts, encoding="utf-8")
    return folder


def test_order_and_files_do_not_count(tmp_path):
    one = [write(tmp_path / "a.gz", RECORDS)]
    two = [write(tmp_path / "b.gz", RECORDS[::-1][:7]), write(tmp_path / "c.gz", RECORDS[::-1][7:])]
    assert records_digest(one) == records_digest(two)
    assert records_digest(one)[0] == 20


@pytest.mark.parametrize(
    "changed",
    [RECORDS[1:], [*RECORDS, RECORDS[0]], [RECORDS[1], *RECORDS[1:]], [RECORDS[0] + b"x", *RECORDS[1:]]],
    ids=["missing", "doubled", "replaced", "a byte more"],
)
def test_any_other_record_counts(tmp_path, changed):
    one, two = write(tmp_path / "a.gz", RECORDS), write(tmp_path / "b.gz", changed)
    assert records_digest([one]) != records_digest([two])
    with pytest.raises(AssertionError, match="Split-train"):
        compare_stage(stage(tmp_path / "one", RECORDS), stage(tmp_path / "two", changed))


def test_a_stage_is_compared_whole(tmp_path):
    one, two = stage(tmp_path / "one", RECORDS), stage(tmp_path / "two", RECORDS[::-1], execution=12)
    told = compare_stage(one, two)
    assert "records bit for bit the same (20 in train)" in told and "1 files counts/*.json" in told
    with pytest.raises(AssertionError, match="counts"):
        compare_stage(one, stage(tmp_path / "three", RECORDS, counts='{"rows": 1}'))
    assert compare_stage(tmp_path / "none", tmp_path / "none") == "nothing that can be compared byte by byte"


def test_the_newest_execution_counts(tmp_path):
    stage(tmp_path, RECORDS, execution=9)
    stage(tmp_path, RECORDS, execution=10)
    assert newest(tmp_path, "examples").name == "10"
    with pytest.raises(FileNotFoundError, match="no output `model`"):
        newest(tmp_path, "model")
    assert list(files_digest(tmp_path, "*.json")) == ["counts.json"]


def test_the_table_of_its_rows_is_replaced(tmp_path):
    path = tmp_path / "README.md"
    marks = [mark.format(rows=rows) for rows in (100, 200) for mark in scaling.MARKS]
    path.write_text("a {}\nold\n{} b {}\nkept\n{} c".format(*marks), encoding="utf-8")
    scaling.replace_table(path, 100, ["| new |"])
    text = path.read_text(encoding="utf-8")
    assert "old" not in text and "| new |" in text and "kept" in text and text.endswith("c")
    assert text.index("| new |") < text.index("kept")


def transformed(folder, rows):
    """A Transform's output of (id, number) rows."""
    records = []
    for index, number in rows:
        example = tf.train.Example()
        example.features.feature["id"].int64_list.value.append(index)
        example.features.feature["number"].float_list.value.append(number)
        records.append(example.SerializeToString())
    write(folder / "transformed_examples" / "1" / "Split-train" / "data.gz", records)
    return folder


ROWS = [(index, 0.5 * index) for index in range(10)]


def test_numbers_of_transform_may_differ_by_rounding_and_nothing_else(tmp_path):
    one = transformed(tmp_path / "one", ROWS)
    rounded = transformed(tmp_path / "rounded", [(index, number * (1 + 3e-7)) for index, number in ROWS[::-1]])
    assert "without their numbers bit for bit the same (10 in train), numbers to" in compare_stage(one, rounded)
    other = transformed(tmp_path / "number", [(index, number + 1e-3) for index, number in ROWS])
    with pytest.raises(AssertionError, match="Split-train, `number`"):
        compare_stage(one, other)
    other = transformed(tmp_path / "id", [(index + 1, number) for index, number in ROWS])
    with pytest.raises(AssertionError, match="without numbers"):
        compare_stage(one, other)
