"""Modules of a user's own, which register losses, networks or metrics when they are imported.

They are imported wherever settings that name them are read: before the settings are checked, in the process that trains,
and in the pods. So their folder has to be on Python's path there; beside the YAML file is enough on this machine.

Example, the module ``own_losses`` beside ``dataset.yaml``, which says ``extensions: [own_losses]``::

    from models.fairness.base import FairnessLoss
    from models.fairness.registry import register_fairness_loss

    class MeanScore(FairnessLoss):
        ...

    register_fairness_loss("mean_score", lambda settings, n_groups, threshold: MeanScore(n_groups))
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def load_extensions(names: Iterable[str]) -> None:
    """Imports the modules; those that are imported already stay as they are.

    Raises:
      ValueError: One cannot be imported; the message says why and what to do.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # Whatever a module of the user's raises.
            raise ValueError(
                f"`extensions` should name modules that can be imported. Received: `{name}` "
                f"({type(error).__name__}: {error}); put it beside the YAML file, or its folder on PYTHONPATH"
            ) from error


def make_reachable(folder: Path) -> None:
    """Puts a folder at the end of Python's path, here and in the processes that this one starts."""
    place = str(folder)
    if place not in sys.path:
        sys.path.append(place)
    known = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if place not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([*known, place])


def extensions_hash(names: Iterable[str]) -> str:
    """Hash (hex) over the sources of the modules and of the packages that they stand in; empty where there are none.

    Raises:
      ValueError: A module has no source.
    """
    digest, found = hashlib.sha256(), False
    for name in names:
        for path in _sources(name.partition(".")[0]):
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
            found = True
    return digest.hexdigest()[:16] if found else ""


def _sources(name: str) -> Iterator[Path]:
    """The files of a package, or the file of a module."""
    spec = importlib.util.find_spec(name)
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        raise ValueError(f"`extensions` should name modules with a source. Received: `{name}`")
    if spec.submodule_search_locations:
        for folder in spec.submodule_search_locations:
            yield from sorted(Path(folder).rglob("*.py"))
    elif spec.origin is not None:
        yield Path(spec.origin)
