"""The synthetic log: any number of rows, the same on every runner, in the sample's world."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import yaml
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PipelineOptions
from click.testing import CliRunner

from pipeline.sample.any_size import (
    Part,
    WritePart,
    dataset_settings,
    main,
    parts,
    settings_for,
)
from pipeline.sample.any_size import generate as generate_log
from pipeline.sample.short_videos import CUES, INFLATED, TASKS, SampleSettings, generate
from pipeline.settings.config import load

ROWS = 20_000
PER_FILE = 6_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "csv"
    generate_log(str(folder), settings_for(ROWS), rows_per_file=PER_FILE)
    return folder


def impressions(folder: Path) -> pd.DataFrame:
    files = sorted(folder.glob("impressions-*.csv"))
    return pd.concat([pacsv.read_csv(file).to_pandas() for file in files], ignore_index=True)


@pytest.mark.parametrize(
    ("rows", "per_file", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (1, 1, [1])],
)
def test_parts_cover_the_rows_once(rows: int, per_file: int, sizes: list[int]) -> None:
    found = parts(rows, per_file)
    assert [part.rows for part in found] == sizes
    assert [part.number for part in found] == list(range(len(sizes)))
    assert [row for part in found for row in range(part.first, part.first + part.rows)] == list(range(rows))


def test_all_rows_are_there_in_the_order_of_time(log: Path) -> None:
    table = impressions(log)
    assert table["impression_id"].tolist() == list(range(ROWS))
    assert table["timestamp"].is_monotonic_increasing
    span = table["timestamp"].max() - table["timestamp"].min()
    assert 0.99 * 14 * 86_400 < span < 14 * 86_400
    assert len(list(log.glob("impressions-*.csv"))) == 4 and not list(log.glob("*.partial"))


def test_side_tables_hold_every_key(log: Path) -> None:
    table = impressions(log)
    for name in ("user", "item"):
        side = pacsv.read_csv(log / f"{name}s.csv").to_pandas()
        assert side[f"{name}_id"].is_unique
        assert set(table[f"{name}_id"]) <= set(side[f"{name}_id"])
    assert len(pacsv.read_csv(log / "users.csv")) == ROWS // 10


def test_it_is_the_samples_world(log: Path) -> None:
    """Shares of positives and what is planted, as in the sample, which is drawn by another path."""
    sample = generate(SampleSettings(rows=ROWS, users=ROWS // 10, items=ROWS // 50))
    drawn = impressions(log).merge(pacsv.read_csv(log / "users.csv").to_pandas(), on="user_id")
    expected = sample.impressions.to_pandas().merge(sample.users.to_pandas(), on="user_id")
    for task in TASKS:
        assert drawn[task].mean() == pytest.approx(expected[task].mean(), abs=0.03)
        assert drawn[task].isna().mean() == pytest.approx(expected[task].isna().mean(), abs=0.01)
        inflated = drawn["gender"] == ("M" if INFLATED[task] == "male" else "F")
        negatives = drawn[task] == 0
        gap = [drawn.loc[negatives & rows, CUES[task]].mean() for rows in (inflated, ~inflated)]
        # Two units between the means of positives and negatives, on a share `bias` of one gender.
        assert gap[0] - gap[1] == pytest.approx(2 * SampleSettings().bias[task], abs=0.12)


def test_files_differ(log: Path) -> None:
    table = impressions(log)
    firsts = [table["match"][start : start + 100].to_numpy() for start in range(0, ROWS, PER_FILE)]
    assert all(not np.array_equal(one, other) for i, one in enumerate(firsts) for other in firsts[:i])


def test_workers_do_not_matter_and_the_seed_does(log: Path, tmp_path: Path) -> None:
    threads = PipelineOptions(["--direct_running_mode=multi_threading", "--direct_num_workers=3"])
    generate_log(str(tmp_path / "again"), settings_for(ROWS), rows_per_file=PER_FILE, options=threads)
    assert {f.name: f.read_bytes() for f in log.iterdir()} == {
        f.name: f.read_bytes() for f in (tmp_path / "again").iterdir()
    }
    generate_log(str(tmp_path / "other"), settings_for(ROWS, seed=5), rows_per_file=PER_FILE)
    assert (tmp_path / "other" / "impressions-00000.csv").read_bytes() != (log / "impressions-00000.csv").read_bytes()


def test_a_part_does_not_depend_on_the_others(log: Path, tmp_path: Path) -> None:
    """A worker that gets only the third file, from a pickle as runners send it."""
    worker = pickler.loads(pickler.dumps(WritePart(settings_for(ROWS), str(tmp_path), "csv")))
    worker.setup()
    assert list(worker.process(Part(2, 2 * PER_FILE, PER_FILE))) == [PER_FILE]
    name = "impressions-00002.csv"
    assert (tmp_path / name).read_bytes() == (log / name).read_bytes()


def test_parquet_holds_the_same(log: Path, tmp_path: Path) -> None:
    generate_log(str(tmp_path / "p"), settings_for(ROWS), file_format="parquet", rows_per_file=PER_FILE)
    tables = [pq.read_table(file).to_pandas() for file in sorted((tmp_path / "p").glob("impressions-*.parquet"))]
    pd.testing.assert_frame_equal(pd.concat(tables, ignore_index=True), impressions(log), check_dtype=False)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_the_folder_is_a_dataset(log: Path, tmp_path: Path, file_format: str) -> None:
    shutil.copytree(log, tmp_path / "log")
    (tmp_path / "log" / "dataset.yaml").write_text(yaml.safe_dump(dataset_settings(file_format)), encoding="utf-8")
    settings = load(tmp_path / "log" / "dataset.yaml")
    assert settings.dataset == "synthetic" and settings.sample is None
    assert settings.log.root == str(tmp_path / "log") and Path(settings.data_schema).parent == tmp_path / "log"
    assert settings.log.sources[0].files == (f"impressions-*.{file_format}",)
    assert settings.log.sources[0].read.format == file_format


def test_bad_input(log: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="holds impressions already"):
        generate_log(str(log), settings_for(100))
    with pytest.raises(ValueError, match=r"one of \['csv', 'parquet'\]. Received: 'avro'"):
        generate_log(str(tmp_path), settings_for(100), file_format="avro")
    with pytest.raises(ValueError, match="`rows_per_file` should be at least 1. Received: 0"):
        generate_log(str(tmp_path), settings_for(100), rows_per_file=0)
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    done = CliRunner().invoke(main, [str(folder), "--rows", "500", "--rows-per-file", "200", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert f"make run CONFIG={folder}/dataset.yaml" in done.output
    assert len(list(folder.glob("impressions-*.csv"))) == 3 and len(impressions(folder)) == 500
    both = CliRunner().invoke(main, ["x", "--rows", "500", "--workers", "2", "--", "--runner=FlinkRunner"])
    assert both.exit_code == 2 and "`--workers` is for this machine" in both.output
