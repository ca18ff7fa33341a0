"""Writes `docs/settings.md`, the reference of the YAML file, from the settings classes: `make reference`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Optional, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.tradeoff_metrics.registry import Limit, bounded
from components.tradeoff_metrics.settings import GateBounds, OverallBounds
from pipeline.settings.config import RunSettings
from pipeline.settings.yaml_words import Block, blocks_within, default_words, range_words, type_words

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
_INTRODUCTION = """# Settings

Every key of a run's YAML file. `make reference` writes this page from the settings classes; edit the descriptions there.

A path such as `log.sources[]` means each entry of a list, `kubeflow.components.<name>` each value of a mapping. Where a key
is absent, its default holds; `null` means the same as absent where it is the default.
"""
_HEAD = "| key | type | default | range | description |\n|---|---|---|---|---|\n"


class Section(NamedTuple):
    """A block of the file.

    Attributes:
      path: Where it stands first, such as ``log.sources[].read``; empty for the file itself.
      block: What it holds.
      also: Other places where it stands.
    """

    path: str
    block: Block
    also: tuple[str, ...]


def sections() -> list[Section]:
    """All blocks in the order in which they are declared; one that stands in several places is there once."""
    found: dict[Block, list[str]] = {}
    _collect("", Block((RunSettings,)), found)
    return [Section(first, block, tuple(also)) for block, (first, *also) in found.items()]


def _collect(path: str, block: Block, found: dict[Block, list[str]]) -> None:
    found.setdefault(block, []).append(path)
    if len(found[block]) > 1:
        return
    for form in block.forms:
        for key, field in form.model_fields.items():
            start = f"{path}.{key}" if path else key
            for rest, inner in blocks_within(field.annotation, field.discriminator):
                _collect(start + rest, inner, found)


def page() -> str:
    """The whole page, as Markdown."""
    all_of_them = sections()
    paths = {section.block: section.path for section in all_of_them}
    return "\n".join([_INTRODUCTION, *(_section(section, paths) for section in all_of_them)])


def _section(section: Section, paths: dict[Block, str]) -> str:
    level = "###" if "." in section.path else "##"
    parts = [f"{level} {f'`{section.path}`' if section.path else 'The file'}\n"]
    parts += [f"Also {', '.join(f'`{path}`' for path in section.also)}.\n"] if section.also else []
    block = section.block
    if not block.discriminator:
        (form,) = block.forms
        return "\n".join([*parts, f"{_summary(form)}\n", _table(form, paths)])
    parts.append(f"Its keys depend on `{block.discriminator}`.\n")
    for form in block.forms:
        value = form_value(form, block.discriminator)
        table = _table(form, paths, first=block.discriminator)
        parts += [f"{level}# `{block.discriminator}: {value}`\n", f"{_summary(form)}\n", table]
    return "\n".join(parts)


def form_value(form: type[BaseModel], discriminator: str) -> str:
    """The value of the discriminator that asks for a form."""
    (value,) = get_args(form.model_fields[discriminator].annotation)
    return str(value)


def _summary(form: type[BaseModel]) -> str:
    """The first paragraph of the class's docstring."""
    paragraph = inspect.cleandoc(form.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")


def _table(form: type[BaseModel], paths: dict[Block, str], first: str = "") -> str:
    """A row for each key, as declared; ``first`` comes before all others."""
    rows = []
    for key, field in sorted(form.model_fields.items(), key=lambda item: item[0] != first):
        cells = (
            f"`{key}`",
            type_words(field, lambda block: f"[`{paths[block]}`](#{anchor(paths[block])})"),
            default_words(field),
            range_words(field, _limit(form, key)),
            field.description or "",
        )
        rows.append(f"| {' | '.join(map(_cell, cells))} |\n")
    return _HEAD + "".join(rows)


def _limit(form: type[BaseModel], key: str) -> Optional[Limit]:
    """The registry's range of a bound of the gate."""
    if not issubclass(form, (GateBounds, OverallBounds)):
        return None
    metric = {**bounded(of_group=True), **bounded(of_group=False)}.get(key)
    return metric.limit if metric is not None else None


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def anchor(heading: str) -> str:
    """What GitHub makes of a heading to link to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def fields() -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    """Every setting of the file, with the class that declares it; each once."""
    found: dict[tuple[type[BaseModel], str], FieldInfo] = {}
    for form in _forms(sections()):
        for key, field in form.model_fields.items():
            owner = next(kind for kind in form.__mro__ if key in kind.__dict__.get("__annotations__", {}))
            found.setdefault((owner, key), field)
    yield from ((owner, key, field) for (owner, key), field in found.items())


def _forms(of: Iterable[Section]) -> Iterator[type[BaseModel]]:
    for section in of:
        yield from section.block.forms


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
