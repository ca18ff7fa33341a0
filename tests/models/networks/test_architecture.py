import models  # noqa: F401

# isort: split
import json

import pytest

from models.networks.architecture import Architecture


def architecture(**choices):
    words = {"u": "public", "p": "private"}
    return Architecture({task: tuple(words[letter] for letter in letters) for task, letters in choices.items()})


@pytest.mark.parametrize("letters, depth", [("ppp", 0), ("upp", 1), ("uup", 2), ("uuu", 3), ("pup", 2), ("ppu", 3)])
def test_depth_is_up_to_the_last_public_block(letters, depth):
    assert architecture(a=letters).depth("a") == depth


@pytest.mark.parametrize(
    "choices, depth",
    [
        ({"a": "uuu"}, 0),
        ({"a": "uuu", "b": "ppp"}, 0),
        ({"a": "uuu", "b": "upp"}, 1),
        ({"a": "uuu", "b": "upp", "c": "pup"}, 2),
        ({"a": "uuu", "b": "uuu", "c": "ppp"}, 3),
    ],
)
def test_trunk_is_what_two_tasks_use(choices, depth):
    assert architecture(**choices).trunk_depth == depth


def test_json_keeps_tasks_in_their_order():
    value = architecture(zebra="up", apple="pp")
    text = json.dumps(value.to_json())
    assert text == '{"zebra": ["public", "private"], "apple": ["private", "private"]}'
    assert Architecture.from_json(json.loads(text)) == value


@pytest.mark.parametrize("choices", [{}, {"a": ()}, {"a": ("public",), "b": ("public", "private")}, {"a": ("both",)}])
def test_other_shapes_and_words_are_refused(choices):
    with pytest.raises(ValueError, match="an architecture should have `public` or `private` for each block"):
        Architecture(choices)


def test_an_architecture_of_another_network_is_refused():
    value = architecture(a="up", b="pp")
    value.check(["a", "b"], 2)
    for tasks, blocks in ((["b", "a"], 2), (["a"], 2), (["a", "b"], 3)):
        with pytest.raises(ValueError, match="the architecture should be one of tasks"):
            value.check(tasks, blocks)
