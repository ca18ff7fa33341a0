"""One run under TFX's local runner: what comes before and after the splitter is TFX's own."""

import json
from pathlib import Path

import pytest
import tensorflow_data_validation as tfdv
from ml_metadata.metadata_store import metadata_store
from tfx import v1 as tfx
from tfx.orchestration.metadata import sqlite_metadata_connection_config

from components.anomaly_gate.component import AnomalyGate
from components.negative_splitter.component import NegativeSplitter
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings

SPLITS = ["train", "validation", "test"]
SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="click", column="clicks", positive="> 0"),
        TaskLabelSettings(name="like", column="rating", positive='== "up"'),
    ),
    groups=(GroupSettings(name="sex", column="sex"),),
    min_specific=1,
)


def rows(split):
    ratings = [None, "up", "down"]
    return [
        {"clicks": (i // 3) % 2, "rating": ratings[i % 3], "sex": "FM"[(i // 6) % 2]}
        for i in range(12 + len(split) * 12)
    ]


@pytest.fixture(name="uris", scope="module")
def uris_fixture(tmp_path_factory, encode, write):
    """Runs the pipeline once; folders of the output artifacts by component and key."""
    base = tmp_path_factory.mktemp("pipeline")
    for split in SPLITS:
        write(base / "log" / split / "part-0.gz", [encode(row) for row in rows(split)])
    proto = tfx.proto
    inputs = proto.Input(splits=[proto.Input.Split(name=split, pattern=f"{split}/*") for split in SPLITS])
    examples = tfx.components.ImportExampleGen(input_base=str(base / "log"), input_config=inputs)
    splitter = NegativeSplitter(examples.outputs["examples"], SETTINGS, code="abc")
    statistics = tfx.components.StatisticsGen(splitter.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics.outputs["statistics"])
    validator = tfx.components.ExampleValidator(statistics.outputs["statistics"], schema.outputs["schema"])
    gate = AnomalyGate(validator.outputs["anomalies"])
    database = sqlite_metadata_connection_config(str(base / "metadata.db"))
    pipeline = tfx.dsl.Pipeline(
        "splitter",
        str(base / "root"),
        components=[examples, splitter, statistics, schema, validator, gate],
        metadata_connection_config=database,
        enable_cache=True,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    store = metadata_store.MetadataStore(database)
    return {
        artifact.uri.split("/")[-3] + "/" + artifact.uri.split("/")[-2]: artifact for artifact in store.get_artifacts()
    }


def test_every_example_comes_through(uris, read, decode):
    artifact = uris["NegativeSplitter/examples"]
    assert json.loads(artifact.properties["split_names"].string_value) == SPLITS
    for split in SPLITS:
        records = [decode(record) for record in read(Path(artifact.uri) / f"Split-{split}")]
        assert len(records) == len(rows(split))
        for row in records:
            assert row["label/click"] == int(row["clicks"] > 0)
            assert row["weight/like"] == float("rating" in row)
            assert row["group/sex"] == row["sex"]


def test_counts_are_registered(uris):
    report = json.loads((Path(uris["NegativeSplitter/counts"].uri) / "counts.json").read_text(encoding="utf-8"))
    assert uris["NegativeSplitter/counts"].type == "fairness.NegativeCounts"
    assert {split: report["splits"][split]["rows"] for split in SPLITS} == {s: len(rows(s)) for s in SPLITS}
    # A third of the rows each: no rating, rating up, rating down; half of each has clicks.
    kinds, third = report["splits"]["train"]["tasks"]["click"]["kinds"], len(rows("train")) // 3
    assert kinds == {"undetermined": third // 2, "specific": third // 2, "shared": third // 2}


@pytest.mark.parametrize("split", SPLITS)
def test_statistics_see_the_new_columns(uris, split):
    path = Path(uris["StatisticsGen/statistics"].uri) / f"Split-{split}" / "FeatureStats.pb"
    (dataset,) = tfdv.load_stats_binary(str(path)).datasets
    assert dataset.num_examples == len(rows(split))
    features = {feature.path.step[0]: feature for feature in dataset.features}
    expected = {f"{key}/{task}" for key in ("label", "weight", "negative") for task in ("click", "like")}
    assert set(features) == expected | {"group/sex", "clicks", "rating", "sex"}
    assert all(features[name].num_stats.common_stats.num_missing == 0 for name in expected)
    assert features["label/click"].num_stats.mean == pytest.approx(0.5)
    assert features["weight/like"].num_stats.mean == pytest.approx(2 / 3)
    assert {bucket.value for bucket in features["group/sex"].string_stats.top_values} == {"F", "M"}


def test_the_gate_checked_the_splits(uris):
    checked = json.loads((Path(uris["AnomalyGate/checked"].uri) / "checked.json").read_text(encoding="utf-8"))
    assert checked == {"splits": SPLITS, "anomalies": 0}
