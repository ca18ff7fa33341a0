"""Settings of the log: where its files are, how they are read, joined and split."""

from __future__ import annotations

import codecs
from typing import Annotated, Literal, Optional, Union

from pydantic import Field, field_validator, model_validator

from components.interaction_log_gen.values import times
from models.config.settings import Settings

Split = Literal["train", "validation", "test"]
ColumnKind = Literal["number", "string", "strings"]


class ReadSettings(Settings):
    """How a file is read. All but ``format`` and ``missing`` speak of CSV.

    ``missing`` lists what a missing value looks like, numbers compared as numbers; an empty cell always is one. ``quote``
    is the sign around cells that hold a separator or a line break (doubled within them), null where none is; ``escape`` the
    sign that takes its meaning from the next one (a backslash in Spark's files); ``comment`` begins lines that are no rows;
    ``separator`` may have several signs. ``strip`` removes white space around cells, ``trailing`` the given characters from
    the end of a row (``>50K.`` in Adult's test file; the separator itself where rows end with one).
    """

    format: Literal["csv", "parquet", "tfrecord"] = "csv"
    header: bool = True
    column_names: Optional[tuple[str, ...]] = None
    skip_rows: int = Field(default=0, ge=0)
    separator: str = Field(default=",", min_length=1)
    quote: Optional[str] = Field(default='"', min_length=1, max_length=1)
    escape: Optional[str] = Field(default=None, min_length=1, max_length=1)
    comment: Optional[str] = Field(default=None, min_length=1)
    encoding: str = "utf-8"
    strip: bool = False
    missing: tuple[str, ...] = ()
    trailing: str = ""

    @model_validator(mode="after")
    def _signs(self) -> ReadSettings:
        if self.format == "csv" and not self.header and not self.column_names:
            raise ValueError("`header: false` needs `column_names`")
        given = {key: getattr(self, key) for key in ("separator", "quote", "escape", "comment") if getattr(self, key)}
        for key, sign in given.items():
            if any(line_end in sign for line_end in "\r\n\0"):
                raise ValueError(f"`{key}` should be no line end. Received: {sign!r}")
            twin = next((other for other in given if other != key and given[other] == sign), None)
            if twin is not None:
                raise ValueError(
                    f"`{key}` and `{twin}` should differ. Received: {sign!r} for both"
                    + ("; quotes are doubled within quotes without any `escape`" if "quote" in (key, twin) else "")
                )
        return self

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            if codecs.lookup(name)._is_text_encoding:  # type: ignore[attr-defined]
                return name
        except LookupError:
            pass
        raise ValueError(
            f"`encoding` should be one that Python knows, such as utf-8, latin-1, utf-16. Received: {name!r}"
        )


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

    With bounds that are numbers, the column's values are compared as numbers. With bounds that are texts, both sides are
    read as times: ISO 8601, or ``format`` (as in Python's strptime), or, where ``unit`` is given, numbers of that unit since
    1970 in UTC. Where one side states an offset from UTC and the other does not, ``zone`` (such as Europe/Berlin) says where
    the clock of the other stood.
    """

    by: Literal["time"]
    column: str
    validation_from: Union[int, float, str]
    test_from: Union[int, float, str]
    format: Optional[str] = None
    unit: Optional[Literal["s", "ms", "us", "ns"]] = None
    zone: Optional[str] = None

    @model_validator(mode="after")
    def _order(self) -> TimeSplit:
        if self.format is not None and self.unit is not None:
            raise ValueError("`format` reads texts and `unit` numbers; give one of them")
        if self.zone is not None:
            times.check_zone(self.zone)
        first, second = (self.bound(key) for key in ("validation_from", "test_from"))
        if first.zoned != second.zoned or (first.kind != second.kind):
            raise ValueError(
                "`validation_from` and `test_from` should be both numbers, both times with an offset from UTC, or both "
                f"times without one. Received: {self.validation_from!r} and {self.test_from!r}"
            )
        if not first.value < second.value:
            raise ValueError(
                f"`validation_from` should be below `test_from`. Received: {self.validation_from} and {self.test_from}"
            )
        return self

    def bound(self, key: Literal["validation_from", "test_from"]) -> times.Bound:
        """One of the bounds, read."""
        try:
            return times.bound(getattr(self, key), self.format, self.unit)
        except ValueError as error:
            raise ValueError(f"`{key}` {error}") from error


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
    """All that InteractionLogGen depends on.

    ``columns`` are written, in the given kind, and no others. ``cuts`` are the numbers that rules and buckets compare a
    column's values with (``models/formats/cuts.py``): examples hold 32-bit floats, which are rounded so that no comparison
    changes. Columns of ``log1p`` hold numbers above −1, the only ones that log(1 + x) is a number of.
    """

    log: LogSettings
    columns: dict[str, ColumnKind]
    cuts: dict[str, tuple[Union[int, float], ...]] = {}
    log1p: tuple[str, ...] = ()
