import json
import random
from collections import Counter

import pytest
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts

from components.negative_splitter.component import NegativeCounts, NegativeSplitter
from components.negative_splitter.executor import COUNTS_FILE, Executor
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings

SPLITS = ["train", "validation", "test"]
SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="click", column="clicks", positive="> 0"),
        TaskLabelSettings(name="like", column="rating", positive='== "up"', negative='== "down"'),
        TaskLabelSettings(name="follow", column="follows", positive="== 1"),
    ),
    groups=(
        GroupSettings(name="sex", column="sex"),
        GroupSettings(name="age", column="age", buckets=(30, 60)),
        GroupSettings(name="sex_age", cross=("sex", "age")),
    ),
    min_specific=3,
)


def rows(split, number=500):
    draw = random.Random(split)
    return [
        {
            "clicks": draw.choice([None, 0, 0, 1, 3]),
            "rating": draw.choice([None, "up", "down", "down"]),
            "follows": draw.choice([0, 0, 0, 1]),
            "sex": draw.choice([None, "F", "M"]),
            "age": draw.choice([None, 20, 40, 70]),
            "item": str(i),
        }
        for i in range(number)
    ]


@pytest.fixture(name="data")
def data_fixture(encode):
    return {split: [encode(row) for row in rows(split)] for split in SPLITS}


@pytest.fixture(name="run")
def run_fixture(tmp_path, write):
    """Writes {split: records} in some number of files, runs the executor and gives its output artifacts."""
    runs = iter(range(100))

    def run(data, settings=SETTINGS, shards=1, beam_args=(), leave_out=None):
        base = tmp_path / str(next(runs))
        source, target, counts = standard_artifacts.Examples(), standard_artifacts.Examples(), NegativeCounts()
        source.uri, target.uri, counts.uri = (str(base / name) for name in ("source", "target", "counts"))
        source.split_names = json.dumps(list(data))
        source.span, source.version = 3, 4
        examples_utils.set_payload_format(source, example_gen_pb2.FORMAT_TF_EXAMPLE)
        for split, records in data.items():
            for shard in range(0 if split == leave_out else shards):
                path = base / "source" / f"Split-{split}" / f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
                write(path, records[shard::shards])
        executor = Executor(
            Executor.Context(beam_pipeline_args=list(beam_args), tmp_dir=str(base / "tmp"), unique_id="1")
        )
        properties = {"settings": settings.model_dump_json(), "code": ""}
        executor.Do({"input_examples": [source]}, {"examples": [target], "counts": [counts]}, properties)
        return base, target

    return run


def outputs(base, read):
    return {split: read(base / "target" / f"Split-{split}") for split in SPLITS}


