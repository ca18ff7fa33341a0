"""YAML as a person reads it: what YAML 1.1 would silently turn into something else is refused.

PyYAML knows YAML 1.1 alone. There ``on`` and ``no`` are booleans (here they are words), a key that stands twice is taken
once, ``2024-01-06`` is a date, ``12:30`` the number 750, and ``010`` the number 8 (here each of these is an error).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Union

import yaml

from pipeline.settings.references import References

_TAG = "tag:yaml.org,2002:"
_BOOLEAN, _VALUE, _MERGE = f"{_TAG}bool", f"{_TAG}value", f"{_TAG}merge"
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
# No setting lies so deep, and no file of settings is so large once its aliases are written out.
_DEEPEST = 50
_MOST_SIGNS = 1_000_000
_MOST_DOUBTFUL = 5

Location = Sequence[Union[str, int]]


class UnquotedError(ValueError):
    """Texts that YAML takes for something else, since they stand without quotes; a line for each, with its key."""


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, refusing a key that stands twice (YAML alone keeps the last).

    Booleans are `true` and `false` as in YAML 1.2: in YAML 1.1 the key `on` is one too, and the group value `no`. A single
    `=` is a text.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOLEAN, _VALUE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            continue
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.YAMLError(f"line {line}: expected a plain key. Received: a list or a mapping as a key")
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.YAMLError(f"line {line}: the key `{_cut(str(key))}` stands twice, first in line {seen[key]}")
        seen[key] = line
    return loader.construct_mapping(node, deep=True)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_int(node)
    except ValueError as error:
        raise yaml.YAMLError(f"{_line(node.start_mark)}: expected a number. Received: {_cut(node.value)}") from error


_Loader.add_constructor(f"{_TAG}int", _integer)
_Loader.add_implicit_resolver(_BOOLEAN, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class Document:
    """A YAML document.

    Args:
      text: The document's text.
      environment: Where ``${NAME}`` and ``${NAME:-default}`` in scalars are replaced from; they stay where it is absent.
        Outside quotes the scalar is then read as if the value stood there, but that nothing in it ends the scalar.

    Attributes:
      content: What it says, in Python's own types; None where it is empty.

    Raises:
      yaml.YAMLError: It is no YAML, or deeper or larger than settings are; one sentence that names the line.
      UnquotedError: It holds what YAML 1.1 turns into something else than what stands there.
      UnsetError: A variable has neither value nor default.
    """

    def __init__(self, text: str, environment: Optional[Mapping[str, str]] = None) -> None:
        references = References(text, environment) if environment is not None else None
        text = text if references is None else references.text
        try:
            _check_size(text)
            self._read(text, references)
        except yaml.YAMLError as error:
            raise yaml.YAMLError(_one_sentence(error, text)) from error

    def _read(self, text: str, references: Optional[References]) -> None:
        loader = _Loader(text)
        try:
            self._node = loader.get_single_node()
            if references is not None:
                _fill(self._node, references, loader, set())
            doubtful = list(_doubtful(self._node, "", set()))
            if doubtful:
                more = len(doubtful) - _MOST_DOUBTFUL
                shown = doubtful[:_MOST_DOUBTFUL] + ([f"and {more} more"] if more > 0 else [])
                raise UnquotedError("\n".join(f"  {line}" for line in shown))
            self.content: Any = None if self._node is None else loader.construct_document(self._node)
        finally:
            loader.dispose()

    def unquoted(self, location: Location) -> Optional[str]:
        """The scalar at ``location`` as it is written, where it is one without quotes; else None.

        Args:
          location: Keys and positions from the document's root. Parts that name nothing in it are passed over, as the tags
            of unions are.
        """
        node: Any = self._node
        for part in location:
            node = _child(node, part) or node
        plain = isinstance(node, yaml.ScalarNode) and node.style is None and node.value
        return str(node.value) if plain else None


def _check_size(text: str) -> None:
    """Refuses what would take the loader's stack or the machine's memory.

    Raises:
      yaml.YAMLError: Lists and mappings lie too deep within each other, or aliases stand for too much or for themselves.
    """
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[Optional[str], int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            # One that is not known, the loader refuses.
            total += sizes.get(str(event.anchor), 0)
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise yaml.YAMLError(f"{line}: the alias `*{event.anchor}` stands within what it stands for")
            if total > _MOST_SIGNS:
                raise yaml.YAMLError(
                    f"{line}: what `*{event.anchor}` stands for makes the file longer than {_MOST_SIGNS:,} signs"
                )
        elif isinstance(event, yaml.ScalarEvent):
            total += len(event.value) + 1
            if event.anchor is not None:
                sizes[event.anchor] = len(event.value) + 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > _DEEPEST:
                raise yaml.YAMLError(
                    f"{line}: more than {_DEEPEST} lists and mappings within each other, as no setting has"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = total - before


def _fill(node: Any, references: References, loader: _Loader, seen: set[int]) -> None:
    """Replaces the references of all scalars below a node."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if references.are_in(node.value):
            node.value = references.fill(node.value, node.start_mark.line + 1)
            if node.style is None:
                node.tag = loader.resolve(yaml.ScalarNode, node.value, (True, False))
        return
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            _fill(part, references, loader, seen)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}"


def _one_sentence(error: yaml.YAMLError, text: str) -> str:
    """What is wrong and in which line, without the snippet that PyYAML shows."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.context_mark or error.problem_mark
        told = ", ".join(_cut(part) for part in (error.context, error.problem) if part)
        return f"{_line(mark)}: {told}" if mark is not None else told
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        sign = f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)
        return f"line {line}: the sign {sign} cannot stand in YAML"
    return str(error)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _child(node: Any, part: Union[str, int]) -> Any:
    """The value of a mapping's key, or the element of a list; None where there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if getattr(key, "value", None) == part), None)
    return None


def _doubtful(node: Any, where: str, seen: set[int]) -> Iterator[str]:
    """A sentence for each scalar that YAML 1.1 reads as something else than what stands there."""
    if isinstance(node, yaml.ScalarNode):
        yield from _sentence(node, where or "(whole file)", _read_as(node))
        return
    # An alias stands for a node that was looked at.
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _doubtful(child, f"{where}[{index}]", seen)
    else:
        for key, child in node.value:
            name = f"{where}.{key.value}" if where else str(key.value)
            # All keys of settings are texts.
            kind = key.tag.removeprefix(_TAG)
            yield from _sentence(key, f"the key {name}", _read_as(key) or _KEYS.get(kind))
            yield from _doubtful(child, name, seen)


_KEYS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}


def _sentence(node: Any, where: str, read_as: Optional[str]) -> Iterator[str]:
    if read_as is not None and node.style is None:
        quoted = json.dumps(node.value, ensure_ascii=False)
        line = node.start_mark.line + 1
        yield f"{where}: {node.value} without quotes is {read_as} in YAML; quote it: {quoted} (line {line})"


def _read_as(node: Any) -> Optional[str]:
    """What YAML makes of a scalar, where that is not what a person means by it."""
    kind, text = node.tag.removeprefix(_TAG), node.value
    if kind == "timestamp":
        return "a date"
    if kind not in ("int", "float"):
        return None
    if ":" in text:
        seconds = 0.0
        for part in text.lstrip("+-").replace("_", "").split(":"):
            seconds = 60 * seconds + float(part)
        return f"the number {'-' if text.startswith('-') else ''}{seconds:g}, counted in sixties,"
    return f"the octal number {int(text.replace('_', ''), 8)}" if kind == "int" and _OCTAL.fullmatch(text) else None
