"""What a setting may be, in the words of a YAML file: its type, its default and its range."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.tradeoff_metrics.registry import Limit
from models.config.choices import LOSS_NAMES, LossName
from models.config.networks import NETWORK_SETTINGS, NetworkSettings

_PLAIN = {str: "text", int: "whole number", float: "number", Any: "anything"}
_BOUNDS = {
    annotated_types.Ge: ("ge", "≥"),
    annotated_types.Gt: ("gt", ">"),
    annotated_types.Le: ("le", "≤"),
    annotated_types.Lt: ("lt", "<"),
}
# What needs no quotes in YAML.
_BARE = re.compile(r"(?!(true|false|null|yes|no|on|off|y|n)$)[A-Za-z_][\w./-]*", re.I)


class Block(NamedTuple):
    """Settings that a value is a mapping of.

    Attributes:
      forms: The classes that it is read by: one, or one for each value of ``discriminator``.
      discriminator: The key that says which form it has; empty where there is one.
    """

    forms: tuple[type[BaseModel], ...]
    discriminator: str = ""


def block_of(annotation: Any, discriminator: Any = None) -> Optional[Block]:
    """The block that an annotation stands for; None where it is no block."""
    annotation, metadata = unwrapped(annotation)
    for part in metadata:
        discriminator = getattr(part, "discriminator", None) or discriminator
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return (
            Block(tuple(NETWORK_SETTINGS.values()), "network")
            if annotation is NetworkSettings
            else Block((annotation,))
        )
    if discriminator and _is_union(annotation):
        return Block(tuple(form for form in get_args(annotation) if form is not type(None)), str(discriminator))
    return None


def blocks_within(annotation: Any, discriminator: Any = None) -> Iterator[tuple[str, Block]]:
    """The blocks in an annotation, each with what its path has behind the key: ``[]`` in lists, ``.<name>`` in mappings."""
    block = block_of(annotation, discriminator)
    if block is not None:
        yield "", block
        return
    plain, _ = unwrapped(annotation)
    behind = {tuple: "[]", dict: ".<name>"}.get(get_origin(plain), "")
    for part in get_args(plain) if get_origin(plain) is not Literal else ():
        yield from ((behind + rest, found) for rest, found in blocks_within(part))


def unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without ``Annotated``, and its metadata."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return inner, tuple(metadata)
    return annotation, ()


def type_words(field: FieldInfo, link: Callable[[Block], str]) -> str:
    """The type of a setting, such as "list of whole numbers" or "one of `a`, `b`".

    Args:
      field: The setting.
      link: Block → what stands for it.
    """
    block = block_of(field.annotation, field.discriminator)
    if block is not None:
        words = f"block {link(block)}"
    else:
        words = _words(field.annotation, link, more=field.metadata)
    takes_null = _is_union(field.annotation) and type(None) in get_args(field.annotation)
    return f"{words}, or `null`" if takes_null and field.default is not None else words


def _words(annotation: Any, link: Callable[[Block], str], many: bool = False, more: Sequence[Any] = ()) -> str:
    """The words of a type, in the plural where ``many``; ``more`` is metadata beside the annotation's own."""
    plain, metadata = unwrapped(annotation)
    block = block_of(annotation)
    if block is not None:
        return f"{'blocks' if many else 'block'} {link(block)}"
    if LossName.__metadata__[0] in [*metadata, *more]:  # type: ignore[attr-defined]
        return _choice(LOSS_NAMES, many)
    origin, arguments = get_origin(plain), get_args(plain)
    if origin is Literal:
        return _choice(arguments, many)
    if _is_union(plain):
        kinds = [part for part in arguments if part is not type(None) and not (part is int and float in arguments)]
        return " or ".join(dict.fromkeys(_words(kind, link, many) for kind in kinds))
    if origin is tuple:
        several = arguments[-1] is Ellipsis
        what = _words(arguments[0], link, many=True)
        return f"{'lists' if many else 'list'} of {'' if several else f'{len(arguments)} '}{what}"
    if origin is dict:
        key, value = (_words(part, link) for part in arguments)
        return f"{'mappings' if many else 'mapping'} of {key.removeprefix('one of ')} to {value}"
    if plain is bool:
        return "`true` or `false`"
    return _PLAIN[plain] + ("s" if many and plain is not Any else "")


def _choice(values: Any, many: bool) -> str:
    names = ", ".join(f"`{value}`" for value in values)
    return names if len(values) == 1 or many else f"one of {names}"


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def default_words(field: FieldInfo) -> str:
    """The default as the YAML file would have it; "required" where there is none."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if not isinstance(default, BaseModel):
        return f"`{_yaml(default)}`"
    block = block_of(field.annotation, field.discriminator)
    if block is None or not block.discriminator:
        return "its defaults"
    return f"`{block.discriminator}: {getattr(default, block.discriminator)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml(key)}: {_yaml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) and _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def range_words(field: FieldInfo, limit: Optional[Limit] = None) -> str:
    """The range of a setting, from its constraints: "> 0, < 1"; empty where it has none.

    Args:
      field: The setting.
      limit: The gate's own range of a bound.
    """
    annotation = field.annotation
    found = _constraints(field.metadata, holds=annotation)
    if limit is not None:
        lowest = limit.lowest if limit.above is None else None
        found += [f"≥ {lowest:g}"] if lowest is not None else []
        found += [f"≤ {limit.highest:g}"] if limit.highest is not None else []
    for part in _values_within(annotation):
        plain, metadata = unwrapped(part)
        inner = [each for item in metadata for each in (item.metadata if isinstance(item, FieldInfo) else [item])]
        found += [f"each {words}" for words in _constraints(inner, holds=plain)]
    return ", ".join(found).replace("at least 1 character, at most 1 character", "1 character")


def _values_within(annotation: Any) -> Iterator[Any]:
    """The types of values in lists and mappings."""
    if _is_union(annotation):
        for part in get_args(annotation):
            yield from _values_within(part)
    elif get_origin(annotation) in (tuple, dict):
        yield get_args(annotation)[0 if get_origin(annotation) is tuple else 1]


def _constraints(metadata: Any, holds: Any) -> list[str]:
    found = []
    for part in metadata:
        if type(part) in _BOUNDS:
            name, sign = _BOUNDS[type(part)]
            found.append(f"{sign} {getattr(part, name):g}")
        elif isinstance(part, (annotated_types.MinLen, annotated_types.MaxLen)):
            least = isinstance(part, annotated_types.MinLen)
            number = part.min_length if isinstance(part, annotated_types.MinLen) else part.max_length
            noun = "character" if holds in (str, Optional[str]) else "entry"
            plural = {"character": "characters", "entry": "entries"}[noun]
            found.append(f"at {'least' if least else 'most'} {number} {noun if number == 1 else plural}")
    return found
