"""Places of other file systems that the settings name: whether they can be reached from here, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import files, remote
from pipeline.preflight import patience
from pipeline.settings.config import RunSettings


class _Place(NamedTuple):
    """A remote path or glob, and the key that names it."""

    key: str
    path: str


def problems(settings: RunSettings) -> Iterator[str]:
    """A sentence for the first place that cannot be reached: where one cannot, others would take as long."""
    for place in _one_of_each(settings):
        try:
            with patience.limited(place.path):
                remote.match(place.path, most=1)
        except LogError as error:
            yield f"{place.key}: {error}"
            return


def _one_of_each(settings: RunSettings) -> list[_Place]:
    """One place of each bucket or host."""
    found: dict[str, _Place] = {}
    for place in _places(settings):
        if files.is_remote(place.path):
            scheme, _, rest = place.path.partition("://")
            found.setdefault(f"{scheme}://{rest.split('/')[0]}", place)
    return list(found.values())


def _places(settings: RunSettings) -> Iterator[_Place]:
    log = settings.log
    for index, source in enumerate(log.sources):
        for number, pattern in enumerate(source.files):
            yield _Place(f"log.sources[{index}].files[{number}]", files.in_root(log.root, pattern))
    for index, table in enumerate(log.side_tables):
        for number, pattern in enumerate(table.files):
            yield _Place(f"log.side_tables[{index}].files[{number}]", files.in_root(log.root, pattern))
    yield _Place("data_schema", settings.data_schema)
    yield _Place("report.frontier", settings.report.frontier or "")
