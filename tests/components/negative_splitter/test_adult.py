"""The specific and shared negatives that the MTA-F paper's Adult set is known to have."""

import time

import pandas as pd
import pyarrow as pa
import pytest
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.negative_splitter.counts import counts_to_json, merge_counts
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings
from components.negative_splitter.shards import BATCH_ROWS, SplitShard, list_shards

COLUMNS = ["age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"]
COLUMNS += ["race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"]
SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="income", column="income", positive='== ">50K"', negative='== "<=50K"'),
        TaskLabelSettings(name="capital_gain", column="capital-gain", positive="> 0"),
    ),
    groups=(
        GroupSettings(name="sex", column="sex"),
        GroupSettings(name="age", column="age", buckets=(30, 50)),
        GroupSettings(name="sex_age", cross=("sex", "age")),
    ),
)


def lists(column):
    if column.dtype == object:
        return pa.array([None if v == "?" else [v.encode()] for v in column], pa.large_list(pa.large_binary()))
    return pa.array([[float(v)] for v in column], pa.large_list(pa.float32()))


@pytest.fixture(name="table", scope="module")
def table_fixture(data_dir):
    return pd.read_csv(data_dir / "adult" / "adult.data", header=None, names=COLUMNS, skipinitialspace=True)


@pytest.fixture(name="report", scope="module")
def report_fixture(table, tmp_path_factory, write):
    folder = tmp_path_factory.mktemp("adult")
    encoder = RecordBatchToExamplesEncoder()
    batch = pa.RecordBatch.from_arrays([lists(table[name]) for name in COLUMNS], COLUMNS)
    for shard, start in enumerate(range(0, len(table), 4 * BATCH_ROWS)):
        write(folder / "source" / f"data-{shard}.gz", encoder.encode(batch.slice(start, 4 * BATCH_ROWS)))
    do_fn = SplitShard(SETTINGS)
    do_fn.setup()
    start = time.perf_counter()
    shards = list_shards("train", str(folder / "source" / "*"), str(folder / "target"))
    counts = merge_counts(part for shard in shards for part in do_fn.process(shard))
    print(f"{len(table) / (time.perf_counter() - start):,.0f} rows/s read, split and written")
    return counts_to_json(counts, ["train"], ["income", "capital_gain"])["train"]


@pytest.mark.parametrize("task, specific, shared", [("income", 1035, 23685), ("capital_gain", 6164, 23685)])
def test_known_numbers_of_negatives(report, task, specific, shared):
    assert report["rows"] == 32561
    assert report["tasks"][task]["known"] == 32561
    assert report["tasks"][task]["kinds"] == {"specific": specific, "shared": shared, "undetermined": 0}


def test_groups_agree_with_pandas(report, table):
    labels = pd.DataFrame({"income": table["income"] == ">50K", "capital_gain": table["capital-gain"] > 0})
    band = pd.cut(table["age"], [0, 30, 50, 200], right=False, labels=["<30", "30-50", ">=50"]).astype(str)
    keys = {"sex": table["sex"], "age": band, "sex_age": table["sex"] + " x " + band}
    for task, other in (("income", "capital_gain"), ("capital_gain", "income")):
        for key, values in keys.items():
            found = report["tasks"][task]["groups"][key]
            assert set(found) == set(values)
            for value, cells in found.items():
                rows = labels[values == value]
                negatives = rows[~rows[task]]
                assert cells == {
                    "rows": len(rows),
                    "known": len(rows),
                    "positives": int(rows[task].sum()),
                    "shared": int((~negatives[other]).sum()),
                    "specific": int(negatives[other].sum()),
                    "undetermined": 0,
                }
