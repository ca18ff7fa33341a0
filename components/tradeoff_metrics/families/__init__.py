"""The metrics, a file for each family. Every file of this folder is imported, so that its metrics are registered."""

from __future__ import annotations

import importlib
import pkgutil

# The order in which tables and settings name the metrics; those of other files come after them.
ORDER = ("means", "errors", "gaps", "worst", "counts", "transfer")


def _register_all() -> None:
    others = sorted({module.name for module in pkgutil.iter_modules(__path__)} - set(ORDER))
    for name in (*ORDER, *others):
        importlib.import_module(f"{__name__}.{name}")


_register_all()
