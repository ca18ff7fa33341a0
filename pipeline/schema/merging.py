"""Brings a schema that a person has edited up to date with a new draft.

The rules, feature by feature:

* in the file and among the run's columns: the file's definition stays, with its presence, its domain and all else;
* among the run's columns alone: added as drafted, behind the feature that it follows in the draft;
* in the file alone: dropped where the file demands it, since each run would end there; what the file does not demand
  (without a presence, or deprecated) stops nothing and stays;
* of another type in the file than the settings read: the file's definition cannot stay, since no data would fit it. It is
  replaced by the draft's, and the change says so;
* a group column whose domain names groups otherwise than the settings do (a name that cannot occur, and none for one that
  can): the settings' names come into the domain and those that cannot occur leave it. A domain is left alone otherwise,
  whatever the log holds: a value that a person took out stays out.

The text is edited and not written anew: comments, order and all that is no feature stay. A comment within a feature goes
with it; one above it stays.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.schema.columns import Differences, Renamed, differences_from, listed
from pipeline.schema.file import SchemaFile, parse
from pipeline.schema.text import Field, fields, without

# Behind a block: nothing more in its line but a comment.
_REST_OF_LINE = re.compile(r"[ \t]*[;,]?[ \t]*(?:#[^\n]*)?(?:\n|\Z)")


class Merged(NamedTuple):
    """The text of the schema, and a sentence for each kind of change; none where nothing changed."""

    text: str
    changes: list[str]


def merge(file: SchemaFile, draft: schema_pb2.Schema, groups: dict[str, Renamed]) -> Merged:
    """Merges by the rules above.

    Args:
      file: The schema as it stands.
      draft: A feature for each of the run's columns.
      groups: Group columns that the settings name otherwise than the file.
    """
    found = differences_from(file.schema, {feature.name: feature.type for feature in draft.feature}, groups)
    drafted = {feature.name: feature for feature in draft.feature}
    text = file.text
    # From the end on, so that positions before a change hold.
    for name, block in sorted(file.blocks.items(), key=lambda item: -item[1].start):
        if name in found.surplus:
            text = without(text, block)
        elif name in found.types:
            text = text[: block.start] + written(drafted[name]).rstrip("\n") + text[block.end :]
        elif name in found.groups:
            text = _named_otherwise(text, block, found.groups[name])
    for name in found.missing:
        text = _added(text, drafted, name)
    return Merged(text, _changes(found))


def written(feature: schema_pb2.Feature) -> str:
    """A feature's block as TFDV writes it."""
    return str(text_format.MessageToString(schema_pb2.Schema(feature=[feature]), as_utf8=True))


def _added(text: str, drafted: dict[str, schema_pb2.Feature], name: str) -> str:
    """The text with a feature of the draft, behind the nearest one that stands before it there."""
    blocks = parse(text, "schema").blocks
    order = list(drafted)
    before = next((other for other in reversed(order[: order.index(name)]) if other in blocks), None)
    if before is not None:
        place = blocks[before].end
        rest = _REST_OF_LINE.match(text, place)
        place = rest.end() if rest else place
    else:
        place = min((block.start for block in blocks.values()), default=len(text))
    ends_open = place > 0 and text[place - 1] != "\n"
    return text[:place] + ("\n" if ends_open else "") + written(drafted[name]) + text[place:]


def _named_otherwise(text: str, block: Field, renamed: Renamed) -> str:
    """The text with other names in a feature's own domain."""
    domain = next(field for field in fields(text, *block.inside()) if field.name == "string_domain")
    values = [field for field in fields(text, *domain.inside()) if field.name == "value"]
    line = text.rfind("\n", 0, values[0].start) + 1
    lines = "".join(f"    {entry}\n" for entry in _entries(renamed.lacking))
    if text[line : values[0].start].strip():
        # The values share a line with something else: so do the new ones.
        line, lines = values[0].start, " ".join(_entries(renamed.lacking)) + " "
    for field in reversed(values):
        held = list(text_format.Parse(text[field.start : field.end], schema_pb2.StringDomain()).value)
        kept = [value for value in held if value not in renamed.gone]
        if not kept:
            text = without(text, field)
        elif kept != held:
            text = text[: field.start] + " ".join(_entries(kept)) + text[field.end :]
    return text[:line] + lines + text[line:]


def _entries(names: list[str]) -> list[str]:
    """Names as entries of a domain."""
    return [text_format.MessageToString(schema_pb2.StringDomain(value=[name]), as_utf8=True).strip() for name in names]


def _changes(found: Differences) -> list[str]:
    changes = []
    if found.missing:
        changes.append(f"added {listed(found.missing)}")
    if found.surplus:
        changes.append(f"dropped {listed(found.surplus)}, which the run no longer has")
    for name, (file, wanted) in found.types.items():
        changes.append(
            f"replaced `{name}`, which was {file} and is read as {wanted}: what was edited in it has to be edited again"
        )
    for name, renamed in found.groups.items():
        changes.append(f"changed the groups of `{name}`: {listed(renamed.lacking)} in place of {listed(renamed.gone)}")
    return changes
