"""Names that no file, table or message could hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.settings.config import RunSettings

# In bytes. A file name has 255, and prefixes, marks and endings come to it.
LONGEST_NAME = 200


class _Name(NamedTuple):
    key: str
    text: str


def problems(settings: RunSettings) -> Iterator[str]:
    """A sentence for each name that is empty, too long, or holds signs that cannot be seen."""
    for key, text in _names(settings):
        size = len(text.encode("utf-8", "surrogatepass"))
        if not text.strip():
            yield f"{key}: expected a name. Received: {text!r}, in which nothing can be seen; give it one"
        elif not text.isprintable():
            yield f"{key}: expected a name of signs that can be seen. Received: {text!r}; leave the others out"
        elif size > LONGEST_NAME:
            yield (
                f"{key}: expected a name of at most {LONGEST_NAME} bytes, since files are named after it. "
                f"Received: {size} bytes, {_short(text)}; shorten it"
            )


def _names(settings: RunSettings) -> Iterator[_Name]:
    yield _Name("dataset", settings.dataset)
    for index, task in enumerate(settings.tasks):
        yield _Name(f"tasks[{index}].name", task.name)
        yield _Name(f"tasks[{index}].column", task.column)
    for index, group in enumerate(settings.groups):
        yield _Name(f"groups[{index}].name", group.name)
        if group.column is not None:
            yield _Name(f"groups[{index}].column", group.column)
        for value in [*(group.values or {}).values(), *(group.labels or ()), *([group.other] if group.other else [])]:
            yield _Name(f"groups[{index}], a group's name", value)
    for index, feature in enumerate(settings.features.inputs):
        yield _Name(f"features.inputs[{index}].name", feature.name)
    for index, table in enumerate(settings.log.side_tables):
        yield _Name(f"log.side_tables[{index}].name", table.name)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