def counts_text(base):
    return (base / "counts" / COUNTS_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(("value", "what"), [(0, "positives"), (1, "negatives")])
def test_a_split_without_one_side_of_a_task_ends_the_run_here(run, data, encode, value, what):
    """Before any training: the report of such a run has no figure for the task."""
    data["validation"] = [encode(row | {"follows": value}) for row in rows("validation")]
    with pytest.raises(ValueError) as error:
        run(data)
    assert "task `follow` (column `follows`): expected positives and negatives in split `validation`" in str(
        error.value
    )
    assert f"0 {what} among 500 known labels" in str(error.value)


def test_rows_keep_their_order_columns_and_bytes(run, data, read, decode):
    base, target = run(data)
    for split, records in outputs(base, read).items():
        assert len(records) == len(data[split])
        for before, after, row in zip(data[split], records, rows(split), strict=True):
            assert after.startswith(before)
            found = decode(after)
            assert found["label/click"] == int((row["clicks"] or 0) > 0)
            assert found["weight/like"] == (row["rating"] is not None)
            assert found["group/sex"] == (row["sex"] or "unknown")
    assert target.split_names == json.dumps(SPLITS)
    assert (target.span, target.version) == (3, 4)
    assert examples_utils.get_payload_format(target) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert [path.name for path in (base / "target" / "Split-train").iterdir()] == ["data_tfrecord-00000-of-00001.gz"]
    assert [path.name for path in (base / "counts").iterdir()] == [COUNTS_FILE]


def test_counts_are_those_of_the_written_columns(run, data, read, decode):
    base, _ = run(data)
    report = json.loads(counts_text(base))
    kinds = {1: "shared", 2: "specific", 3: "undetermined"}
    for split, records in outputs(base, read).items():
        found = [decode(record) for record in records]
        for name, task in report["splits"][split]["tasks"].items():
            labels = [(row[f"label/{name}"], row[f"weight/{name}"]) for row in found]
            assert task["known"] == sum(weight == 1 for _, weight in labels)
            assert task["positives"] == labels.count((1, 1))
            negatives = Counter(row[f"negative/{name}"] for row in found)
            assert task["kinds"] == {kind: negatives[number] for number, kind in kinds.items()}
            assert sum(task["kinds"].values()) == task["known"] - task["positives"]
            for key, values in task["groups"].items():
                cells = Counter((row[f"group/{key}"], row[f"negative/{name}"]) for row in found)
                assert set(values) == {row[f"group/{key}"] for row in found}
                for value, cell in values.items():
                    assert {kind: cell[kind] for kind in kinds.values()} == {
                        k: cells[value, n] for n, k in kinds.items()
                    }
                    assert cell["known"] - cell["positives"] == sum(cell[kind] for kind in kinds.values())
        assert report["splits"][split]["rows"] == len(records)


def test_files_and_workers_do_not_matter(run, data, read):
    expected, _ = run(data)
    two_threads = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    for shards, beam_args in ((3, ()), (7, two_threads)):
        base, _ = run(data, shards=shards, beam_args=beam_args)
        assert counts_text(base) == counts_text(expected)
        for split, records in outputs(base, read).items():
            assert Counter(records) == Counter(outputs(expected, read)[split])
            assert len(list((base / "target" / f"Split-{split}").iterdir())) == shards


def test_an_empty_file_among_others(run, data, read):
    base, _ = run({**data, "validation": data["validation"][:4]}, shards=5)
    assert len(outputs(base, read)["validation"]) == 4
    assert json.loads(counts_text(base))["splits"]["validation"]["rows"] == 4


def test_warnings_stand_in_the_counts_file(run, data):
    base, _ = run({**data, "train": data["train"][:20]})
    few = json.loads(counts_text(base))
    cells = few["splits"]["train"]["tasks"]["click"]["groups"]["sex"]["F"]
    named = f"F: {cells['specific']} of {cells['known'] - cells['positives']}"
    expected = (
        "Task `click` has fewer than 3 task-specific negatives in split `train` for sex (specific of all negatives; "
    )
    assert any(warning.startswith(expected) and named in warning for warning in few["warnings"])
    base, _ = run(data)
    assert all("sex_age" in warning for warning in json.loads(counts_text(base))["warnings"])


def test_group_values_that_may_be_missing_ones_are_warned_about(run, data, encode):
    marked = [{**row, "sex": {None: "NULL", "F": "F", "M": "unknown"}[row["sex"]]} for row in rows("train")]
    base, _ = run({**data, "train": [encode(row) for row in marked]})
    first, second = json.loads(counts_text(base))["warnings"][:2]
    sexes = Counter(row["sex"] for row in marked)
    assert f"the value 'NULL' ({sexes['NULL']} rows of split `train`) looks like a mark of missing values" in first
    assert f"the value 'unknown' ({sexes['unknown']} rows of split `train`) is taken for a missing one" in second


def test_a_column_absent_from_a_file_is_missing_there(run, data, encode):
    with_like = [encode({**row, "clicks": 1 + i % 2}) for i, row in enumerate(rows("train", 40))]
    without = [encode({**row, "rating": None}) for row in rows("train", 40)]
    mixed = [record for pair in zip(with_like, without, strict=True) for record in pair]
    base, _ = run({**data, "train": mixed}, shards=2)
    known = json.loads(counts_text(base))["splits"]["train"]["tasks"]["like"]["known"]
    assert known == sum(row["rating"] is not None for row in rows("train", 40))


def test_a_column_absent_from_a_split(run, data, encode):
    without = [encode({**row, "rating": None, "age": None}) for row in rows("test")]
    with pytest.raises(ValueError) as error:
        run({**data, "test": without}, shards=2)
    message = str(error.value)
    assert "split `test`, task `like`: column `rating` has no value in any of 500 rows" in message
    assert "split `test`, group `age`: column `age` has no value in any of 500 rows" in message
    assert "columns found are `clicks`, `follows`, `item`, `sex`" in message
    assert "split `train`" not in message


def test_a_split_without_rows(run, data):
    with pytest.raises(ValueError, match="split `validation`: expected rows. Received: none"):
        run({**data, "validation": []})


def test_a_split_without_files(run, data):
    with pytest.raises(FileNotFoundError, match="split `test`: expected files of examples. Received: none at"):
        run(data, leave_out="test")


def test_a_rule_that_matches_nothing(run, data):
    never = SETTINGS.tasks[0].model_copy(update={"positive": "> 99"})
    settings = SETTINGS.model_copy(update={"tasks": (never, *SETTINGS.tasks[1:])})
    with pytest.raises(
        ValueError, match="task `click`: `positive: > 99` on column `clicks` matches none of .* `train`"
    ):
        run(data, settings)


def test_a_label_that_no_rule_matches(run, data, encode):
    odd = [*data["validation"], encode({"rating": "sideways"})]
    with pytest.raises(
        ValueError, match="task `like`, column `rating`, split `validation`: the value 'sideways' matches"
    ):
        run({**data, "validation": odd})


def cut(share):
    return lambda content: content[: int(len(content) * share)]


# TensorFlow alone notices only some of these: it takes a gzip stream that breaks off for one that ends.
DAMAGES = {
    **{f"cut at {share}": cut(share) for share in (0, 0.001, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999)},
    "without its trailer": lambda content: content[:-8],
    "overwritten": lambda content: content[:100] + b"\0" * 50 + content[150:],
    "something else": lambda content: b"x" * 99,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file(run, data, tmp_path, write, damage):
    path = tmp_path / "0" / "source" / "Split-train" / "data_tfrecord-00001.gz"
    write(path, data["train"])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"split `train`, file .*data_tfrecord-00001.gz: expected gzipped TFRecords"):
        run(data)
    written = [p.name for p in (tmp_path / "0" / "target" / "Split-train").iterdir()]
    assert not any(name.startswith("data_tfrecord-00001") or name.endswith(".partial") for name in written)


def test_a_parquet_payload_is_refused(run, data, monkeypatch):
    monkeypatch.setattr(examples_utils, "get_payload_format_string", lambda _: "FORMAT_PARQUET")
    with pytest.raises(ValueError, match="expected FORMAT_TF_EXAMPLE in tfrecords_gzip. Received: .'FORMAT_PARQUET'"):
        run(data)


def test_the_component_refuses_rules_before_anything_runs():
    from tfx.types import channel_utils

    examples = channel_utils.as_channel([standard_artifacts.Examples()])
    bad = SETTINGS.model_copy(update={"groups": (GroupSettings(name="g", column="clicks"),)})
    with pytest.raises(ValueError, match="column `clicks`: task `click` .* number, group `g`"):
        NegativeSplitter(examples, bad)
    component = NegativeSplitter(examples, SETTINGS, code="abc")
    assert component.outputs["counts"].type is NegativeCounts
    assert component.exec_properties["code"] == "abc"
    assert NegativeSplitterSettings.model_validate_json(component.exec_properties["settings"]) == SETTINGS
