"""What a setting may be, in words: types, defaults and ranges of a small class with one of each."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import Field

from models.config.base import Settings
from models.config.choices import LossName
from models.config.networks import NETWORK_SETTINGS, ModelSettings, network_settings
from pipeline.settings.yaml_words import Block, block_of, blocks_within, default_words, range_words, type_words


class Inner(Settings):
    """A block."""

    size: int = 1


class Cat(Settings):
    """One form."""

    kind: Literal["cat"] = "cat"


class Dog(Settings):
    """Another form."""

    kind: Literal["dog"]


Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class One(Settings):
    """One of each."""

    text: str = "a, b"
    word: str = "word"
    yes: str = "yes"
    truth: bool = False
    tiny: float = 1 / 3
    rate: float = Field(0.5, ge=0, lt=1)
    either: Union[int, float, str] = 3
    choice: Literal["a", "b"] = "a"
    maybe: Optional[float] = Field(0.1, gt=0)
    never: Optional[float] = None
    losses: tuple[LossName, ...] = Field(("mmd",), min_length=1)
    loss: LossName = "mmd"
    pair: tuple[int, int] = (1, 2)
    lists: tuple[tuple[str, ...], ...] = ()
    shares: dict[Literal["a", "b"], Annotated[int, Field(ge=1)]] = {}
    name: str = Field(min_length=2, max_length=9)
    sign: Optional[str] = Field(None, min_length=1, max_length=1)
    anything: dict[str, Any] = {}
    block: Inner = Inner()
    blocks: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}
    pet: Pet = Cat()
    pets: tuple[Pet, ...] = ()
    word_or_pet: Union[Literal["none"], Pet] = "none"
    model: ModelSettings = network_settings()


def link(block: Block) -> str:
    return "/".join(form.__name__ for form in block.forms)


@pytest.mark.parametrize(
    ("key", "kind", "default", "allowed"),
    [
        ("text", "text", '`"a, b"`', ""),
        ("word", "text", "`word`", ""),
        # YAML 1.1 would read it as a truth value.
        ("yes", "text", '`"yes"`', ""),
        ("truth", "`true` or `false`", "`false`", ""),
        ("tiny", "number", "`0.333333`", ""),
        ("rate", "number", "`0.5`", "≥ 0, < 1"),
        ("either", "number or text", "`3`", ""),
        ("choice", "one of `a`, `b`", "`a`", ""),
        ("maybe", "number, or `null`", "`0.1`", "> 0"),
        ("never", "number", "`null`", ""),
        ("losses", "list of `fpr_gap`, `correlation`, `mmd`", "`[mmd]`", "at least 1 entry"),
        ("loss", "one of `fpr_gap`, `correlation`, `mmd`", "`mmd`", ""),
        ("pair", "list of 2 whole numbers", "`[1, 2]`", ""),
        ("lists", "list of lists of texts", "`[]`", ""),
        ("shares", "mapping of `a`, `b` to whole number", "`{}`", "each ≥ 1"),
        ("name", "text", "required", "at least 2 characters, at most 9 characters"),
        ("sign", "text", "`null`", "1 character"),
        ("anything", "mapping of text to anything", "`{}`", ""),
        ("block", "block Inner", "its defaults", ""),
        ("blocks", "list of blocks Inner", "`[]`", ""),
        ("named", "mapping of text to block Inner", "`{}`", ""),
        ("pet", "block Cat/Dog", "`kind: cat`", ""),
        ("pets", "list of blocks Cat/Dog", "`[]`", ""),
        ("word_or_pet", "`none` or block Cat/Dog", "`none`", ""),
    ],
)
def test_words(key: str, kind: str, default: str, allowed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without what other tests have registered.
    monkeypatch.setattr("pipeline.settings.yaml_words.LOSS_NAMES", ["fpr_gap", "correlation", "mmd"])
    field = One.model_fields[key]
    assert (type_words(field, link), default_words(field), range_words(field)) == (kind, default, allowed)


def test_a_network_is_a_block_with_a_form_for_each() -> None:
    field = One.model_fields["model"]
    assert block_of(field.annotation) == Block(tuple(NETWORK_SETTINGS.values()), "network")
    assert default_words(field) == "`network: shared_bottom`"


@pytest.mark.parametrize(
    ("key", "places"),
    [
        ("block", [""]),
        ("blocks", ["[]"]),
        ("named", [".<name>"]),
        ("pets", ["[]"]),
        ("word_or_pet", [""]),
        ("text", []),
    ],
)
def test_blocks_have_the_place_that_a_path_gives_them(key: str, places: list[str]) -> None:
    field = One.model_fields[key]
    assert [place for place, _ in blocks_within(field.annotation, field.discriminator)] == places
