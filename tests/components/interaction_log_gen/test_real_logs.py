"""Public logs as they are published, where they are at hand."""

import os
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from components.interaction_log_gen.reading import files
from components.interaction_log_gen.reading.batches import units
from components.interaction_log_gen.rows import columns, join
from components.interaction_log_gen.rows.batches import read_rows
from components.interaction_log_gen.settings import InteractionLogGenSettings
from models.formats.features import SPLITS

_DATA = Path(os.environ.get("FAIRNESS_DATA_DIR", Path(__file__).parents[4] / "shared" / "data"))
_ADULT = (
    "age workclass fnlwgt education education-num marital-status occupation relationship race sex capital-gain "
    "capital-loss hours-per-week native-country income"
).split()


def _read(log: dict[str, Any], columns_: dict[str, str]) -> dict[str, dict[str, list]]:
    """Values of each column of each split."""
    folder = str(_DATA)
    settings = InteractionLogGenSettings.model_validate({"log": {"root": folder, **log}, "columns": columns_})
    plan = columns.plan(settings, join.side_table_columns(settings.log))
    tables = join.load(settings, plan.tables)
    found: dict[str, dict[str, list]] = {split: {name: [] for name in columns_} for split in SPLITS}
    for index, source in enumerate(files.log_files(settings.log)):
        for file in source:
            for unit in units(index, file.path, settings.log.sources[index].read):
                for rows in read_rows(settings, plan, tables, unit):
                    for need, array in rows.columns.items():
                        values = array.to_pylist()
                        for value, split in zip(values, rows.splits, strict=True):
                            found[SPLITS[split]][need.column].append(value)
    return found


def _need(folder: str) -> None:
    if not (_DATA / folder).is_dir():
        pytest.skip(f"{_DATA / folder} is missing; set FAIRNESS_DATA_DIR")


def test_adult() -> None:
    _need("adult")
    read = {"header": False, "column_names": _ADULT, "strip": True, "missing": ["?"]}
    split = {"by": "hash", "fractions": {"train": 0.9, "validation": 0.1}}
    found = _read(
        {
            "sources": [
                {"files": ["adult/adult.data"], "read": read, "split": split},
                {"files": ["adult/adult.test"], "read": {**read, "skip_rows": 1, "trailing": "."}, "split": "test"},
            ]
        },
        {"income": "string", "age": "number", "workclass": "string", "capital-gain": "number"},
    )
    assert len(found["train"]["income"]) + len(found["validation"]["income"]) == 32_561
    assert len(found["test"]["income"]) == 16_281
    assert {value for split in SPLITS for value in found[split]["income"]} == {"<=50K", ">50K"}
    # The counts that the data set's description gives.
    assert found["test"]["income"].count(">50K") == 3_846
    assert found["test"]["workclass"].count(None) == 963


def test_german() -> None:
    _need("german")
    names = [f"a{i}" for i in range(1, 21)] + ["risk"]
    # One row of the file ends with a space.
    read = {"header": False, "column_names": names, "separator": " ", "trailing": " "}
    split = {"by": "hash", "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2}}
    found = _read(
        {"sources": [{"files": ["german/german.data"], "read": read, "split": split}]},
        {"a5": "number", "a9": "string", "risk": "string"},
    )
    risk = [value for split in SPLITS for value in found[split]["risk"]]
    assert (risk.count("1"), risk.count("2")) == (700, 300)
    assert {value for split in SPLITS for value in found[split]["a9"]} == {"A91", "A92", "A93", "A94"}


def test_lsac() -> None:
    _need("lsac")
    split = {"by": "hash", "columns": ["id"], "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2}}
    log = {"sources": [{"files": ["lsac/lsac_27k.csv"], "read": {"strip": True}, "split": split}]}
    found = _read(log, {"zfygpa": "number", "pass_bar": "number", "gender": "string"})
    assert sum(len(found[split]["gender"]) for split in SPLITS) == 27_478
    passed = [value for split in SPLITS for value in found[split]["pass_bar"]]
    assert passed.count(None) > 0 and set(passed) == {None, 0.0, 1.0}


def test_kuairand() -> None:
    _need("kuairand")
    split = {"by": "time", "column": "date", "validation_from": 20220429, "test_from": 20220430}
    read = {"format": "parquet"}
    found = _read(
        {
            "sources": [{"files": ["kuairand/log_*.parquet"], "read": read, "split": split}],
            "side_tables": [
                {"name": "users", "files": ["kuairand/user_*.csv"], "key": "user_id", "required": True},
                {"name": "videos", "files": ["kuairand/video_*.csv"], "key": "video_id", "required": True},
            ],
        },
        {"user_id": "string", "is_click": "number", "user_active_degree": "string", "tag": "string"},
    )
    table = pq.read_table(next((_DATA / "kuairand").glob("log_*.parquet")), columns=["date", "is_click"])
    for name, low, high in (("train", 0, 20220428), ("validation", 20220429, 20220429), ("test", 20220430, 99999999)):
        rows = table.filter(pc.and_(pc.greater_equal(table["date"], low), pc.less_equal(table["date"], high)))
        assert found[name]["is_click"] == [float(value) for value in rows["is_click"].to_pylist()]
        assert None not in found[name]["user_active_degree"]
    assert sum(len(found[split]["tag"]) for split in SPLITS) == 94_784
