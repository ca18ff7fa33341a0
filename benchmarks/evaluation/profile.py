"""Where the Evaluator's time goes, on a finished run of the pipeline or on as many copies of its test split as asked for.

make run
python -m benchmarks.evaluation.profile runs/sample                 # the test split as it is
python -m benchmarks.evaluation.profile runs/sample --rows 200000   # copies of it
"""

from __future__ import annotations

import argparse
import cProfile
import json
import math
import pstats
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format

from components.tradeoff_metrics.counting.extractor import custom_extractors
from pipeline.running.run_record import RunRecord, latest

# Part → the functions (end of file name, name) whose cumulative time it is. Parts do not overlap.
PARTS = {
    "loading the models": [("saved_model/load.py", "load")],
    "building the Beam graph": [
        ("api/model_eval_lib.py", "ExtractEvaluateAndWriteResults"),
        ("pipeline.py", "to_runner_api"),
    ],
    "reading and decoding records": [("tfrecordio.py", "read_records"), ("example_coder.py", "DecodeBatch")],
    "predictions of both models": [("batched_evaluation/predictions.py", "process")],
    "splitting batches by slice": [
        ("batched_evaluation/extractors.py", "process"),
        ("batched_evaluation/extractors.py", "split_by_slice"),
    ],
    "TFMA's and Fairness Indicators' sums": [("batched_evaluation/combiners.py", "add_input")],
    "trade-off metric: counts and histograms": [
        ("tradeoff_metrics/rows.py", "add"),
        ("tradeoff_metrics/rows.py", "process"),
    ],
    "trade-off metric: intervals and details": [("tradeoff_metrics/metrics.py", "extract_output")],
    "writing results": [("metrics_plots_and_validations_writer.py", "process")],
}


def seconds_of(stats: Mapping[Any, Any], where: list[tuple[str, str]]) -> float:
    """Cumulative seconds of the functions that are named, those inside each other counted once."""
    found = [
        (key, row[3])
        for key, row in stats.items()
        if any(key[0].endswith(file) and key[2] == name for file, name in where)
    ]
    return sum(seconds for _, seconds in found)


def copies(files: list[str], rows: int, folder: Path) -> str:
    """Writes the records of ``files`` as often as it takes to make ``rows``; returns the pattern of what was written."""
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    with tf.io.TFRecordWriter(str(folder / "copies.gz"), "GZIP") as writer:
        for i in range(rows):
            writer.write(records[i % len(records)])
    return str(folder / "copies.gz")


def evaluate(record: RunRecord, pattern: str, output: str) -> tuple[float, Mapping[Any, Any]]:
    """Evaluates the run's models with its EvalConfig; seconds, and the profile by function."""
    saved = Path(record.output("Evaluator", "evaluation").uri, "eval_config.json").read_text(encoding="utf-8")
    config = json_format.ParseDict(json.loads(saved)["evalConfig"], tfma.EvalConfig())
    models = {name: record.output(name.title(), "model").uri / "Format-Serving" for name in ("candidate", "baseline")}
    profile, started = cProfile.Profile(), time.perf_counter()
    profile.enable()
    shared = [tfma.default_eval_shared_model(str(p), model_name=n, eval_config=config) for n, p in models.items()]
    tfma.run_model_analysis(
        shared, config, data_location=pattern, output_path=output, extractors=custom_extractors(shared, config)
    )
    profile.disable()
    return time.perf_counter() - started, pstats.Stats(profile).stats  # type: ignore[attr-defined]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a dataset's folder under runs/")
    parser.add_argument("--rows", type=int, help="copies of the test split up to this number of rows")
    arguments = parser.parse_args()
    record = latest(arguments.run / "metadata.sqlite", arguments.run.name)
    split = record.output("NegativeSplitter", "examples").uri / "Split-test"
    with tempfile.TemporaryDirectory() as name:
        files = sorted(str(path) for path in split.iterdir())
        pattern = copies(files, arguments.rows, Path(name)) if arguments.rows else f"{split}/*"
        total, stats = evaluate(record, pattern, f"{name}/out")
    parts = {part: seconds_of(stats, where) for part, where in PARTS.items()}
    parts["the rest: Beam's bundles, shuffles and pickles"] = total - math.fsum(parts.values())
    print("| part | seconds (under the profiler) | share |\n|---|--:|--:|")
    for part, seconds in parts.items():
        print(f"| {part} | {seconds:.1f} | {100 * seconds / total:.0f} % |")
    print(f"| all | {total:.1f} | |")


if __name__ == "__main__":
    main()
