"""NegativeSplitter's Beam pipeline on Dask, in two worker processes, and whether it writes what the Direct runner writes.

Not for the project's own environment: Beam 2.59, which TFX pins, cannot run it (README.md says why). In a copy of it:

    .bootstrap/bin/uv venv --python 3.10 /tmp/dask
    .bootstrap/bin/uv pip sync --python /tmp/dask/bin/python requirements.lock
    .bootstrap/bin/uv pip install --python /tmp/dask/bin/python apache-beam==2.74.0 dask[distributed] dill \
        protobuf==3.20.3 numpy==1.26.4 pandas==1.5.3 pyarrow==10.0.1
    PYTHONPATH=. /tmp/dask/bin/python -m benchmarks.beam.dask_splitter runs/sample/artifacts/InteractionLogGen
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

import models  # noqa: F401  chooses the Keras 2 API before TensorFlow loads

# isort: split
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.beam.digests import newest, records_digest
from components.negative_splitter.counts import dump_counts, merge_counts
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.shards import SplitShard, list_shards
from pipeline.settings.config import load

ROOT = Path(__file__).resolve().parents[2]


def split(
    settings: NegativeSplitterSettings, source: Path, target: Path, runner: Optional[Any], options: PipelineOptions
) -> float:
    """Runs the component's own pipeline and returns its seconds."""
    shards = [
        shard
        for folder in sorted(source.glob("Split-*"))
        for shard in list_shards(folder.name.removeprefix("Split-"), f"{folder}/*", str(target / folder.name))
    ]
    started = time.perf_counter()
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        _ = (
            pipeline
            | "Files" >> beam.Create(shards)
            | "Split" >> beam.ParDo(SplitShard(settings))
            | "Sum" >> beam.CombineGlobally(merge_counts)
            | "Write" >> beam.Map(_write, str(target / "counts.json"))
        )
    seconds = time.perf_counter() - started
    client = getattr(pipeline.result, "client", None)
    if client is not None:
        # The runner leaves it open, and it would look for its scheduler for half a minute.
        client.close()
    return seconds


def _write(counts: Any, path: str) -> None:
    Path(path).write_text(json.dumps(dump_counts(counts), sort_keys=True), encoding="utf-8")


def main() -> None:
    """Splits the examples of a run with both runners and compares."""
    from apache_beam.runners.dask.dask_runner import DaskRunner
    from dask.distributed import LocalCluster

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", type=Path, help="InteractionLogGen's folder under a run's artifacts")
    parser.add_argument("--config", type=Path, default=ROOT / "data_schemas" / "sample" / "dataset.yaml")
    arguments = parser.parse_args()
    settings, source = load(arguments.config).splitter(), newest(arguments.examples, "examples")
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / runner for runner in ("direct", "dask")]
        seconds = [split(settings, source, folders[0], None, PipelineOptions([]))]
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
            options = PipelineOptions([f"--dask_client_address={cluster.scheduler_address}"])
            seconds.append(split(settings, source, folders[1], DaskRunner(), options))
        assert len({(folder / "counts.json").read_text(encoding="utf-8") for folder in folders}) == 1, "counts differ"
        for part in sorted(folders[0].glob("Split-*")):
            pair = [records_digest(sorted((folder / part.name).glob("*.gz"))) for folder in folders]
            assert pair[0] == pair[1], f"{part.name}: {pair}"
            print(f"{part.name}: {pair[0][0]:,} records bit for bit the same")
    print(f"Beam {beam.__version__}: Direct {seconds[0]:.1f} s, Dask with two processes {seconds[1]:.1f} s")


if __name__ == "__main__":
    # Workers find functions by their module's name, and know no other `__main__` than their own.
    from benchmarks.beam import dask_splitter

    dask_splitter.main()
