"""Rows per second and memory of the Beam components with one and with two workers, on a synthetic log.

Each measurement is a process of its own that runs the pipeline's own nodes up to one of them, the others from cache, and is
timed after its imports. What the numbers of workers write is compared record by record.

    python -m benchmarks.beam.scaling --table benchmarks/beam/README.md              # 1 M rows: a quarter of an hour or more
    python -m benchmarks.beam.scaling --rows 10000000 --stages InteractionLogGen,NegativeSplitter
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- scaling {rows} -->", "<!-- end of scaling {rows} -->")
# Stage → number of the pipeline's nodes that it takes, in their order.
STAGES = {"InteractionLogGen": 1, "NegativeSplitter": 2, "StatisticsGen": 3, "Transform": 7}
EVALUATOR = "Evaluator"


@dataclasses.dataclass(frozen=True)
class Case:
    """One measurement."""

    stage: str
    rows: int
    workers: int

    def cells(self) -> str:
        """What tells it from the others, in Markdown."""
        return f"{self.stage} | {self.rows:,} | {self.workers}"


def measure(case: Case, folder: Path) -> dict[str, float]:
    """Runs one stage in this process.

    Returns:
      Seconds; CPU seconds with those of workers; peak memory in MB of this process and of its largest worker.
    """
    # Imported here: the process that starts the measurements needs none of it.
    import pipeline  # noqa: F401  chooses the Keras 2 API

    # isort: split
    from tfx import v1 as tfx

    from pipeline.pipeline import data_nodes
    from pipeline.settings.beam import BeamSettings, beam_args
    from pipeline.settings.config import load

    settings = load(folder / f"log-{case.rows}" / "dataset.yaml")
    root = folder / f"rows-{case.rows}-workers-{case.workers}"
    built = tfx.dsl.Pipeline(
        pipeline_name=settings.dataset,
        pipeline_root=str(root / "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(root / "metadata")),
        components=list(data_nodes(settings))[: STAGES[case.stage]],
        enable_cache=True,
        beam_pipeline_args=beam_args(BeamSettings(workers=case.workers)),
    )
    started, before = time.perf_counter(), time.process_time()
    tfx.orchestration.LocalDagRunner().run(built)
    seconds = time.perf_counter() - started
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": seconds,
        "cpu": sum(used.ru_utime + used.ru_stime for used in (own, workers)) - before,
        "megabytes": own.ru_maxrss / 1024,
        "worker_megabytes": workers.ru_maxrss / 1024 if case.workers > 1 else 0.0,
    }


def child(case: Case, folder: Path) -> dict[str, float]:
    """Measures in a process of its own.

    Raises:
      RuntimeError: It failed; its last lines follow.
    """
    if case.stage == EVALUATOR:
        return _evaluator(case, folder)
    job = json.dumps(dataclasses.asdict(case))
    command = [sys.executable, "-m", "benchmarks.beam.scaling", "--one", job, "--folder", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{case.cells()} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _evaluator(case: Case, folder: Path) -> dict[str, float]:
    """The Evaluator's extractors and metrics, on the data of the evaluation's own benchmark."""
    from benchmarks.evaluation import speed

    found = speed.run(speed.Case(speed.OURS, case.rows, workers=case.workers), folder)
    return {**found, "worker_megabytes": 0.0}


def same_outputs(stage: str, rows: int, folder: Path) -> str:
    """What the two numbers of workers left, compared: a sentence.

    Raises:
      AssertionError: Records differ.
    """
    if stage == EVALUATOR:
        from benchmarks.evaluation import speed
        from benchmarks.evaluation.compare import largest_difference, values

        pair = [values(folder / speed.Case(speed.OURS, rows, workers=workers).name()) for workers in (1, 2)]
        return f"{len(pair[0]):,} values, largest difference {largest_difference(*pair):.1e}"
    from benchmarks.beam.digests import compare_stage

    roots = [folder / f"rows-{rows}-workers-{workers}" / "artifacts" / stage for workers in (1, 2)]
    return compare_stage(*roots)


def measure_all(rows: int, stages: list[str], folder: Path) -> list[str]:
    """Lines of the table, and of what the comparisons found."""
    lines = [
        "| stage | rows | workers | seconds | CPU seconds | rows per second | peak MB | largest worker, MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    notes = []
    for stage in stages:
        for workers in (1, 2):
            case = Case(stage, rows, workers)
            found = child(case, folder)
            worker = f"{found['worker_megabytes']:,.0f}" if found["worker_megabytes"] else ""
            lines.append(
                f"| {case.cells()} | {found['seconds']:.1f} | {found['cpu']:.1f} | {rows / found['seconds']:,.0f} "
                f"| {found['megabytes']:,.0f} | {worker} |"
            )
            print(lines[-1], flush=True)
        notes += ["", f"{stage}, 1 and 2 workers: {same_outputs(stage, rows, folder)}."]
        print(notes[-1], flush=True)
    return lines + notes


def replace_table(path: Path, rows: int, lines: list[str]) -> None:
    """Replaces the table of ``rows`` between its marks."""
    start, end = (mark.format(rows=rows) for mark in MARKS)
    before, rest = path.read_text(encoding="utf-8").split(start)
    path.write_text("\n".join([before + start, *lines, end + rest.split(end)[1]]), encoding="utf-8")


def make_log(rows: int, folder: Path) -> None:
    """Draws the log with all cores."""
    command = [sys.executable, "-m", "pipeline.sample.any_size", str(folder / f"log-{rows}"), "--rows", str(rows)]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    print(f"log of {rows:,} rows drawn in {time.perf_counter() - started:.1f} s", flush=True)


def main() -> None:
    """Runs all measurements, or in a child process the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", help="a single measurement, as JSON")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--stages", default=",".join([*STAGES, EVALUATOR]))
    parser.add_argument("--folder", type=Path, help="keeps logs and artifacts there; a temporary one where absent")
    parser.add_argument("--table", type=Path, help="the Markdown file whose table for these rows is replaced")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(Case(**json.loads(arguments.one)), arguments.folder)))
        return
    stages = arguments.stages.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if set(stages) & set(STAGES) and not (folder / f"log-{arguments.rows}" / "dataset.yaml").exists():
            make_log(arguments.rows, folder)
        lines = measure_all(arguments.rows, stages, folder)
    if arguments.table:
        replace_table(arguments.table, arguments.rows, lines)


if __name__ == "__main__":
    main()
