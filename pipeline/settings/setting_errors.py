"""What is wrong with settings, in sentences with the key in front: pydantic's errors as a person reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional, Union

from pydantic import ValidationError

from pipeline.settings.strict_yaml import Document

_MOST_ERRORS = 5
_LONGEST_VALUE = 200
_LONGEST_KEY = 60
_LONGEST_TEXT = 600
# What pydantic says where a mapping was expected.
_NO_MAPPING = ("model_type", "model_attributes_type", "dict_type", "dataclass_type")
# What it says where something plain was.
_PLAIN = ("literal_", "float_", "int_", "string_", "bool_", "tuple_", "list_")
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_VALUE + 1},}}")
_WORDS = {True: "true", False: "false", None: "null"}

Location = Sequence[Union[int, str]]


def sentences(error: ValidationError, document: Document) -> list[str]:
    """A sentence for each error, at most five, and how many more there are.

    Args:
      error: What the settings were refused with.
      document: What they were read from.
    """
    found = list(dict.fromkeys(_sentences(error, document)))
    more = len(found) - _MOST_ERRORS
    return found[:_MOST_ERRORS] + ([f"and {more} more"] if more > 0 else [])


def _sentences(error: ValidationError, document: Document) -> Iterator[str]:
    found = error.errors(include_url=False)
    for one in found:
        if _only_follows(one, found, document):
            continue
        key = _key(_place(one, document))
        cause = one.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):
            # Settings made of these were refused; their keys are not those of the file.
            yield from (f"{key}: {_message(below, None)}" for below in cause.errors(include_url=False))
        else:
            yield f"{key}: {_message(one, document)}" if key else _message(one, document)


def _only_follows(one: Any, found: Sequence[Any], document: Document) -> bool:
    """Whether an error only follows on another one.

    A list is called too short since pydantic left out what is wrong within. And where a setting has several forms, such as a
    number or a mapping, each is tried: what is said of a form that was not meant is of no use.
    """
    others = [other for other in found if other is not one]
    if one["type"] == "too_short":
        return any(_below(other, one["loc"]) for other in others)
    if not _place(one, document).is_form:
        return False
    rivals = [other for other in others if _below(other, one["loc"][:-1])]
    if one["type"] != "finite_number" and any(other["type"] == "finite_number" for other in rivals):
        return True
    is_mapping, expects_mapping = isinstance(one["input"], dict), one["type"] in _NO_MAPPING
    return bool(rivals) and (expects_mapping if not is_mapping else one["type"].startswith(_PLAIN))


def _below(one: Any, location: Location) -> bool:
    return tuple(one["loc"][: len(location)]) == tuple(location)


class _Place(NamedTuple):
    """Keys and positions in the file that an error is about, and whether it is about a form that the setting may have."""

    parts: list[Union[int, str]]
    is_form: bool


def _place(one: Any, document: Document) -> _Place:
    """Where an error is; what names nothing in the file (the forms of a setting) is no part of it."""
    parts: list[Union[int, str]] = []
    place, is_form = document.content, False
    for part in one["loc"]:
        is_there = (
            part in place
            if isinstance(place, dict)
            else isinstance(place, list) and isinstance(part, int) and part < len(place)
        )
        is_form = not is_there
        if is_there:
            parts.append(part)
            place = place[part]
    if is_form and one["type"] == "missing":
        return _Place([*parts, one["loc"][-1]], False)
    return _Place(parts, is_form)


def _key(place: _Place) -> str:
    """``tasks[1].positive``; nothing where keys do not fit together, whose message names them."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_cut(part, _LONGEST_KEY)}" for part in place.parts]
    return "".join(parts).removeprefix(".")


def _message(one: Any, document: Optional[Document]) -> str:
    kind, text = one["type"], one["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "this key is required"
    if kind == "union_tag_not_found":
        return f"the key {one['ctx']['discriminator']} is required"
    if kind == "union_tag_invalid":
        context = one["ctx"]
        text = f"{context['discriminator']} should be one of {context['expected_tags']}. Received: {context['tag']!r}"
    if kind in ("value_error", "union_tag_invalid"):
        return _cut(_LONG_WORD.sub(lambda word: _cut(word.group(), _LONGEST_VALUE), text), _LONGEST_TEXT)
    if kind in _NO_MAPPING:
        return f"Input should be a mapping of keys to values. Received: {_shown(one['input'])}"
    written = document.unquoted(one["loc"]) if document is not None else None
    if kind == "string_type" and written is not None:
        # What YAML made of it may look like something else: 18_29 is the number 1829.
        written = _cut(written, _LONGEST_VALUE)
        return f"{text}. Received: {written}; quote it: {json.dumps(written, ensure_ascii=False)}"
    return f"{_cut(text, _LONGEST_TEXT)}. Received: {_shown(one['input'])}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    return _cut(repr(value), _LONGEST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
