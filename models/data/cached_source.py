"""A split in memory: parsed once, then read by row number again and again."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from models.config.settings import TrainerSettings
from models.data.input_pipeline import Batch, ExampleSource, check_whole, matching_files, ordered_batches, read_records
from models.data.label_noise import row_draws

MAX_BYTES = 2 << 30
_BATCH = 8192

Columns = Mapping[str, tf.Tensor]


class Table:
    """The columns of a split, by name: tensors [n], or [n, L] padded with −1.

    Args:
      columns: All of one length.
      records: Makes a dataset of the serialized rows, in their order; for draws that depend on a row's bytes.
    """

    def __init__(self, columns: Columns, records: Callable[[], tf.data.Dataset]) -> None:
        self.columns = dict(columns)
        self.rows = int(next(iter(columns.values())).shape[0])
        self._records = records
        self._draws: dict[tuple[int, str], tf.Tensor] = {}

    def draws(self, seed: int, name: str) -> tf.Tensor:
        """What ``label_noise.row_draws`` gives for the rows, float32 [n]."""
        if (seed, name) not in self._draws:
            parts = [row_draws(rows, seed, name) for rows in self._records().batch(_BATCH)]
            self._draws[seed, name] = tf.concat(parts, axis=0)
        return self._draws[seed, name]


def read_table(
    records: Callable[[], tf.data.Dataset],
    parse: Callable[[tf.Tensor], Mapping[str, Any]],
    *,
    split: str,
    max_bytes: int = MAX_BYTES,
) -> Table:
    """Reads a split into memory.

    Args:
      records: Makes a dataset of serialized examples.
      parse: Serialized examples, string [n], to columns: dense [n], or sparse [n, L].
      split: For messages.
      max_bytes: Bytes that the columns may take.

    Returns:
      The table.

    Raises:
      ValueError: The split has no rows, or its columns take more than ``max_bytes``.
    """
    parts: dict[str, list[Any]] = {}
    size = 0
    for rows in records().batch(_BATCH).prefetch(1):
        for name, value in parse(rows).items():
            column = _dense(value)
            size += column.nbytes
            parts.setdefault(name, []).append(column)
        if size > max_bytes:
            read = sum(len(part) for part in next(iter(parts.values())))
            raise ValueError(
                f"split `{split}` takes more than the {max_bytes / 2**30:.3g} GiB that may be held in memory: its first "
                f"{read:,} rows have {size / 2**30:.3g} GiB. Experiments keep their data in memory; keep fewer rows "
                "(`log.max_rows`), or train by `make run`, which reads from disk"
            )
    if not parts:
        raise ValueError(f"split `{split}` has no rows")
    return Table({name: tf.constant(_joined(columns)) for name, columns in parts.items()}, records)


def _dense(value: Any) -> np.ndarray:
    return (tf.sparse.to_dense(value, default_value=-1) if isinstance(value, tf.SparseTensor) else value).numpy()


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One after the other; lists padded to the longest."""
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    width = max(part.shape[1] for part in parts)
    padded = [np.pad(part, [(0, 0), (0, width - part.shape[1])], constant_values=-1) for part in parts]
    return np.concatenate(padded)


@dataclasses.dataclass(frozen=True)
class CachedSource(ExampleSource):
    """Examples of one split that lie in memory.

    Its records are row numbers, and parsing is a gather: shuffled with the same seed, they come in the order in which the
    files' records would, so a training on this source is a training on the files.

    Attributes:
      table: The rows.
    """

    table: Optional[Table] = None

    @classmethod
    def of(cls, table: Table, settings: TrainerSettings, split: str) -> CachedSource:
        """The source that a training with ``settings`` reads.

        Raises:
          ValueError: The table lacks a column that the settings name.
        """
        training = settings.training
        source = cls(
            patterns=(),
            feature_spec={},
            features=settings.features,
            tasks=tuple(task.name for task in settings.tasks),
            groups=settings.groups,
            split=split,
            noise=training.label_noise if split == "train" else {},
            seed=training.seed,
            table=table,
        )
        for name in [*(feature.name for feature in settings.features.inputs), *source.outcome_keys()]:
            if name not in table.columns:
                raise ValueError(
                    f"split `{split}` was prepared without the column `{name}` that the settings name. "
                    f"It has: {sorted(table.columns)}"
                )
        return source

    @property
    def in_memory(self) -> bool:
        """Yes."""
        return True

    def check_complete(self) -> None:
        """Nothing: the split was read to its end."""

    def records(self) -> tf.data.Dataset:
        """Row numbers, int64."""
        return tf.data.Dataset.range(self._table.rows)

    def columns(self, rows: tf.Tensor, names: Sequence[str]) -> dict[str, tf.Tensor]:
        """Columns at the row numbers ``rows``."""
        return {name: _trimmed(tf.gather(self._table.columns[name], rows)) for name in names}

    def batches(self, batch_size: int) -> list[Batch]:
        """As the class above; gathered once, since a split is validated on after each epoch."""
        if batch_size not in self._ordered:
            self._ordered[batch_size] = list(ordered_batches(self, batch_size=batch_size))
        return self._ordered[batch_size]

    def parse(self, rows: tf.Tensor) -> Batch:
        """As the class above; traced once, where each dataset would trace it again."""
        return self._parse(rows)

    @functools.cached_property
    def _ordered(self) -> dict[int, list[Batch]]:
        return {}

    @functools.cached_property
    def _parse(self) -> Callable[[tf.Tensor], Batch]:
        return tf.function(super().parse, input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)

    def row_draws(self, rows: tf.Tensor, name: str) -> tf.Tensor:
        """Those of the rows' bytes."""
        with tf.init_scope():
            draws = self._table.draws(self.seed, name)
        return tf.gather(draws, rows)

    @property
    def _table(self) -> Table:
        assert self.table is not None
        return self.table


def _trimmed(column: tf.Tensor) -> tf.Tensor:
    """Without padding that no row of the batch needs, as a parsed batch has none."""
    if column.shape.rank == 1:
        return column
    longest = tf.reduce_max(tf.reduce_sum(tf.cast(column >= 0, tf.int32), axis=1))
    return column[:, :longest]


def read_files(patterns: Sequence[str], split: str) -> Callable[[], tf.data.Dataset]:
    """Makes datasets of the serialized examples of ``patterns``, in the files' order.

    Raises:
      FileNotFoundError: No file matches.
      DataLossError: A file is cut off or damaged.
    """
    files = matching_files(patterns, split)
    check_whole(files, split)
    return lambda: read_records(files)
