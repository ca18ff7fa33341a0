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
    """How a file is read."""

    format: Literal["csv", "parquet", "tfrecord"] = Field(
        "csv", description="format of the files; all keys but this one and `missing` are for CSV"
    )
    header: bool = Field(True, description="whether the first row, after skipped ones, holds the names of columns")
    column_names: Optional[tuple[str, ...]] = Field(
        None,
        description="names of the columns in the order of the file, in place of the header's; needed where there is "
        "no header, absent = the header's",
    )
    skip_rows: int = Field(default=0, ge=0, description="lines before the header or the first row that are passed over")
    separator: str = Field(
        default=",", min_length=1, description="what stands between cells; may have several characters, such as '::'"
    )
    quote: Optional[str] = Field(
        default='"',
        min_length=1,
        max_length=1,
        description="character around cells that hold a separator or a line break, doubled within them; null = none",
    )
    escape: Optional[str] = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="character that takes its meaning from the next one, such as the backslash in Spark's files; "
        "absent = none",
    )
    comment: Optional[str] = Field(
        default=None, min_length=1, description="what lines that are no rows begin with; absent = none"
    )
    encoding: str = Field("utf-8", description="text encoding by its Python name, such as latin-1")
    strip: bool = Field(False, description="whether white space around cells is removed")
    missing: tuple[str, ...] = Field(
        (),
        description="values that stand for a missing one, numbers compared as numbers; an empty cell always is missing",
    )
    trailing: str = Field(
        "",
        description="characters removed from the end of every row, such as the full stop in Adult's test file, or the "
        "separator where rows end with one",
    )

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
    """Splits by a hash of columns."""

    by: Literal["hash"] = Field(description="by a hash, so that rows with equal values always fall into one split")
    columns: Optional[tuple[str, ...]] = Field(
        None, description="columns that are hashed, such as the user's id; all columns that the run uses where absent"
    )
    fractions: dict[Split, float] = Field(description="share of the rows by split; positive, with sum 1")
    salt: str = Field("", description="any text; another one gives another division of the same rows")

    @model_validator(mode="after")
    def _sum(self) -> HashSplit:
        if any(part <= 0 for part in self.fractions.values()) or abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError(f"`fractions` should be positive and sum to 1. Received: {self.fractions}")
        return self


class TimeSplit(Settings):
    """Splits by time: train < ``validation_from`` <= validation < ``test_from`` <= test."""

    by: Literal["time"] = Field(description="by a column that orders rows in time: train before validation before test")
    column: str = Field(description="column that holds the time")
    validation_from: Union[int, float, str] = Field(
        description="first value of the validation split; rows below it are train. A number is compared as a number, "
        "or with `unit` as a time since 1970; a text is read as a time, or as the number that it holds"
    )
    test_from: Union[int, float, str] = Field(
        description="first value of the test split, above and of the same kind as `validation_from`"
    )
    format: Optional[str] = Field(
        None, description="how times in texts are written, as in Python's strptime; absent = ISO 8601"
    )
    unit: Optional[Literal["s", "ms", "us", "ns"]] = Field(
        None,
        description="unit of a column that counts from 1970 in UTC; absent = the column holds times, or numbers that "
        "are compared as such",
    )
    zone: Optional[str] = Field(
        None,
        description="time zone, such as Europe/Berlin, of the side that states no offset from UTC where the other one "
        "does; absent = both do or neither does",
    )

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
    """Files that are read alike and split alike."""

    files: tuple[str, ...] = Field(
        min_length=1, description="paths or globs of files that are read and split alike, relative to `log.root`"
    )
    read: ReadSettings = Field(ReadSettings(), description="how the files are read")
    split: Union[Split, Annotated[Union[HashSplit, TimeSplit], Field(discriminator="by")]] = Field(
        description="the split that all rows go to, or how rows are divided"
    )


class SideTableSettings(Settings):
    """A table whose columns are joined to each log row; each worker holds it in memory."""

    name: str = Field(description="name of the table in messages")
    files: tuple[str, ...] = Field(
        min_length=1, description="paths or globs of the table's files, relative to `log.root`"
    )
    read: ReadSettings = Field(ReadSettings(), description="how the files are read")
    key: str = Field(description="column of the log that names a row of the table")
    table_key: Optional[str] = Field(
        None,
        description="column of the table that holds the same key, each value once; the same name as in the log where "
        "absent",
    )
    columns: Optional[tuple[str, ...]] = Field(
        None, description="columns to join; those that the run uses where absent"
    )
    required: bool = Field(
        False, description="whether a log row without a match is an error; otherwise it gets missing values"
    )


class LogSettings(Settings):
    """The log as the YAML's ``log:`` block gives it."""

    root: str = Field(".", description="folder that paths of the log are relative to; itself relative to the YAML file")
    sources: tuple[SourceSettings, ...] = Field(
        min_length=1, description="files of the log, by how they are read and split"
    )
    side_tables: tuple[SideTableSettings, ...] = Field(
        (), description="tables, such as users and items, whose columns are joined to each log row"
    )
    drop_missing: tuple[str, ...] = Field((), description="rows without a value in one of these columns are dropped")
    max_rows: dict[Split, Annotated[int, Field(ge=1)]] = Field(
        {}, description="cap on a split's rows: a sample by hash of the row, reported with its count"
    )


class InteractionLogGenSettings(Settings):
    """All that InteractionLogGen depends on; ``models/formats/cuts.py`` tells of the cuts."""

    log: LogSettings = Field(description="where the log is, and how it is read, joined and split")
    columns: dict[str, ColumnKind] = Field(description="columns that are written, each with its kind, and no others")
    cuts: dict[str, tuple[Union[int, float], ...]] = Field(
        {},
        description="numbers that rules and buckets compare a column's values with, so that rounding to 32-bit floats "
        "changes no comparison",
    )
    log1p: tuple[str, ...] = Field(
        (), description="columns of which the logarithm of 1 + x is taken, whose values must be above −1"
    )
