"""Rows per second of the evaluation: TFMA's own path and ours, side by side in one run.

Each measurement is a process of its own, timed after its imports. The two paths get the same generated examples, models and
EvalConfig, and their results are compared value by value.

    python -m benchmarks.evaluation.speed --table benchmarks/evaluation/README.md            # an hour: nearly all TFMA's
    python -m benchmarks.evaluation.speed --table benchmarks/evaluation/README.md --quick    # without TFMA's 50,000 rows
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
from typing import Any

import tensorflow_model_analysis as tfma

from benchmarks.evaluation.compare import largest_difference, values
from benchmarks.evaluation.data import Shape, save_models, write_examples
from components.tradeoff_metrics.counting.extractor import custom_extractors

ROOT = Path(__file__).resolve().parents[2]
STOCK, OURS = "stock", "ours"
MARKS = ("<!-- speed -->", "<!-- end of speed -->")


@dataclasses.dataclass(frozen=True)
class Case:
    """One measurement."""

    path: str
    rows: int
    shape: Shape = Shape()
    workers: int = 1

    def label(self) -> str:
        """The cells that tell it from the others."""
        # The pipeline's own: overall, the values of three group keys, and four kinds of negatives for each task.
        slices = 1 + 2 + 3 + 6 + 4 * self.shape.tasks if self.shape.slices is None else self.shape.slices
        intervals = "users" if self.shape.clustered else "rows"
        return f"{self.path} | {self.rows:,} | {self.shape.tasks} | {slices} | {intervals} | {self.workers}"

    def name(self) -> str:
        """Of its result's folder."""
        return self.label().replace(" | ", "-").replace(",", "")


CASES = (
    Case(OURS, 5_000),
    Case(OURS, 50_000),
    Case(OURS, 200_000),
    Case(OURS, 1_000_000),
    Case(OURS, 1_000_000, Shape(clustered=True)),
    Case(OURS, 200_000, Shape(slices=4)),
    Case(OURS, 200_000, Shape(slices=40)),
    Case(OURS, 200_000, Shape(slices=400)),
    Case(OURS, 200_000, Shape(tasks=2)),
    Case(OURS, 200_000, Shape(tasks=12)),
    Case(OURS, 200_000, workers=2),
    Case(STOCK, 5_000),
    SLOWEST := Case(STOCK, 50_000),
)
# Pairs whose values have to be the same.
EQUAL = (
    (Case(STOCK, 5_000), Case(OURS, 5_000)),
    (Case(STOCK, 50_000), Case(OURS, 50_000)),
    (Case(OURS, 200_000), Case(OURS, 200_000, workers=2)),
)


def measure(case: Case, models: dict[str, str], data: str, output: str) -> dict[str, float]:
    """Evaluates once and returns seconds, CPU seconds and peak memory in MB (with the largest worker's, if several)."""
    config = case.shape.eval_config(batched=case.path == OURS)
    started = time.perf_counter()
    shared = [
        tfma.default_eval_shared_model(path, model_name=name, eval_config=config) for name, path in models.items()
    ]
    options = None
    if case.workers > 1:
        from apache_beam.options.pipeline_options import PipelineOptions

        options = PipelineOptions(["--direct_running_mode=multi_processing", f"--direct_num_workers={case.workers}"])
    tfma.run_model_analysis(
        shared,
        config,
        data_location=data,
        output_path=output,
        extractors=custom_extractors(shared, config),
        pipeline_options=options,
    )
    whose = [resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN][: 1 if case.workers == 1 else 2]
    used = [resource.getrusage(who) for who in whose]
    return {
        "seconds": time.perf_counter() - started,
        "cpu": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "megabytes": sum(usage.ru_maxrss for usage in used) / 1024,
    }


def run(case: Case, folder: Path) -> dict[str, float]:
    """Makes what the case needs and measures it in a process of its own."""
    made = folder / f"{case.shape.tasks}-{case.shape.slices}"
    made.mkdir(exist_ok=True)
    # Several files, for workers to share.
    data = made / f"rows-{case.rows}"
    if not data.exists():
        data.mkdir()
        for part in range(4):
            write_examples(data / f"part-{part}.gz", case.rows // 4, case.shape, seed=case.rows + part)
    models = save_models(made, case.shape)
    job = {"models": models, "data": f"{data}/*.gz", "output": str(folder / case.name())}
    command = [
        sys.executable,
        "-m",
        "benchmarks.evaluation.speed",
        "--one",
        json.dumps(dataclasses.asdict(case)),
        json.dumps(job),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"{case.label()} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def row(case: Case, result: dict[str, Any]) -> str:
    """The measurement in Markdown."""
    speed = case.rows / result["seconds"]
    return f"| {case.label()} | {result['seconds']:.1f} | {result['cpu']:.1f} | {speed:,.0f} | {result['megabytes']:,.0f} |"


def measure_all(cases: list[Case], folder: Path) -> list[str]:
    """Lines of the table, and of what the comparisons found."""
    lines = [
        "| path | rows | tasks | slices | intervals over | workers | seconds | CPU seconds | rows per second | peak MB |",
        "|---|--:|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    results = {}
    for case in cases:
        results[case] = run(case, folder)
        lines.append(row(case, results[case]))
        print(lines[-1], flush=True)
    for one, other in EQUAL:
        if {one, other} <= set(results):
            pair = [values(folder / case.name()) for case in (one, other)]
            ratio = results[one]["seconds"] / results[other]["seconds"]
            lines += [
                "",
                f"`{one.name()}` and `{other.name()}`: {len(pair[0]):,} values, largest difference "
                f"{largest_difference(*pair):.1e}, seconds {ratio:.1f} : 1.",
            ]
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Runs all measurements, or in a child process the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=2, metavar=("CASE", "JOB"), help="a single measurement, as JSON")
    parser.add_argument("--quick", action="store_true", help="leave out TFMA's own path at 50,000 rows: half an hour")
    parser.add_argument("--table", type=Path, help="the Markdown file whose table is replaced")
    arguments = parser.parse_args()
    if arguments.one:
        case, job = map(json.loads, arguments.one)
        case["shape"] = Shape(**case["shape"])
        print(json.dumps(measure(Case(**case), **job)))
        return
    with tempfile.TemporaryDirectory() as name:
        lines = measure_all([case for case in CASES if not arguments.quick or case != SLOWEST], Path(name))
    if arguments.table:
        before, rest = arguments.table.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        arguments.table.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
