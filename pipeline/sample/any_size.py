"""A log of any size, drawn by a Beam pipeline on any runner.

It is the shipped sample's world (``pipeline/sample/short_videos.py`` says what is planted in it), one file of
impressions at a time: a file's rows depend on the settings and its number alone, not on the runner, the number of
workers or the machine, and a worker holds one file's rows. Beside the log stand the side tables, ``schema.pbtxt`` and
``dataset.yaml``, so that the folder is a dataset to run.

    python -m pipeline.sample.any_size FOLDER --rows 10000000 --workers 2
    make run CONFIG=FOLDER/dataset.yaml
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

import apache_beam as beam
import click
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import tensorflow as tf
import yaml
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.sample.short_videos import SampleSettings, draw_impressions, draw_users_and_items
from pipeline.settings.beam import BeamSettings, beam_args

ROWS_PER_FILE = 250_000
FORMATS = ("csv", "parquet")
_SAMPLE = Path(__file__).resolve().parents[2] / "data_schemas" / "sample"


class Part(NamedTuple):
    """A file of the log: its number, its first row and its number of rows."""

    number: int
    first: int
    rows: int


def parts(rows: int, rows_per_file: int = ROWS_PER_FILE) -> list[Part]:
    """The files of a log of ``rows`` rows."""
    return [
        Part(index, first, min(rows_per_file, rows - first))
        for index, first in enumerate(range(0, rows, rows_per_file))
    ]


def settings_for(rows: int, seed: int = SampleSettings().seed) -> SampleSettings:
    """The sample's world grown with the log: ten impressions a user and fifty an item, up to a million of either."""
    users, items = min(max(10, rows // 10), 1_000_000), min(max(10, rows // 50), 1_000_000)
    return SampleSettings(rows=rows, users=users, items=items, seed=seed)


class WritePart(beam.DoFn):
    """Draws a file's rows and writes it; yields its number of rows.

    Users and items are drawn anew by each worker from the settings, which is quicker than sending them.
    """

    def __init__(self, settings: SampleSettings, folder: str, file_format: str) -> None:
        self._settings_json = settings.model_dump_json()
        self._folder, self._format = folder, file_format

    def setup(self) -> None:
        self._settings = SampleSettings.model_validate_json(self._settings_json)
        self._users, self._items, _ = draw_users_and_items(self._settings)

    def process(self, part: Part) -> Iterator[int]:
        """Written aside and renamed, so that an attempt that is repeated or doubled leaves one whole file."""
        rng = np.random.default_rng([self._settings.seed, 1 + part.number])
        table = draw_impressions(self._settings, self._users, self._items, rng, part.rows, part.first)
        _write_table(table, os.path.join(self._folder, f"impressions-{part.number:05d}.{self._format}"))
        yield part.rows


def generate(
    folder: str,
    settings: SampleSettings,
    *,
    file_format: str = "csv",
    rows_per_file: int = ROWS_PER_FILE,
    options: Optional[PipelineOptions] = None,
) -> None:
    """Writes a log with its side tables, schema and settings file.

    Args:
      folder: On a local disk, or where TensorFlow's file systems reach; made where it does not exist.
      settings: Rows, users, items, seed and what is planted; ``shards`` is not read.
      file_format: ``csv`` or ``parquet``, of the impressions.
      rows_per_file: At most so many rows in a file.
      options: Beam's; the Direct runner in process where absent.

    Raises:
      ValueError: An unknown format, or no rows for a file.
      FileExistsError: The folder holds a log already.
    """
    if file_format not in FORMATS:
        raise ValueError(f"`file_format` should be one of {list(FORMATS)}. Received: {file_format!r}")
    if rows_per_file < 1:
        raise ValueError(f"`rows_per_file` should be at least 1. Received: {rows_per_file}")
    # Not a glob: the folder's name may hold the signs of one.
    there = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    if any(name.startswith("impressions-") for name in there):
        raise FileExistsError(f"{folder} holds impressions already; name another folder, or remove it")
    tf.io.gfile.makedirs(folder)
    _, _, tables = draw_users_and_items(settings)
    _write_table(tables.users, os.path.join(folder, "users.csv"))
    _write_table(tables.items, os.path.join(folder, "items.csv"))
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "Parts" >> beam.Create(parts(settings.rows, rows_per_file))
            | "Draw" >> beam.ParDo(WritePart(settings, folder, file_format)).with_output_types(int)
            | "Count" >> beam.CombineGlobally(sum)
            | "Describe" >> beam.Map(_describe, settings.rows, folder, file_format)
        )


def _describe(written: int, expected: int, folder: str, file_format: str) -> None:
    """Writes what makes the folder a dataset, once all files are there."""
    if written != expected:
        raise RuntimeError(f"{folder}: {expected:,} rows should have been written. Written: {written:,}")
    _write_bytes((_SAMPLE / "schema.pbtxt").read_bytes(), os.path.join(folder, "schema.pbtxt"))
    text = yaml.safe_dump(dataset_settings(file_format), sort_keys=False)
    _write_bytes(text.encode(), os.path.join(folder, "dataset.yaml"))


def dataset_settings(file_format: str) -> dict[str, Any]:
    """The sample's settings file, of a log that lies beside it."""
    settings = yaml.safe_load((_SAMPLE / "dataset.yaml").read_text(encoding="utf-8"))
    del settings["sample"]
    settings["dataset"] = "synthetic"
    settings["log"]["root"] = "."
    (source,) = settings["log"]["sources"]
    source["files"] = [f"impressions-*.{file_format}"]
    source["read"] = {"format": file_format}
    return settings


def _write_table(table: pa.Table, path: str) -> None:
    buffer = pa.BufferOutputStream()
    if path.endswith(".parquet"):
        pq.write_table(table, buffer)
    else:
        pacsv.write_csv(table, buffer)
    _write_bytes(buffer.getvalue(), path)


def _write_bytes(content: Any, path: str) -> None:
    aside = f"{path}.{uuid.uuid4().hex}.partial"
    with tf.io.gfile.GFile(aside, "wb") as file:
        file.write(memoryview(content).tobytes())
    tf.io.gfile.rename(aside, path, overwrite=True)


@click.command()
@click.argument("folder")
@click.option("--rows", type=click.IntRange(min=100), required=True)
@click.option("--format", "file_format", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--rows-per-file", type=click.IntRange(min=1), default=ROWS_PER_FILE, show_default=True)
@click.option("--seed", type=int, default=SampleSettings().seed, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), help="Processes on this machine; all cores where absent.")
@click.argument("beam_arguments", nargs=-1, type=click.UNPROCESSED)
def main(
    folder: str,
    rows: int,
    file_format: str,
    rows_per_file: int,
    seed: int,
    workers: Optional[int],
    beam_arguments: tuple[str, ...],
) -> None:
    """Writes a synthetic log to FOLDER. After `--`, BEAM_ARGUMENTS for another runner than this machine."""
    if beam_arguments and workers is not None:
        raise click.UsageError("`--workers` is for this machine; leave it out beside arguments of another runner")
    arguments = list(beam_arguments) or beam_args(BeamSettings(workers=workers))
    generate(
        os.path.abspath(folder) if "://" not in folder else folder,
        settings_for(rows, seed),
        file_format=file_format,
        rows_per_file=rows_per_file,
        options=PipelineOptions(arguments),
    )
    click.echo(f"{rows:,} rows in {folder}; run them with: make run CONFIG={folder}/dataset.yaml")


if __name__ == "__main__":
    # Workers find DoFns by their module's name, and know no other `__main__` than their own.
    from pipeline.sample import any_size as synthetic_log

    synthetic_log.main()
