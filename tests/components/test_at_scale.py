"""What large logs and other runners ask of the Beam components: pickles, keys with deterministic coders, flat memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam import coders
from apache_beam.internal import pickler
from apache_beam.pipeline import PipelineVisitor
from tensorflow_model_analysis import constants
from tfx_bsl.coders import example_coder

from components.batched_evaluation.extractors import BatchRowsFn
from components.interaction_log_gen.rows import columns, sampling
from components.interaction_log_gen.rows.transforms import write_examples
from components.interaction_log_gen.settings import InteractionLogGenSettings, LogSettings
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings
from components.negative_splitter.shards import Shard, SplitShard
from models.formats.features import SPLITS

PAGE = 4096
SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="click", column="clicks", positive="> 0"),
        TaskLabelSettings(name="like", column="likes", positive="== 1"),
    ),
    groups=(GroupSettings(name="sex", column="sex"),),
    min_specific=1,
)


class Keys(PipelineVisitor):
    """Collects the element types of all that is grouped or combined by key."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def visit_transform(self, node: beam.pipeline.AppliedPTransform) -> None:
        if isinstance(node.transform, beam.GroupByKey):
            self.found[node.full_label] = node.inputs[0].element_type


def test_keys_of_the_log_reader_have_deterministic_coders(tmp_path: Path) -> None:
    """With a cap, the one place where rows are counted by a key of ours: else equal keys might be told apart."""
    (tmp_path / "log.csv").write_text("clicks\n1\n", encoding="utf-8")
    log = LogSettings.model_validate(
        {
            "root": str(tmp_path),
            "sources": [{"files": ["log.csv"], "split": "train"}],
            "max_rows": {"train": 10},
        }
    )
    settings = InteractionLogGenSettings(log=log, columns={"clicks": "number"})
    pipeline, keys = beam.Pipeline(), Keys()
    folders = {split: str(tmp_path / split) for split in SPLITS}
    paths = [[str(tmp_path / "log.csv")]]
    write_examples(pipeline, settings, columns.plan(settings, []), paths, folders, str(tmp_path / "notices.json"))
    pipeline.visit(keys)
    ours = {label: kind.tuple_types[0] for label, kind in keys.found.items() if label.startswith("CountBins")}
    assert len(ours) == 1, keys.found
    for label, key in ours.items():
        assert coders.registry.get_coder(key).is_deterministic(), (label, key)
        assert not isinstance(coders.registry.get_coder(key), coders.FastPrimitivesCoder), (label, key)


def test_combiners_and_functions_come_back_from_a_pickle(tmp_path: Path) -> None:
    counter = pickler.loads(pickler.dumps(sampling.CountBins()))
    empty = counter.create_accumulator()
    assert type(counter.extract_output(empty)) is type(sampling.CountBins().extract_output(empty))
    batcher = pickler.loads(pickler.dumps(BatchRowsFn(7)))
    batcher.start_bundle()
    batch = pa.RecordBatch.from_pydict({"x": list(range(4))})
    elements = [e for _ in range(3) for e in batcher.process({constants.ARROW_RECORD_BATCH_KEY: batch})]
    rest = [value.value for value in batcher.finish_bundle()]
    sizes = [element[constants.ARROW_RECORD_BATCH_KEY].num_rows for element in elements + rest]
    assert sizes == [8, 4]


def write_rows(path: Path, rows: int) -> int:
    """Writes examples with a long text each; their bytes together."""
    rng = np.random.default_rng(0)
    total = 0
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)) as writer:
        for start in range(0, rows, 10_000):
            count = min(10_000, rows - start)
            offsets = np.arange(count + 1, dtype=np.int32)
            values = {
                "clicks": rng.integers(0, 3, count).astype(np.float32),
                "likes": rng.integers(0, 2, count).astype(np.float32),
                "sex": rng.choice(["F", "M"], count).astype("S"),
                "text": np.full(count, b"x" * 600),
            }
            lists = {name: pa.ListArray.from_arrays(offsets, pa.array(column)) for name, column in values.items()}
            for example in example_coder.RecordBatchToExamples(pa.RecordBatch.from_pydict(lists)):
                total += len(example)
                writer.write(example)
    return total


class Peak(threading.Thread):
    """The most memory that this process had resident until ``stop``."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes, self._running = resident(), True

    def run(self) -> None:
        while self._running:
            self.bytes = max(self.bytes, resident())
            time.sleep(0.005)

    def stop(self) -> int:
        self._running = False
        self.join()
        return self.bytes


def resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * PAGE


@pytest.fixture(scope="module")
def splitter() -> SplitShard:
    found: SplitShard = pickler.loads(pickler.dumps(SplitShard(SETTINGS)))
    found.setup()
    return found


def test_the_splitter_holds_a_batch_and_not_a_file(splitter: SplitShard, tmp_path: Path) -> None:
    """After a first file that brings libraries and pools of memory in, one ten times as large adds next to nothing."""
    grown = []
    for rows in (20_000, 200_000):
        source, target = tmp_path / f"{rows}.gz", tmp_path / "out" / f"{rows}.gz"
        size = write_rows(source, rows)
        before, peak = resident(), Peak()
        peak.start()
        (counts,) = splitter.process(Shard("train", str(source), str(target)))
        grown.append(peak.stop() - before)
        assert counts["train"].rows == rows
    assert size > 120 << 20
    assert grown[1] < 40 << 20, [f"{growth >> 20} MB" for growth in grown]
