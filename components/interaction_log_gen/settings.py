"""Settings of the log: where its files are, how they are read, joined and split."""

from __future__ import annotations

from typing import Annotated, Literal, Optional, Union

from pydantic import Field, model_validator

from models.settings import Settings

Split = Literal["train", "validation", "test"]
ColumnKind = Literal["number", "string", "strings"]


class ReadSettings(Settings):
    """How a file is read. All but ``format`` and ``missing`` speak of CSV.

    ``missing`` lists what a missing value looks like; an empty cell always is one. ``strip`` removes white space around
    cells, ``trailing`` the given characters from the end of a row (``>50K.`` in Adult's test file; the separator itself
    where rows end with one).
    """

    format: Literal["csv", "parquet", "tfrecord"] = "csv"
    header: bool = True
    column_names: Optional[tuple[str, ...]] = None
    skip_rows: int = Field(default=0, ge=0)
    separator: str = Field(default=",", min_length=1, max_length=1)
    strip: bool = False
    missing: tuple[str, ...] = ()
    trailing: str = ""

    @model_validator(mode="after")
    def _names(self) -> ReadSettings:
        if self.format == "csv" and not self.header and not self.column_names:
            raise ValueError("`header: false` needs `column_names`")
        return self


class HashSplit(Settings):
    """Splits by a hash of ``columns`` (all where absent): rows with equal values always fall into one split."""

    by: Literal["hash"]
    columns: Optional[tuple[str, ...]] = None
    fractions: dict[Split, float]
    salt: str = ""

    @model_validator(mode="after")
    def _sum(self) -> HashSplit:
        if any(part <= 0 for part in self.fractions.values()) or abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError(f"`fractions` should be positive and sum to 1. Received: {self.fractions}")
        return self


class TimeSplit(Settings):
    """Splits by a column that orders rows in time: train < ``validation_from`` <= validation < ``test_from`` <= test.

    The bounds are numbers for number columns, or texts in the column's own sortable form (ISO 8601) for text columns.
    """

    by: Literal["time"]
    column: str
    validation_from: Union[int, float, str]
    test_from: Union[int, float, str]

    @model_validator(mode="after")
    def _order(self) -> TimeSplit:
        if isinstance(self.validation_from, str) != isinstance(self.test_from, str):
            raise ValueError("`validation_from` and `test_from` should be both numbers or both texts")
        if not self.validation_from < self.test_from:  # type: ignore[operator]
            raise ValueError(
                f"`validation_from` should be below `test_from`. Received: {self.validation_from} and {self.test_from}"
            )
        return self


class SourceSettings(Settings):
    """Files (globs) that are read alike and split alike; ``split`` names one split or says how rows are divided."""

    files: tuple[str, ...] = Field(min_length=1)
    read: ReadSettings = ReadSettings()
    split: Union[Split, Annotated[Union[HashSplit, TimeSplit], Field(discriminator="by")]]


class SideTableSettings(Settings):
    """A table (users, items) whose columns are joined to each log row: log column ``key`` = table column ``table_key``.

    It is held in memory by each worker. ``columns`` are taken (those that the run uses, where absent). A log row without
    a match gets missing values, unless ``required``.
    """

    name: str
    files: tuple[str, ...] = Field(min_length=1)
    read: ReadSettings = ReadSettings()
    key: str
    table_key: Optional[str] = None
    columns: Optional[tuple[str, ...]] = None
    required: bool = False


class LogSettings(Settings):
    """The log as the YAML's ``log:`` block gives it. Paths are relative to ``root``."""

    root: str = "."
    sources: tuple[SourceSettings, ...] = Field(min_length=1)
    side_tables: tuple[SideTableSettings, ...] = ()
    drop_missing: tuple[str, ...] = Field((), description="rows without a value in one of these columns are dropped")
    max_rows: dict[Split, Annotated[int, Field(ge=1)]] = Field(
        {}, description="cap on a split's rows: a sample by hash of the row, reported with its count"
    )


class InteractionLogGenSettings(Settings):
    """All that InteractionLogGen depends on. ``columns`` are written, in the given kind, and no others."""

    log: LogSettings
    columns: dict[str, ColumnKind]
