"""Which blocks of its encoder each task takes from the public encoder: what architecture learning decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

PUBLIC, PRIVATE = "public", "private"


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Per task and block, public or private.

    A public block passes on what the public encoder makes of the input up to that block, whatever the task's blocks before
    it made. So the blocks before a task's last public block serve it only as part of the public encoder, and what counts
    is its ``depth``: where its own blocks branch off.

    Attributes:
      choices: Task → ``public`` or ``private`` for each block, from the input on.

    Raises:
      ValueError: There is no task or no block, the tasks differ in their number of blocks, or a choice is another word.
    """

    choices: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        counts = {len(choices) for choices in self.choices.values()}
        words = {choice for choices in self.choices.values() for choice in choices}
        if len(counts) != 1 or 0 in counts or not words <= {PUBLIC, PRIVATE}:
            raise ValueError(
                f"an architecture should have `{PUBLIC}` or `{PRIVATE}` for each block, and as many for each task. "
                f"Received: {self.to_json()}"
            )

    @property
    def blocks(self) -> int:
        """Number of blocks of an encoder."""
        return len(next(iter(self.choices.values())))

    def depth(self, task: str) -> int:
        """Number of blocks, from the input on, that the task takes from the public encoder."""
        return max((index + 1 for index, choice in enumerate(self.choices[task]) if choice == PUBLIC), default=0)

    @property
    def trunk_depth(self) -> int:
        """Number of blocks that at least two tasks take from the public encoder.

        A public block that one task alone uses is that task's own.
        """
        return sorted((self.depth(task) for task in self.choices), reverse=True)[1] if len(self.choices) > 1 else 0

    def check(self, tasks: Sequence[str], blocks: int) -> None:
        """Refuses an architecture of another network.

        Raises:
          ValueError: Tasks or number of blocks differ.
        """
        if tuple(self.choices) != tuple(tasks) or self.blocks != blocks:
            raise ValueError(
                f"the architecture should be one of tasks {list(tasks)} with {blocks} blocks each. Received: "
                f"{self.to_json()}"
            )

    def to_json(self) -> dict[str, list[str]]:
        """Plain values."""
        return {task: list(choices) for task, choices in self.choices.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Architecture:
        """The inverse of ``to_json``."""
        return cls({task: tuple(choices) for task, choices in value.items()})
