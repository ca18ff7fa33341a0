"""The columns that a run's statistics see, and in what they differ from those of the schema.

A run ends in AnomalyGate where they differ, after minutes and with a line for every column and split; here it is told
beforehand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import schema_pb2

from components.negative_splitter.groups import CROSS_SEPARATOR, band_labels, cross_part
from components.negative_splitter.settings import GroupSettings
from models.formats.features import UNKNOWN_GROUP, group_key, label_key, negative_key, weight_key
from pipeline.settings.config import RunSettings

# TFDV looks for no column whose feature is in one of these stages.
_NOT_LOOKED_FOR = {
    schema_pb2.LifecycleStage.Value(name) for name in ("PLANNED", "ALPHA", "DEBUG_ONLY", "DEPRECATED", "DISABLED")
}
_MOST_NAMES = 5
_MOST_CELLS = 1000


class Renamed(NamedTuple):
    """Groups that the settings name and the domain lacks, and those of the domain that no setting names any more."""

    lacking: list[str]
    gone: list[str]


class Differences(NamedTuple):
    """In what a schema differs from the columns of a run.

    Attributes:
      missing: Columns that the schema lacks, in the schema's order.
      surplus: Features that the schema demands and the run does not have.
      types: Column → the schema's type and the run's.
      groups: Group column → how its groups are called otherwise.
    """

    missing: list[str]
    surplus: list[str]
    types: dict[str, tuple[str, str]]
    groups: dict[str, Renamed]


def column_types(settings: RunSettings) -> dict[str, int]:
    """The columns that the statistics see, the log's first, each with the schema's ``FeatureType``."""
    types = {
        name: schema_pb2.FLOAT if kind == "number" else schema_pb2.BYTES
        for name, kind in settings.column_kinds().items()
    }
    derived = {group_key(group.name): schema_pb2.BYTES for group in settings.groups}
    for task in settings.tasks:
        derived |= {label_key(task.name): schema_pb2.INT, negative_key(task.name): schema_pb2.INT}
        derived[weight_key(task.name)] = schema_pb2.FLOAT
    return types | dict(sorted(derived.items()))


def differences(schema: schema_pb2.Schema, settings: RunSettings) -> Differences:
    """Compares a schema with the settings."""
    return differences_from(schema, column_types(settings), renamed_groups(schema, settings))


def differences_from(schema: schema_pb2.Schema, types: Mapping[str, int], groups: dict[str, Renamed]) -> Differences:
    """Compares a schema with columns.

    Args:
      schema: The schema.
      types: Column → ``FeatureType``, in the order in which the schema is to have them.
      groups: Group columns whose names differ.
    """
    features = {feature.name: feature for feature in schema.feature}
    return Differences(
        missing=[name for name in types if name not in features],
        surplus=[name for name, feature in features.items() if name not in types and is_demanded(feature)],
        types={
            name: (type_name(features[name].type), type_name(wanted))
            for name, wanted in types.items()
            if name in features and features[name].type != wanted
        },
        groups={name: renamed for name, renamed in groups.items() if name in features},
    )


def is_demanded(feature: schema_pb2.Feature) -> bool:
    """Whether TFDV reports data that have no such column."""
    if feature.deprecated or feature.lifecycle_stage in _NOT_LOOKED_FOR:
        return False
    return bool(feature.presence.min_count > 0 or feature.presence.min_fraction > 0)


def type_name(kind: int) -> str:
    """A ``FeatureType`` as the file writes it."""
    return str(schema_pb2.FeatureType.Name(kind)) if kind else "no type"


def listed(names: Iterable[str]) -> str:
    """Names in quotes, cut at five."""
    quoted = [f"`{name}`" for name in names]
    more = len(quoted) - _MOST_NAMES
    return ", ".join(quoted[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def sentences(found: Differences) -> Iterator[str]:
    """What differs, each kind in a few words that have the schema as their subject."""
    if found.missing:
        yield f"lacks {listed(found.missing)}"
    if found.surplus:
        yield f"demands {listed(found.surplus)}, which the run does not have"
    if found.types:
        whole = [f"{name} as {file} and not as {wanted}" for name, (file, wanted) in found.types.items()]
        yield f"has {listed(whole)}"
    for name, renamed in found.groups.items():
        yield f"names {listed(renamed.gone)} in `{name}` where the settings say {listed(renamed.lacking)}"


def renamed_groups(schema: schema_pb2.Schema, settings: RunSettings) -> dict[str, Renamed]:
    """Domains of group columns with a name that cannot occur, and without one that can: a group was called otherwise.

    One of the two alone is no contradiction: not every group occurs in a log.
    """
    features = {feature.name: feature for feature in schema.feature}
    found = {}
    for name, named in _group_names(settings.groups).items():
        feature = features.get(group_key(name))
        if feature is None or not feature.HasField("string_domain"):
            continue
        domain = list(feature.string_domain.value)
        gone = [value for value in domain if value not in named and value != UNKNOWN_GROUP]
        lacking = sorted(named - set(domain) - {UNKNOWN_GROUP})
        if gone and lacking:
            found[group_key(name)] = Renamed(lacking, gone)
    return found


def _group_names(groups: Iterable[GroupSettings]) -> dict[str, set[str]]:
    """Group key → all names that its groups can have, where the settings say it."""
    found: dict[str, set[str]] = {}
    crossings = set()
    for group in groups:
        if group.values is not None:
            found[group.name] = {*group.values.values(), *([group.other] if group.other else [])}
        elif group.buckets is not None:
            found[group.name] = set(group.labels or band_labels(group.buckets))
        elif group.cross is not None:
            crossings.add(group.name)
            parts = [found.get(part) for part in group.cross]
            if any(part is None for part in parts) or _product(len(part or ()) for part in parts) > _MOST_CELLS:
                continue
            written = [
                part if name in crossings else {cross_part(value) for value in part or ()}
                for name, part in zip(group.cross, parts, strict=True)
            ]
            found[group.name] = {CROSS_SEPARATOR.join(cell) for cell in itertools.product(*map(sorted, written))}  # type: ignore[arg-type]
    return found


def _product(numbers: Iterable[int]) -> int:
    product = 1
    for number in numbers:
        product *= number
    return product
