"""What can be known before anything runs: names, folders, this machine, and the log's columns.

Each check yields sentences that name the key or the path, what was received, and what to do; all are shown together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.preflight import folders, log_columns, machine, names, schema_columns
from pipeline.running.places import RunFolder
from pipeline.settings.config import ConfigError, RunSettings

_MOST_PROBLEMS = 5


def before_the_log(settings: RunSettings, folder: RunFolder) -> list[str]:
    """Problems that do not need the log.

    Args:
      settings: As loaded.
      folder: Where the run keeps things.
    """
    checks = (names.problems(settings), folders.problems(settings, folder), machine.problems())
    return [problem for check in checks for problem in check]


def of_the_log(settings: RunSettings) -> list[str]:
    """Problems of the log's files, columns and first rows."""
    return list(log_columns.problems(settings))


def beside_the_log(settings: RunSettings, config: Path) -> list[str]:
    """Problems of the files that a run or a frontier reads beside the log."""
    return [*schema_columns.unreadable(settings, config), *folders.unreadable(settings)]


def of_the_schema(settings: RunSettings, config: Path) -> list[str]:
    """Whether a schema that can be read has the run's columns."""
    return list(schema_columns.problems(settings, config))


def of_another_run(folder: RunFolder) -> list[str]:
    """Whether another run works on the folder."""
    return list(folders.in_use(folder))


def refuse(problems: list[str], config: Path) -> None:
    """Raises one error that lists ``problems``; none where there are none.

    Raises:
      ConfigError: There is a problem.
    """
    if len(problems) == 1:
        raise ConfigError(f"{config}: {problems[0]}")
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        raise ConfigError("\n".join([f"{config}: {len(problems)} things to mend:", *_indented(shown)]))


def _indented(problems: list[str]) -> Iterator[str]:
    for problem in problems:
        yield "  " + problem.replace("\n", "\n    ")
