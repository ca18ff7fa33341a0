"""A hash of the source that a component runs, for the cache.

TFX keys its cache by settings and inputs, and sees no edit of a dotted function or an executor. The hash covers the module
and every module of ours that it imports, directly or not, and the lock file, so that edited code or another library
version runs anew and everything else is served from cache. A package that imports its own files by listing them with
`pkgutil.iter_modules(__path__)` is followed into all of them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "components", "pipeline", "kubeflow")


def _file(module: str, root: Path) -> Path | None:
    """The source of a module of ours; None for what is no module (a name imported from one)."""
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(path: Path, package: str) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if "iter_modules(__path__)" in text:
        yield from (f"{package}.{file.stem}" for file in path.parent.glob("*.py") if file != path)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def modules_of(module: str, root: Path = ROOT) -> dict[str, Path]:
    """Every module of ours that ``module`` runs, itself included, with its file.

    Raises:
      ModuleNotFoundError: ``module`` is none of ours.
    """
    if _file(module, root) is None:
        raise ModuleNotFoundError(f"no source for module `{module}` under {root}")
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file(name, root)
        if path is None or name in found or name.split(".")[0] not in PACKAGES:
            continue
        found[name] = path
        parts = name.split(".")
        waiting.extend(".".join(parts[:depth]) for depth in range(1, len(parts)))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting.extend(_imports(path, package))
    return found


@cache
def source_hash(*modules: str, root: Path = ROOT) -> str:
    """Hash (hex) over the sources that ``modules`` run and over the lock file."""
    digest = hashlib.sha256((root / "requirements.lock").read_bytes())
    sources = {name: path for module in modules for name, path in modules_of(module, root).items()}
    for name in sorted(sources):
        digest.update(f"\0{name}\0".encode() + sources[name].read_bytes())
    return digest.hexdigest()[:16]
