"""Digests of what a stage wrote, for comparing runs with different numbers of workers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

_MODULUS = 2**128
# Records handed over at a time: one by one, the handing over takes ten times as long as the hashing.
_BATCH = 4096
TOLERANCE = 1e-5


def records_digest(files: list[Path]) -> tuple[int, int]:
    """Number of records of gzipped TFRecord files, and the sum of their hashes, which no order and no file changes."""
    count, total = 0, 0
    for record in _records(files):
        count += 1
        total += int.from_bytes(hashlib.blake2b(record, digest_size=16).digest(), "little")
    return count, total % _MODULUS


def _records(files: list[Path]) -> Iterator[bytes]:
    dataset = tf.data.TFRecordDataset([str(file) for file in files], "GZIP").batch(_BATCH).prefetch(2)
    for batch in dataset.as_numpy_iterator():
        yield from batch


def split_digest(files: list[Path]) -> tuple[int, int, dict[str, np.ndarray]]:
    """Records as ``records_digest`` tells them, of all but numbers; and each column of numbers, its values ascending."""
    count, total = 0, 0
    numbers: dict[str, list[float]] = {}
    for record in _records(files):
        example = tf.train.Example.FromString(record)
        for name in [n for n, feature in example.features.feature.items() if feature.HasField("float_list")]:
            numbers.setdefault(name, []).extend(example.features.feature[name].float_list.value)
            del example.features.feature[name]
        rest = example.SerializeToString(deterministic=True)
        count += 1
        total += int.from_bytes(hashlib.blake2b(rest, digest_size=16).digest(), "little")
    return count, total % _MODULUS, {name: np.sort(values) for name, values in numbers.items()}


def files_digest(folder: Path, pattern: str) -> dict[str, str]:
    """Name → hash of the files below ``folder`` that match ``pattern``."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob(pattern))}


def newest(root: Path, output: str) -> Path:
    """The folder of the newest execution's output.

    Raises:
      FileNotFoundError: There is none.
    """
    found = sorted((root / output).glob("[0-9]*"), key=lambda path: int(path.name))
    if not found:
        raise FileNotFoundError(f"no output `{output}` in {root}; the stage should have run before")
    return found[-1]


def compare_stage(one: Path, other: Path) -> str:
    """Compares the examples, vocabularies and counts of a stage's two output folders.

    Transform's means and variances are sums over workers, whose order float32's rounding shows: its numbers may differ by
    ``TOLERANCE`` of their largest, and nothing else may.

    Raises:
      AssertionError: They differ; the message names where.
    """
    said = []
    if (one / "examples").exists():
        said.append(_compare_examples(newest(one, "examples"), newest(other, "examples")))
    if (one / "transformed_examples").exists():
        said.append(_compare_transformed(newest(one, "transformed_examples"), newest(other, "transformed_examples")))
    for output, pattern in (("counts", "*.json"), ("transform_graph", "feature_*"), ("transform_graph", "group_*")):
        if (one / output).exists():
            pair = [files_digest(newest(root, output), pattern) for root in (one, other)]
            assert pair[0] == pair[1], f"{output}/{pattern}: {pair[0]} and {pair[1]}"
            if pair[0]:
                said.append(f"{len(pair[0])} files {output}/{pattern} byte for byte the same")
    return "; ".join(said) or "nothing that can be compared byte by byte"


def _compare_examples(one: Path, other: Path) -> str:
    said = []
    for split in sorted(path.name for path in one.glob("Split-*")):
        pair = [records_digest(sorted((folder / split).glob("*.gz"))) for folder in (one, other)]
        assert pair[0] == pair[1], f"{split} of {one} and {other}: {pair[0]} and {pair[1]} (records, sum of hashes)"
        said.append(f"{pair[0][0]:,} in {split.removeprefix('Split-')}")
    return f"records bit for bit the same ({', '.join(said)})"


def _compare_transformed(one: Path, other: Path) -> str:
    said, largest = [], 0.0
    for split in sorted(path.name for path in one.glob("Split-*")):
        first, second = (split_digest(sorted((folder / split).glob("*.gz"))) for folder in (one, other))
        assert first[:2] == second[:2], f"{split} of {one} and {other}: {first[:2]} and {second[:2]}, without numbers"
        assert first[2].keys() == second[2].keys(), f"{split}: {sorted(first[2])} and {sorted(second[2])}"
        for name, values in first[2].items():
            scale = max(1.0, float(np.abs(values).max()))
            difference = float(np.abs(values - second[2][name]).max()) / scale
            assert difference < TOLERANCE, f"{split}, `{name}`: {difference}"
            largest = max(largest, difference)
        said.append(f"{first[0]:,} in {split.removeprefix('Split-')}")
    return f"records without their numbers bit for bit the same ({', '.join(said)}), numbers to {largest:.0e}"
