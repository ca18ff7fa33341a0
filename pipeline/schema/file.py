"""Reads ``schema.pbtxt``; what is wrong with it is said with its line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.schema.text import Field, fields, line_of
from pipeline.settings.text_files import read_utf8

_LONGEST = 200


class SchemaError(ValueError):
    """The schema's file cannot be used. The message names the file and the line."""


class SchemaFile(NamedTuple):
    """A schema, the text that it was read from, and where each of its features stands there."""

    text: str
    schema: schema_pb2.Schema
    blocks: dict[str, Field]

    def feature(self, name: str) -> schema_pb2.Feature:
        """The feature of a name."""
        return next(feature for feature in self.schema.feature if feature.name == name)


def read(path: Path) -> SchemaFile:
    """Reads a schema.

    Raises:
      SchemaError: The file cannot be opened, is no schema, or lists a feature twice or in a form that cannot be edited.
    """
    try:
        text = read_utf8(path)
    except UnicodeError as error:
        raise SchemaError(str(error)) from error
    except OSError as error:
        raise SchemaError(f"{path}: expected a schema that can be read. Received: {error.strerror or error}") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> SchemaFile:
    """Reads the text of a schema.

    Args:
      text: As TFDV writes it: a ``tensorflow.metadata.v0.Schema`` in protobuf's text format.
      where: Named in errors.

    Raises:
      SchemaError: See ``read``.
    """
    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SchemaError(f"{where}, {_sentence(error)}") from error
    except RecursionError as error:
        raise SchemaError(f"{where}: expected a TFDV schema. Received: brackets nested too deep to be one") from error
    blocks: dict[str, Field] = {}
    found = [field for field in fields(text) if field.name == "feature"]
    for field in found:
        if field.is_list:
            raise SchemaError(
                f"{where}, line {line_of(text, field.start)}: expected each feature in a block of its own, "
                "`feature { … }`. Received: a list of features"
            )
    if len(found) != len(schema.feature):
        raise SchemaError(f"{where}: expected features in blocks, `feature {{ … }}`. Received: some in another form")
    for field, feature in zip(found, schema.feature, strict=True):
        if feature.name in blocks:
            lines = f"first in line {line_of(text, blocks[feature.name].start)}"
            raise SchemaError(
                f"{where}, line {line_of(text, field.start)}: the feature `{feature.name}` stands twice, {lines}"
            )
        blocks[feature.name] = field
    return SchemaFile(text, schema, blocks)


def _sentence(error: text_format.ParseError) -> str:
    """What protobuf's parser says, without the place that it puts in front."""
    line, column = error.GetLine(), error.GetColumn()
    text = str(error).removeprefix(f"{line}:{column} : ").rstrip(".")
    text = text.replace("\n", " ")
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"line {line}: expected a TFDV schema. Received: {text}" if line else f"expected a TFDV schema: {text}"
